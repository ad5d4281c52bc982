"""Pressure projection of staggered velocity fields on static domains."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from phi import math
from phi.field import CenteredGrid, Field, divergence, spatial_gradient, stagger
from phi.geom import Geometry, union
from phi.math import Solve, Tensor, extrapolation
from phi.math.extrapolation import Extrapolation
from phi.physics import fluid
from phi.physics.fluid import Obstacle

from ..errors import InputError
from .axes import CLOSED, OPEN, PERIODIC
from .direct import DirectPoisson


def at_side(boundary: Extrapolation, dim: str, upper: bool) -> dict:
    """A boundary at one side, in PhiML's dictionary form."""
    spec = boundary.to_dict()
    if spec["type"] == "mixed_v2":
        sides = spec["dims"]
        spec = sides.get(dim + ("+" if upper else "-"), sides.get(dim))
    return spec


def side_of(boundary: Extrapolation, dim: str, upper: bool) -> str:
    """How a velocity boundary acts on the pressure at one side: `open`, `closed` or `periodic`."""
    spec = at_side(boundary, dim, upper)
    if spec["type"] == "normal-tangential":
        spec = spec["normal"]
    if spec["type"] == "periodic":
        return PERIODIC
    if spec["type"] == "constant":
        return CLOSED
    if spec["type"] in ("zero-gradient", "boundary"):
        return OPEN
    raise ValueError(
        f"The pressure solve knows constant, zero-gradient and periodic velocity boundaries, not {spec['type']!r}."
    )


class Projection:
    """
    Makes a staggered velocity divergence-free outside static obstacles: `u = u* - ∇p` with `∇²p = ∇·u*`.

    On faces between a fluid and a solid cell, and inside obstacles, the velocity is set to zero and no pressure
    gradient acts. A cell is solid if its centre lies in an obstacle.

    This is PhiFlow's `fluid.make_incompressible` with one difference: PhiFlow damps the velocity near an obstacle by
    the covered fraction of each face ("soft" mask) and lets the rest flow through blocked faces. Here blocked faces
    carry exactly no flow and open faces are left alone, as in PhiFlow 1 and in the paper. With the soft mask the 2D
    wake source has a velocity error of 0.18 over 500 frames instead of 0.15.

    Second order in space; the projection is orthogonal, linear and idempotent, and its gradient is exact. In a domain
    without an open side, where inflow and outflow may not balance, the mean divergence is not removed: ∇·u is
        then the same
    small constant everywhere.
    """

    def __init__(self, velocity: Field, obstacles: Sequence[Geometry | Tensor | np.ndarray] = ()):
        """
        Args:
            velocity: Any staggered velocity with the grid and boundary to solve on; its values do not matter.
            obstacles: Static obstacles: geometries, or boolean masks with one value per cell (tensors, or
                arrays in the order of the axes).

        Raises:
            InputError: if an obstacle covers no cell centre.
            ValueError: if the obstacles leave no fluid cell, or a boundary is of an unknown kind.
        """
        with math.NUMPY, math.precision(64):
            for obstacle in obstacles:
                if not solid_cells(velocity, [obstacle]).any():
                    kind = type(obstacle).__name__ if isinstance(obstacle, Geometry) else "mask"
                    cell = " x ".join(f"{h:g}" for h in velocity.dx.numpy("vector"))
                    raise InputError(
                        f"The obstacle ({kind}) covers no cell centre: it lies outside of the domain, or cells of {cell} are too coarse for it."
                    )
            self._set_up(velocity, solid_cells(velocity, obstacles))

    def _set_up(self, velocity: Field, solid: np.ndarray):
        grid, boundary = velocity.geometry, velocity.boundary
        dims = grid.resolution.names
        sides = {d: (side_of(boundary, d, False), side_of(boundary, d, True)) for d in dims}
        self.open_faces = None
        if solid.any():
            outside = extrapolation.combine_sides(
                {d + "-+"[k]: _accessible(s) for d in dims for k, s in enumerate(sides[d])}
            )
            fluid_cells = CenteredGrid(math.wrap(~solid, grid.resolution), outside, grid.bounds)
            self.open_faces = stagger(fluid_cells, math.minimum, boundary, at="face", dims=dims)
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
        return self.correct(self.block(velocity))

    def correct(self, velocity: Field) -> tuple[Field, Field]:
        """The same for a velocity on whose values at blocked faces nothing is imposed: they stay as they are."""
        return self.subtract_gradient(velocity, -self.solver.solve(divergence(velocity).values))

    def subtract_gradient(self, velocity: Field, pressure: Tensor) -> tuple[Field, Field]:
        """`u* - ∇p` and the field of p, from its values in cells; blocked faces are left alone."""
        pressure = Field(velocity.geometry, pressure, self.pressure_boundary)
        gradient = self.block(spatial_gradient(pressure, velocity.boundary, at="face"))
        return velocity.with_values(velocity.values - gradient.values), pressure


