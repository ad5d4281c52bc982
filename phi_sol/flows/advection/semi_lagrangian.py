"""The semi-Lagrangian step."""

from phi.field import Field
from phi.math import Tensor
from phi.physics import advect

from .lookup import REACH, Lookup, assembled, parts_of, within_reach


def semi_lagrangian(field: Field, velocity: Field, dt: Tensor | float, reach: int = REACH) -> Field:
    """
    One semi-Lagrangian step: `f(x, t + dt) = f(x - v(x, t) dt, t)` with linear interpolation.

    Equal to PhiFlow's `advect.semi_lagrangian` to round-off. First order in time and, at a fixed CFL number, in space;
    stable for any CFL number. The gradient is that of the interpolation; where a lookup falls on a sample point, the
    one-sided one.

    Args:
        field: Centred or staggered grid to be advected. Its boundaries: constants (also traced ones), zero gradient,
            periodic, profiles (`field.as_boundary()`), classes derived from these, or a mix. A centred field in a
            profile on all sides goes to PhiFlow.
        velocity: Vector grid.
        dt: Time increment.
        reach: Bound K, in cells, of the displacement `|v| dt / dx` up to which shifted copies are blended; where it is
            exceeded anywhere, all values are gathered instead. The result is the same.

    Returns:
        Grid with the sample points of `field`.

    Raises:
        InputError: for other boundaries of `field`.
    """
    if not field.is_staggered and isinstance(getattr(field.boundary, "field", None), Field):
        return advect.semi_lagrangian(field, velocity, dt)
    within = within_reach(velocity, dt, reach)
    return assembled(field, [Lookup(part, dt, reach).values(within) for part in parts_of(field, velocity)])
