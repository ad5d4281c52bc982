"""
Advection of fields along a velocity: PhiFlow's semi-Lagrangian and MacCormack steps, which look up a field at
`x - v dt`, without scattered memory access: for displacements of at most a few cells by sums over shifted copies of the
field (`interpolation.py`).
"""

from dataclasses import dataclass
from typing import Any

from phi import math
from phi.field import Field, sample
from phi.math import Tensor, dual, reshaped_tensor
from phi.math.backend import choose_backend
from phi.math.extrapolation import ZERO_GRADIENT, ConstantExtrapolation
from phi.physics import advect

from ..errors import InputError, quoted
from ..grids.interpolation import Interpolation
from ..grids.layout import CLOSED, OTHER, Layout, by_side, side_of

REACH = 1  # default bound K in cells; on CPUs one makes the copies twice as fast as the gather, two equally fast


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
    within = _within(velocity, dt, reach)
    return _assemble(field, [_Lookup(part, dt, reach).values(within) for part in _parts(field, velocity)])


def mac_cormack(field: Field, velocity: Field, dt: Tensor | float, reach: int = REACH) -> Field:
    """
    One limited MacCormack step: with A the semi-Lagrangian step and A⁻ the one backwards in time,

        f₁ = A f,   f₂ = A⁻ f₁,   f = f₁ + (f - f₂) / 2,   clipped to the range of the values that f₁ was
        interpolated from.

    Equal to PhiFlow's `advect.mac_cormack` where that runs. Second order in space and time for smooth fields and
    constant velocity, first order at extrema, where the limiter acts, and in time where the velocity varies.

    Arguments and result as for `semi_lagrangian`.

    Source: A. Selle, R. Fedkiw, B. Kim, Y. Liu, J. Rossignac, "An unconditionally stable MacCormack method", J. Sci.
    Comput. 35 (2008).
    """
    parts, within = _parts(field, velocity), _within(velocity, dt, reach)
    found = [_Lookup(part, dt, reach).values_and_range(within) for part in parts]
    forward, lower, upper = zip(*found, strict=True)
    # f₁ takes the boundary conditions of the field as a whole, so that it is put together before the way back
    moved = _assemble(field, list(forward))
    result = []
    for before, part, f1, low, high in zip(parts, _parts(moved, velocity, parts), forward, lower, upper, strict=True):
        part.speed = {d: -s for d, s in part.speed.items()}
        back = _Lookup(part, dt, reach).values(within)
        result.append(math.clip(f1 + 0.5 * (before.values - back), low, high))
    return _assemble(field, result)


SCHEMES = {"semi_lagrangian": semi_lagrangian, "mac_cormack": mac_cormack}


def _within(velocity: Field, dt: Tensor | float, reach: int):
    """Whether no displacement exceeds `reach` cells (a native scalar), by stored and boundary values; NaN: no."""
    greatest: Any = 0.0
    layout = Layout("velocity", velocity)
    for d, h in _spacing(layout).items():
        values = velocity.values[{"~vector": d}] if velocity.is_staggered else velocity.values.vector[d]
        speed = math.maximum(math.max(math.abs(values), values.shape), _beyond(layout, values, d)) * math.abs(dt) / h
        greatest = math.maximum(greatest, math.max(speed, speed.shape))
    return (greatest <= reach).native()


def _beyond(layout: Layout, values: Tensor, component: str) -> Tensor | float:
    """A bound of the magnitude that boundaries give a component of the velocity beyond the sides."""
    sides = layout.leaves(component)
    constants = [math.abs(e.value) for e in sides if type(e) is ConstantExtrapolation]
    greatest = max([float(math.max(c, c.shape)) for c in constants if c.available], default=0.0)
    for constant in (c for c in constants if not c.available):
        greatest = math.maximum(greatest, math.max(constant, constant.shape))
    if any(type(e) is not ConstantExtrapolation and side_of(e, component, False) == CLOSED for e in sides):  # profiles
        padded = math.abs(layout.extend(values, component, {d: (1, 1) for d in layout.dims}))
        greatest = math.maximum(greatest, math.max(padded, padded.shape))
    return greatest