def make_incompressible(
    velocity: Field,
    obstacles: Obstacle | Geometry | Sequence[Obstacle | Geometry] = (),
    solve=None,
    active: Field | None = None,
    order: int = 2,
    correct_skew: bool = False,
    wide_stencil: bool | None = None,
) -> tuple[Field, Field]:
    """
    PhiFlow's `fluid.make_incompressible` with a direct solve: the same arguments, and the same velocity to round-off.

    Solves `∇²p = ∇·u*` and returns `u* - ∇p`. The set-up of a domain (see `DirectPoisson`) is kept for the
    domains that were used last. The exact solve takes the place of the iterative one for a staggered velocity
    on a grid with static obstacles and the standard second-order stencil; all else (moving obstacles, `active`,
    other orders and stencils, centred velocities, meshes) is handed to PhiFlow with `solve`. As in PhiFlow, the
    velocity is damped by the covered fraction of each face, an obstacle outside of the domain has no effect,
    and in a domain without an open side the mean divergence stays.

    Args:
        velocity: Velocity u*, with any batch dimensions.
        obstacles: Obstacles or geometries.
        solve: For what is handed to PhiFlow; name method and tolerance there. A direct solve needs none.
        active: See PhiFlow.
        order: See PhiFlow.
        correct_skew: See PhiFlow.
        wide_stencil: See PhiFlow.

    Returns:
        velocity: Divergence-free velocity.
        pressure: Pressure times dt / density; zero inside obstacles.

    Raises:
        ValueError: if the obstacles leave no fluid cell, or a boundary is of an unknown kind.
    """
    given = [obstacles] if isinstance(obstacles, Obstacle | Geometry) else list(obstacles)
    given = [o if isinstance(o, Obstacle) else Obstacle(o) for o in given]
    special = active is not None or order != 2 or correct_skew or wide_stencil
    if special or not (velocity.is_grid and velocity.is_staggered) or not all(o.is_stationary for o in given):
        return fluid.make_incompressible(
            velocity, obstacles, solve or Solve(), active, order, correct_skew, wide_stencil
        )
    with math.NUMPY, math.precision(64):
        solid = solid_cells(velocity, [o.geometry for o in given])
        lower, upper = (tuple(x.numpy("vector").tolist()) for x in (velocity.bounds.lower, velocity.bounds.upper))
        names = tuple(velocity.resolution.names)
        key = _Domain(
            names, solid.shape, lower, upper, repr(velocity.boundary.to_dict()), solid.tobytes(), velocity, solid
        )
        projection = _projection(key)
    if given:
        velocity = fluid.apply_boundary_conditions(velocity, given)
    return projection.correct(velocity)


@dataclass(frozen=True)
class _Domain:
    """What a projection depends on, as a key, and what it is made from."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    boundary: str
    mask: bytes
    velocity: Field = field(compare=False)
    solid: np.ndarray = field(compare=False)


@lru_cache(maxsize=8)
def _projection(domain: _Domain) -> Projection:
    projection = object.__new__(Projection)
    projection._set_up(domain.velocity, domain.solid)
    return projection


def solid_cells(velocity: Field, obstacles: Sequence[Geometry | Tensor | np.ndarray]) -> np.ndarray:
    """
    Cells in an obstacle, as a boolean array in the order of the grid's axes: those whose centre lies in a
    geometry, and those of masks.

    Raises:
        ValueError: if a mask does not have the shape of the grid.
    """
    dims, shape = velocity.resolution.names, velocity.resolution.sizes
    solid = np.zeros(shape, bool)
    geometries = [o for o in obstacles if isinstance(o, Geometry)]
    if geometries:
        solid |= union(geometries).lies_inside(velocity.geometry.center).numpy(dims)
    for mask in (o for o in obstacles if not isinstance(o, Geometry)):
        mask = np.asarray(mask.numpy(dims) if isinstance(mask, Tensor) else mask)
        if mask.shape != shape or mask.dtype != bool:
            raise ValueError(
                f"An obstacle mask must be boolean with one value per cell {shape}, not {mask.dtype} of shape {mask.shape}."
            )
        solid |= mask
    return solid


_SAME = {CLOSED: extrapolation.ZERO_GRADIENT, PERIODIC: extrapolation.PERIODIC}


def _accessible(side: str) -> Extrapolation:
    """Extrapolation of the fluid mask beyond a side: solid, fluid, or the other end."""
    return {CLOSED: extrapolation.ZERO, OPEN: extrapolation.ONE, PERIODIC: extrapolation.PERIODIC}[side]
