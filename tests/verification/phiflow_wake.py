"""The wake step written with PhiFlow's own operators and its conjugate gradients, independent of phi_sol."""

import numpy as np
from phi import math
from phi.field import CenteredGrid, Field, StaggeredGrid, divergence, spatial_gradient, stagger
from phi.geom import Box, Sphere, cylinder, embed
from phi.math import Solve, extrapolation
from phi.physics import advect, diffuse
from phi.physics.fluid import masked_laplace


class PhiFlowWake:
    """In 2D, or in 3D with a cylinder along z (periodic) or an inclined cylinder or a sphere (moving walls)."""

    def __init__(self, tolerance: float, obstacle: str = "cylinder", **resolution: int):
        self.tolerance, self.res = tolerance, resolution
        stream = math.vec(**{d: 1.0 if d == "y" else 0.0 for d in resolution})
        self.boundary = {"x": stream, "y-": stream, "y+": extrapolation.ZERO_GRADIENT}
        self.pressure_boundary = {"x": extrapolation.ZERO_GRADIENT, "y-": extrapolation.ZERO_GRADIENT, "y+": 0}
        self.marker_boundary = {"x": extrapolation.ZERO_GRADIENT, "y": extrapolation.ZERO_GRADIENT}
        outside = {
            "y-": extrapolation.ZERO,
            "y+": extrapolation.ONE,
            "x-": extrapolation.ZERO,
            "x+": extrapolation.ZERO,
        }
        inflow = dict(y=(5, 10), x=(25, 75))
        periodic = "z" in resolution and obstacle == "cylinder"
        if "z" in resolution:
            self.boundary["z"] = extrapolation.PERIODIC if periodic else stream
            self.pressure_boundary["z"] = self.marker_boundary["z"] = (
                extrapolation.PERIODIC if periodic else extrapolation.ZERO_GRADIENT
            )
            outside["z"] = extrapolation.PERIODIC if periodic else extrapolation.ZERO
            inflow["z"] = (0, 100) if periodic else (25, 75)
        self.bounds = Box(**{d: 200 if d == "y" else 100 for d in resolution})
        self.obstacle = Sphere(**{d: 50 for d in resolution}, radius=10)
        if periodic:
            self.obstacle = embed(Sphere(y=50, x=50, radius=10), "z")
        elif obstacle == "inclined":
            self.obstacle = cylinder(
                math.vec(y=50, x=50, z=50),
                10,
                1000,
                axis=math.vec(y=0.0, x=math.sin(math.PI / 9), z=math.cos(math.PI / 9)),
            )
        with math.NUMPY:
            v = StaggeredGrid(0, self.boundary, self.bounds, **self.res)
            fluid = Field(v.geometry, ~self.obstacle, extrapolation.combine_sides(outside))
            self.fluid = fluid.with_boundary(extrapolation.NONE)
            self.open = stagger(fluid, math.minimum, v.boundary, at="face", dims=list(resolution))
            # covered fraction of each cell, by counting 40 points per cell and axis: exact for this box on these grids
            fraction = math.wrap(1.0)
            for d, (lower, upper) in inflow.items():
                points = np.arange(0.5, 40 * resolution[d]) * (200 if d == "y" else 100) / (40 * resolution[d])
                share = ((points > lower) & (points < upper)).reshape(-1, 40).mean(1)
                fraction = fraction * math.wrap(share, math.spatial(d))
            self.inflow = CenteredGrid(fraction, self.marker_boundary, self.bounds)

    def velocity(self, values) -> Field:
        return StaggeredGrid(values, self.boundary, self.bounds, **self.res)

    def marker(self, values) -> Field:
        return CenteredGrid(values, self.marker_boundary, self.bounds, **self.res)

    def project(self, velocity: Field) -> Field:
        velocity = (velocity * self.open).with_boundary(velocity.boundary)
        div = divergence(velocity) * self.fluid
        start = Field(div.geometry, 0, self.pressure_boundary)
        solve = Solve("CG", self.tolerance, self.tolerance, x0=start, max_iterations=20000)
        pressure = math.solve_linear(
            masked_laplace,
            div,
            solve,
            velocity.boundary,
            self.open,
            self.fluid,
            wide_stencil=False,
            order=2,
            implicit=None,
            upwind=None,
            correct_skew=False,
        )
        gradient = spatial_gradient(pressure, velocity.boundary, at="face") * self.open
        return (velocity - gradient).with_boundary(velocity.boundary)

    def step(self, velocity: Field, marker: Field, reynolds, dt: float) -> tuple[Field, Field]:
        velocity = diffuse.explicit(velocity, 10.0 / reynolds, dt)
        velocity = (velocity * self.open).with_boundary(velocity.boundary)
        marker = advect.semi_lagrangian(marker + self.inflow * dt, velocity, dt)
        velocity = advect.semi_lagrangian(velocity, velocity, dt)
        return self.project(velocity), marker
