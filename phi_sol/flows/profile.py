"""A prescribed velocity that varies along a side: an inlet profile."""

from collections.abc import Callable, Mapping
from operator import add, mul, sub, truediv
from typing import Any

import numpy as np
from phi import math
from phi.math import Tensor, batch, channel, reshaped_tensor, spatial
from phi.math.extrapolation import ZERO, ConstantExtrapolation, Extrapolation

from ..errors import InputError, is_real, plain, quoted
from ..stepping.arrays import native_numbers

POINTS = 6  # of Gauss and Legendre per face and axis: means of polynomials up to degree 11 are exact


class Profile(Extrapolation):
    """
    Fixed values beyond one side, one per outer face along it; like a constant they are not stored with the field.
    Beyond the corners the outermost values go on.
    """

    is_flexible = False
    shape = math.EMPTY_SHAPE

    def __init__(self, values: Tensor):
        """`values`: with the spatial dimensions of the side; several simulations may differ, and gradients flow on."""
        super().__init__(pad_rank=6)  # after constants, so that what is beside it is there already
        self.values = values

    def determines_boundary_values(self, boundary_key):
        return True

    def to_dict(self) -> dict:
        """For PhiFlow's files, which know no profiles: a constant with the same flux."""
        return {"type": "constant", "value": float(math.mean(self.values, self.values.shape))}

    def spatial_gradient(self) -> Extrapolation:
        return ZERO

    def pad_values(self, value, width, dim, upper_edge, already_padded=None, **kwargs):
        layer = math.to_float(self.values)
        for d in layer.shape.spatial.names:
            more = value.shape.get_size(d) - layer.shape.get_size(d)
            own = (already_padded or {}).get(d, (0, 0))
            lower, upper = own if sum(own) == more else (more // 2, more - more // 2)
            ends = {d: slice(0, 1)}, {d: slice(-1, None)}
            parts = [math.concat([layer[end]] * n, d) for end, n in zip(ends, (lower, upper), strict=True) if n]
            layer = math.concat([*parts[: bool(lower)], layer, *parts[bool(lower) :]], d) if parts else layer
        return math.expand(layer, value.shape.after_gather({dim: slice(0, width)}))

    def __getitem__(self, item):
        return self

    # --- of sums and differences of fields, as constants have it ---

    def _with(self, other: Extrapolation, operation: Callable) -> Extrapolation:
        if not isinstance(other, Profile | ConstantExtrapolation):
            return NotImplemented
        if other is self and operation is sub:
            return ZERO
        return Profile(operation(self.values, other.values if isinstance(other, Profile) else other.value))

    def __add__(self, other):
        return self._with(other, add)

    __radd__ = __add__

    def __sub__(self, other):
        return self._with(other, sub)

    def __rsub__(self, other):
        return (-self)._with(other, add)

    def __mul__(self, other):
        return self._with(other, mul)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._with(other, truediv)

    def __neg__(self):
        return Profile(-self.values)

    def __abs__(self):
        return Profile(math.abs(self.values))

    def __eq__(self, other):
        same = isinstance(other, Profile) and self.values.shape == other.values.shape
        if same and not (self.values.available and other.values.available):
            return self.values is other.values
        return same and bool(math.close(self.values, other.values, rel_tolerance=1e-5, abs_tolerance=1e-6))

    def __hash__(self):
        return hash(Profile)

    def __repr__(self):
        return f"Profile({', '.join(f'{d}={n}' for d, n in self.values.shape.untyped_dict.items())})"


def profile_values(name: str, given: Any, faces: Mapping[str, int]) -> Tensor:
    """
    A profile as a user gives it, one number or an array (faces, ...) or (batch, faces, ...), as a tensor of PhiML;
    gradients flow on through tensors of TensorFlow and PhiML.

    Raises:
        InputError: for another shape, and known values that are not finite.
    """
    dims, sizes, axes = list(faces), tuple(faces.values()), ", ".join(faces)
    kind = f"The {name} is a number or has one value per face, of shape {sizes} along {axes}, or (batch, ...)"
    if isinstance(given, Tensor):
        if given.shape.non_batch.untyped_dict != dict(zip(dims, sizes, strict=True)):
            raise InputError(f"{kind}, not {given.shape}.")
        values = given
    else:
        try:
            native = native_numbers(given)
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{kind}, not {quoted(given)}.") from None
        shape = tuple(native.shape)
        if shape not in ((), sizes) and (shape[1:] != sizes or not shape[0]):
            raise InputError(f"{kind}, not of shape {shape}.")
        several = [batch("batch")] if len(shape) > len(dims) else []
        values = reshaped_tensor(native, [*several, *[spatial(d) for d in dims if shape]], convert=False)
        values = math.expand(values, spatial(**dict(zip(dims, sizes, strict=True))))
    values = math.to_float(values)
    if values.available and not np.isfinite(values.numpy(values.shape)).all():
        raise InputError(f"The {name} must be finite everywhere.")
    return values


def face_means(where: dict[str, tuple[float, int]], at: dict[str, float], function: Callable) -> Tensor:
    """
    Means of a function of position over the faces of a side, so that the flux is the same on every grid.

    Args:
        where: Length and number of cells along each axis of the side.
        at: Position of the side.
        function: Called with a PhiML location, as PhiFlow's grids call theirs.

    Raises:
        InputError: unless it gives one finite, real value per position.
    """
    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    with math.NUMPY, math.precision(64):
        points = {d: (np.arange(n)[:, None] + (1 + nodes) / 2) * (length / n) for d, (length, n) in where.items()}
        dims = [spatial(**{d: p.size}) for d, p in points.items()]
        along = {d: math.wrap(p.ravel(), s) for (d, p), s in zip(points.items(), dims, strict=True)}
        place = {d: math.wrap(p) for d, p in at.items()} | along
        axes = [d for d in ("y", "x", "z") if d in place]
        given = function(math.stack([place[d] for d in axes], channel(vector=axes), expand_values=True))
        values = _numbers(given, list(where), [p.size for p in points.values()])
        for axis, n in enumerate(n for _, n in where.values()):
            shape = (*values.shape[:axis], n, POINTS, *values.shape[axis + 1 :])
            values = np.tensordot(values.reshape(shape), weights / 2, ([axis + 1], [0]))
        return math.wrap(values, spatial(",".join(where))) if where else math.wrap(values)


def _numbers(given: Any, dims: list[str], sizes: list[int]) -> np.ndarray:
    if not isinstance(given, Tensor) and not is_real(plain(given)):
        raise InputError(f"An inlet profile must give a number per position, not {type(given).__name__} {given!r:.60}.")
    tensor = math.wrap(given)
    if set(tensor.shape.names) - set(dims):
        beyond = tensor.shape.without(dims)
        kind = "a vector" if "vector" in beyond else f"values along {beyond}"
        raise InputError(f"An inlet profile gives one number per position, the speed along y, not {kind}.")
    values = np.broadcast_to(math.expand(tensor, spatial(**dict(zip(dims, sizes, strict=True)))).numpy(dims), sizes)
    if not np.isfinite(values).all():
        raise InputError("An inlet profile must be finite everywhere at the inlet.")
    return values.astype(np.float64)
