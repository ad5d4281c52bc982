"""
Advection of fields along a velocity: PhiFlow's semi-Lagrangian and MacCormack steps without scattered memory access.

Both look up a field at `x - v dt`. While the displacement `|v| dt / dx` is at most a few cells, the
interpolation is a sum over shifted copies of the field, most of them with the weight zero: dense arithmetic, no
    gather, and a gradient without scatter
(`interpolation.py`).
"""

import numpy as np
from phi import math
from phi.field import Field, sample
from phi.math import Tensor, dual, reshaped_tensor
from phi.math.backend import choose_backend
from phi.math.extrapolation import Extrapolation

from ..grids.interpolation import Interpolation

REACH = 1
"""
Default bound K in cells; measured on CPUs: with one cell the copies are twice as fast as the gather, with two
they equal it.
"""


def semi_lagrangian(field: Field, velocity: Field, dt: Tensor | float, reach: int = REACH) -> Field:
    """
    One semi-Lagrangian step: `f(x, t + dt) = f(x - v(x, t) dt, t)` with linear interpolation.

    Equal to PhiFlow's `advect.semi_lagrangian` to round-off. First order in time and, at a fixed CFL number, in
    space; stable for any CFL number. The gradient is that of the interpolation; where a lookup falls on a
    sample point, the one-sided one.

    Args:
        field: Centred or staggered grid to be advected; constant, zero-gradient and periodic boundaries, or a mix.
        velocity: Vector grid.
        dt: Time increment.
        reach: Bound K, in cells, of the displacement `|v| dt / dx` up to which shifted copies are blended;
            where it is exceeded anywhere, all values are gathered instead. The result is the same.

    Returns:
        Grid with the sample points of `field`.

    Raises:
        ValueError: for other boundaries of `field`.
    """
    within = _within(velocity, dt, reach)
    parts = [_Lookup(*part, dt, reach).values(within) for part in _parts(field, velocity)]
    return _assemble(field, parts)


def mac_cormack(field: Field, velocity: Field, dt: Tensor | float, reach: int = REACH) -> Field:
    """
    One limited MacCormack step: with A the semi-Lagrangian step and A⁻ the one backwards in time,

        f₁ = A f,   f₂ = A⁻ f₁,   f = f₁ + (f - f₂) / 2,   clipped to the range of the values that f₁ was
        interpolated from.

    Equal to PhiFlow's `advect.mac_cormack` where that runs. Second order in space and time for smooth fields
    and constant velocity, first order at extrema, where the limiter acts, and in time where the velocity varies.

    Arguments and result as for `semi_lagrangian`.

    Source: A. Selle, R. Fedkiw, B. Kim, Y. Liu, J. Rossignac, "An unconditionally stable MacCormack method",
    J. Sci. Comput. 35 (2008).
    """
    parts, within = list(_parts(field, velocity)), _within(velocity, dt, reach)
    lookups = [_Lookup(*part, dt, reach) for part in parts]
    forward, lower, upper = zip(*[lookup.values_and_range(within) for lookup in lookups], strict=True)
    # f₁ takes the boundary conditions of the field as a whole, so that it is put together before the way back
    moved = _assemble(field, list(forward))
    result = []
    for (values, extrapolation, displacement), f1, low, high in zip(
        _parts(moved, velocity, parts), forward, lower, upper, strict=True
    ):
        back = _Lookup(values, extrapolation, {d: -s for d, s in displacement.items()}, dt, reach).values(within)
        result.append((f1, back, low, high))
    before = [values for values, _, _ in parts]
    corrected = [
        math.clip(f1 + 0.5 * (f - back), low, high) for f, (f1, back, low, high) in zip(before, result, strict=True)
    ]
    return _assemble(field, corrected)


SCHEMES = {"semi_lagrangian": semi_lagrangian, "mac_cormack": mac_cormack}


