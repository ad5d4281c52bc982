"""Pressure projection of staggered velocity fields on static domains."""

from collections.abc import Sequence

import numpy as np
from phi import math
from phi.field import CenteredGrid, Field, divergence, spatial_gradient, stagger
from phi.geom import Geometry, union
from phi.math import extrapolation
from phi.math.extrapolation import Extrapolation

from .axes import CLOSED, OPEN, PERIODIC
from .direct import DirectPoisson


def side_of(boundary: Extrapolation, dim: str, upper: bool) -> str:
    """How a velocity boundary acts on the pressure at one side: `open`, `closed` or `periodic`."""
    spec = boundary.to_dict()
    if spec["type"] == "mixed_v2":
        sides = spec["dims"]
        spec = sides.get(dim + ("+" if upper else "-"), sides.get(dim))
    if spec["type"] == "normal-tangential":
        spec = spec["normal"]
    if spec["type"] == "periodic":
        return PERIODIC
    if spec["type"] == "constant":
        return CLOSED
    if spec["type"] in ("zero-gradient", "boundary"):
        return OPEN
    raise ValueError(f"The pressure solve knows constant, zero-gradient and periodic velocity boundaries, not {spec['type']!r}.")


class Projection:
    """
    Makes a staggered velocity divergence-free outside static obstacles: `u = u* - ∇p` with `∇²p = ∇·u*`.

    On faces between a fluid and a solid cell, and inside obstacles, the velocity is set to zero and no pressure
    gradient acts. A cell is solid if its centre lies in an obstacle.

    This is PhiFlow's `fluid.make_incompressible` with one difference: PhiFlow damps the velocity near an obstacle by
    the covered fraction of each face ("soft" mask) and lets the rest flow through blocked faces. Here blocked faces
    carry exactly no flow and open faces are left alone, as in PhiFlow 1 and in the paper. With the soft mask the 2D
    wake source has a velocity error of 0.18 over 500 frames instead of 0.15.

    Second order in space; the projection is orthogonal, linear and idempotent, and its gradient is exact.
    """

    def __init__(self, velocity: Field, obstacles: Sequence[Geometry] = ()):
        """
        Args:
            velocity: Any staggered velocity with the grid and boundary to solve on; its values do not matter.
            obstacles: Static obstacles in the space of the grid.

        Raises:
            ValueError: if the obstacles leave no fluid cell, or a boundary is of an unknown kind.
        """
        with math.NUMPY, math.precision(64):
            grid, boundary = velocity.geometry, velocity.boundary
            dims = grid.resolution.names
            sides = {d: (side_of(boundary, d, False), side_of(boundary, d, True)) for d in dims}
            solid = np.zeros(grid.resolution.sizes, bool)
            self.open_faces = None
            if obstacles:
                solid = union(list(obstacles)).lies_inside(grid.center).numpy(dims)
                outside = extrapolation.combine_sides({d + "-+"[k]: _accessible(s) for d in dims for k, s in enumerate(sides[d])})
                fluid = CenteredGrid(math.wrap(~solid, grid.resolution), outside, grid.bounds)
                self.open_faces = stagger(fluid, math.minimum, boundary, at="face", dims=dims)
            self.fluid = ~solid
            pressure_sides = {d + "-+"[k]: 0 if s == OPEN else _SAME[s] for d in dims for k, s in enumerate(sides[d])}
            self.pressure_boundary = extrapolation.combine_sides(pressure_sides)
            spacing = dict(zip(dims, grid.dx.numpy("vector").tolist(), strict=True))
            self.solver = DirectPoisson(grid.resolution.untyped_dict, spacing, sides, solid)

    def block(self, velocity: Field) -> Field:
        """`velocity` with zero on all faces of solid cells (no slip, no flow through)."""
        if self.open_faces is None:
            return velocity
        return velocity.with_values(velocity.values * math.to_float(self.open_faces.values))

    def __call__(self, velocity: Field) -> tuple[Field, Field]:
        """
        Args:
            velocity: Staggered velocity `u*` on the grid of this projection, with any batch dimensions.

        Returns:
            velocity: Divergence-free velocity u. The divergence is the rounding error of u divided by the cell size.
            pressure: Centred field p, the physical pressure times dt / density; zero inside obstacles.
        """
        velocity = self.block(velocity)
        pressure = Field(velocity.geometry, -self.solver.solve(divergence(velocity).values), self.pressure_boundary)
        gradient = self.block(spatial_gradient(pressure, velocity.boundary, at="face"))
        return velocity.with_values(velocity.values - gradient.values), pressure


_SAME = {CLOSED: extrapolation.ZERO_GRADIENT, PERIODIC: extrapolation.PERIODIC}


def _accessible(side: str) -> Extrapolation:
    """Extrapolation of the fluid mask beyond a side: solid, fluid, or the other end."""
    return {CLOSED: extrapolation.ZERO, OPEN: extrapolation.ONE, PERIODIC: extrapolation.PERIODIC}[side]
