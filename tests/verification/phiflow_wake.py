"""The wake step written with PhiFlow's own operators and its conjugate gradients, independent of phi_sol."""

import numpy as np
from phi import math
from phi.field import CenteredGrid, Field, StaggeredGrid, divergence, spatial_gradient, stagger
from phi.geom import Box, Sphere
from phi.math import Solve, extrapolation
from phi.physics import advect, diffuse
from phi.physics.fluid import masked_laplace


class PhiFlowWake:
    def __init__(self, y: int, x: int, tolerance: float):
        self.tolerance = tolerance
        self.boundary = {"x": math.vec(y=1.0, x=0.0), "y-": math.vec(y=1.0, x=0.0), "y+": extrapolation.ZERO_GRADIENT}
        self.pressure_boundary = {"x": extrapolation.ZERO_GRADIENT, "y-": extrapolation.ZERO_GRADIENT, "y+": extrapolation.ZERO}
        self.bounds, self.res = Box(y=200, x=100), dict(y=y, x=x)
        self.cylinder = Sphere(y=50, x=50, radius=10)
        with math.NUMPY:
            v = StaggeredGrid(0, self.boundary, self.bounds, **self.res)
            outside = extrapolation.combine_sides(
                {"y-": extrapolation.ZERO, "y+": extrapolation.ONE, "x-": extrapolation.ZERO, "x+": extrapolation.ZERO}
            )
            fluid = Field(v.geometry, ~self.cylinder, outside)
            self.fluid = fluid.with_boundary(extrapolation.NONE)
            self.open = stagger(fluid, math.minimum, v.boundary, at="face", dims="y,x")
            # covered fraction of each cell, by counting 40 points per cell and axis: exact for this box on these grids
            py, px = (np.arange(0.5, 40 * y) * 200 / (40 * y)), (np.arange(0.5, 40 * x) * 100 / (40 * x))
            fraction = np.outer(((py > 5) & (py < 10)).reshape(y, 40).mean(1), ((px > 25) & (px < 75)).reshape(x, 40).mean(1))
            self.inflow = CenteredGrid(math.wrap(fraction, math.spatial("y,x")), extrapolation.ZERO_GRADIENT, self.bounds)

    def velocity(self, values) -> Field:
        return StaggeredGrid(values, self.boundary, self.bounds, **self.res)

    def marker(self, values) -> Field:
        return CenteredGrid(values, extrapolation.ZERO_GRADIENT, self.bounds, **self.res)

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