def _within(velocity: Field, dt: Tensor | float, reach: int):
    """
    Whether no displacement exceeds `reach` cells, as a native scalar: judged by the stored velocities and the
    boundary values, of which all others are weighted means. False where there is a NaN.
    """
    greatest = 0.0
    for d, h in zip(velocity.resolution.names, velocity.dx.numpy("vector").tolist(), strict=True):
        values = velocity.values[{"~vector": d}] if velocity.is_staggered else velocity.values.vector[d]
        beyond = _greatest_constant(velocity.boundary[{"vector": d}].to_dict())
        speed = math.maximum(math.max(math.abs(values), values.shape), beyond) * math.abs(dt) / h
        greatest = math.maximum(greatest, math.max(speed, speed.shape))
    return (greatest <= reach).native()


def _greatest_constant(spec: dict) -> float:
    """Of the constants in a (mixed) extrapolation, given as a dictionary."""
    if spec["type"] == "mixed_v2":
        return max(map(_greatest_constant, spec["dims"].values()))
    if spec["type"] == "normal-tangential":
        return max(_greatest_constant(spec["normal"]), _greatest_constant(spec["tangential"]))
    return float(np.max(np.abs(spec["value"]))) if spec["type"] == "constant" else 0.0


def _kinds(spec: dict) -> set[str]:
    """Types of the simple extrapolations that a (mixed) one, as a dictionary, consists of."""
    if spec["type"] == "mixed_v2":
        return set().union(*map(_kinds, spec["dims"].values()))
    if spec["type"] == "normal-tangential":
        return _kinds(spec["normal"]) | _kinds(spec["tangential"])
    return {spec["type"]}


def _parts(field: Field, velocity: Field, like=None):
    """(values, extrapolation, velocity by axis in cells per time) of a centred field or of each staggered component."""
    dims = field.resolution.names
    spacing = field.dx.numpy("vector")
    if like is not None:
        speeds = [speed for _, _, speed in like]
    else:
        sampled = sample(velocity, field.geometry, at=field.sampled_at, boundary=field.boundary)
        samples = [sampled[{"~vector": d}] for d in dims] if field.is_staggered else [sampled]
        speeds = [{d: s.vector[d] / float(h) for d, h in zip(dims, spacing, strict=True)} for s in samples]
    if not field.is_staggered:
        yield field.values, field.boundary, speeds[0]
        return
    for d, speed in zip(dims, speeds, strict=True):
        yield field.values[{"~vector": d}], field.boundary[{"vector": d}], speed


def _assemble(field: Field, parts: list[Tensor]) -> Field:
    return field.with_values(math.stack(parts, dual(vector=field.resolution.names)) if field.is_staggered else parts[0])


class _Lookup:
    """Values of one array at displaced sample points."""

    def __init__(
        self, values: Tensor, extrapolation: Extrapolation, speed: dict[str, Tensor], dt: Tensor | float, reach: int
    ):
        for kind in _kinds(extrapolation.to_dict()):
            if kind not in ("constant", "zero-gradient", "boundary", "periodic"):
                raise ValueError(f"Advection knows constant, zero-gradient and periodic boundaries, not {kind!r}.")
        dims = list(speed)
        displacement = [-(s * dt) for s in speed.values()]
        self.batch = math.merge_shapes(values.shape, *[s.shape for s in displacement]).without(dims)
        self.shape = values.shape.only(dims, reorder=True)
        self.s = [math.expand(s, self.batch & self.shape).native([self.batch, *dims]) for s in displacement]
        backend = choose_backend(*self.s)
        periodic = tuple(_is_periodic(extrapolation, d) for d in dims)
        self.interpolation = Interpolation(
            backend, self.shape.sizes, periodic, reach, backend.dtype(self.s[0]).precision
        )
        width = self.interpolation.width
        padded = math.pad(values, {d: (width, width) for d in dims}, extrapolation)
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


def _is_periodic(extrapolation: Extrapolation, dim: str) -> bool:
    spec = extrapolation.to_dict()
    if spec["type"] == "mixed_v2":
        spec = spec["dims"].get(dim + "-", spec["dims"].get(dim))
    return spec["type"] == "periodic"