def _parts(field: Field, velocity: Field, like: "list[_Part] | None" = None) -> "list[_Part]":
    """A centred field, or the components of a staggered one, with the velocity there in cells per time."""
    layout, dims = Layout("field", field), field.resolution.names
    if like is not None:
        speeds = [part.speed for part in like]
    else:
        carrier = Field(velocity.geometry, velocity.values, by_side(velocity.boundary, dims))
        sampled = sample(carrier, field.geometry, at=field.sampled_at, boundary=field.boundary)
        samples = [sampled[{"~vector": d}] for d in dims] if field.is_staggered else [sampled]
        speeds = [{d: s.vector[d] / h for d, h in _spacing(layout).items()} for s in samples]
    values = [field.values[{"~vector": d}] for d in dims] if field.is_staggered else [field.values]
    return [_Part(layout, c, v, s) for c, v, s in zip(layout.components, values, speeds, strict=True)]


def _spacing(layout: Layout) -> dict[str, float]:
    """Cell size by axis; not looked up where a grid was made inside a trace."""
    dx = layout.template.dx
    return dict(zip(layout.dims, dx.numpy("vector").tolist(), strict=True)) if dx.available else layout.spacing


@dataclass
class _Part:
    """Values of a centred field or of a component, and the velocity by axis in cells per time."""

    layout: Layout
    component: str
    values: Tensor
    speed: dict[str, Tensor]


def _assemble(field: Field, parts: list[Tensor]) -> Field:
    return field.with_values(math.stack(parts, dual(vector=field.resolution.names)) if field.is_staggered else parts[0])


class _Lookup:
    """Values of one array at displaced sample points."""

    def __init__(self, part: _Part, dt: Tensor | float, reach: int):
        layout, values, dims = part.layout, part.values, list(part.speed)
        for side in layout.leaves(part.component):
            if side_of(side, part.component, False) == OTHER:
                raise InputError(
                    f"Advection knows constant, zero-gradient and periodic boundaries, not {quoted(str(side))}."
                )
        displacement = [-(s * dt) for s in part.speed.values()]
        periodic = tuple(layout.is_periodic(d) for d in dims)
        width = max(reach, 1)  # of which the boundary gives one layer, and the outermost values go on
        by_boundary = {d: (width if p else 1,) * 2 for d, p in zip(dims, periodic, strict=True)}
        padded = layout.extend(values, part.component, by_boundary)
        if width > 1:
            padded = math.pad(padded, {d: (width - n,) * 2 for d, (n, _) in by_boundary.items()}, ZERO_GRADIENT)
        self.batch = math.merge_shapes(*[x.shape.without(dims) for x in (padded, *displacement)])
        self.shape = values.shape.only(dims, reorder=True)
        self.s = [math.expand(s, self.batch & self.shape).native([self.batch, *dims]) for s in displacement]
        backend = choose_backend(*self.s)
        precision = backend.dtype(self.s[0]).precision
        self.interpolation = Interpolation(backend, self.shape.sizes, periodic, reach, precision)
        self.f = math.expand(padded, self.batch).native([self.batch, *dims])

    def values(self, within) -> Tensor:
        """The interpolated values."""
        return self._tensor(self.interpolation.values(self.f, self.s, within))

    def values_and_range(self, within) -> tuple[Tensor, Tensor, Tensor]:
        """The interpolated values, and the least and the greatest of the values that each was interpolated from."""
        result = self.interpolation.values_and_range(self.f, self.s, within)
        return tuple(self._tensor(result[i]) for i in range(3))

    def _tensor(self, native) -> Tensor:
        return reshaped_tensor(native, [self.batch, *self.shape], convert=False)
