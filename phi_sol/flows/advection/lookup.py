"""
Lookups of a field at `x - v dt`, without scattered memory access: for displacements of at most a few cells by sums over
shifted copies of the field (`grids/interpolation.py`).
"""

from dataclasses import dataclass
from typing import Any

from phi import math
from phi.field import Field, sample
from phi.math import Tensor, dual, reshaped_tensor
from phi.math.backend import choose_backend
from phi.math.extrapolation import ZERO_GRADIENT, ConstantExtrapolation

from ...errors import InputError, quoted
from ...grids.interpolation import Interpolation
from ...grids.layout import CLOSED, OTHER, Layout, by_side, side_of

REACH = 1  # default bound K in cells; on CPUs one makes the copies twice as fast as the gather, two equally fast


def within_reach(velocity: Field, dt: Tensor | float, reach: int):
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


def parts_of(field: Field, velocity: Field, like: "list[Part] | None" = None) -> "list[Part]":
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
    return [Part(layout, c, v, s) for c, v, s in zip(layout.components, values, speeds, strict=True)]


def _spacing(layout: Layout) -> dict[str, float]:
    """Cell size by axis; not looked up where a grid was made inside a trace."""
    dx = layout.template.dx
    return dict(zip(layout.dims, dx.numpy("vector").tolist(), strict=True)) if dx.available else layout.spacing


@dataclass
class Part:
    """Values of a centred field or of a component, and the velocity by axis in cells per time."""

    layout: Layout
    component: str
    values: Tensor
    speed: dict[str, Tensor]


def assembled(field: Field, parts: list[Tensor]) -> Field:
    return field.with_values(math.stack(parts, dual(vector=field.resolution.names)) if field.is_staggered else parts[0])


class Lookup:
    """Values of one array at displaced sample points."""

    def __init__(self, part: Part, dt: Tensor | float, reach: int):
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
