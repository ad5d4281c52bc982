"""Coarse fields at the centres of cells: what the terms of an equation are computed from."""

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from scipy import ndimage

from ..arguments import check_fields
from ..displays import Displayed
from ..errors import InputError, check_name, is_positive, is_real, plain, quoted, suggestion

Arrays = dict[str, np.ndarray]
_set = object.__setattr__  # of frozen ones


@dataclass(frozen=True, eq=False, repr=False)
class Samples(Displayed):
    """
    Fields of simulations at the centres of the cells of a uniform grid.

    Attributes:
        fields: By name (`u.x`, `u.y`, `marker`), shape (simulations, frames, *cells), or without frames.
        size: Size of the domain by axis, in the order of the arrays' last axes.
        periodic: Whether all axes are periodic, or the names of those that are.
        parameters: By name one number, or one for every simulation; terms may be multiplied by them.
        dt: Time step, for terms that are multiplied by it.
        mask: Which cells count, shape `cells`; None: all. Beside the others no central difference is taken.
        divergence_free: Name of a vector (`u`) whose divergence is zero: terms that follow from others by it are left
            out.

    Examples:
        >>> x = np.linspace(0, 2 * np.pi, 32, endpoint=False)
        >>> ps.Samples({"u": np.sin(x)[None, None]}, dict(x=2 * np.pi))
        Samples(u: 1 simulations of 1 frames, x=32)
    """

    fields: Mapping[str, np.ndarray]
    size: Mapping[str, float]
    _: KW_ONLY
    periodic: bool | Sequence[str] = True
    parameters: Mapping[str, float | Sequence[float] | np.ndarray] = field(default_factory=dict)
    dt: float | None = None
    mask: np.ndarray | Sequence | None = None
    divergence_free: str | None = None

    def __post_init__(self):
        """Raises InputError for arrays of other shapes, values that are not finite, and names that don't fit."""
        check_fields(self)
        if not self.fields or not self.size:
            raise InputError("Samples need at least one field and one axis.")
        for axis, length in self.size.items():
            if not (axis.isidentifier() and is_positive(length)):
                raise InputError(f"The size of samples is a positive number by axis, not {quoted(axis)}: {length!r}.")
        _set(self, "size", {d: float(plain(s)) for d, s in self.size.items()})
        _set(self, "fields", {check_name("A field", n): numbers(f"The field {n}", a) for n, a in self.fields.items()})
        first, shape = next((n, self.framed(a).shape) for n, a in self.fields.items())
        if len(shape) != 2 + len(self.size) or min(shape) < 1 or min(shape[2:]) < 4:
            least = f"(simulations, frames, {', '.join(self.size)}) with at least 4 cells along each axis"
            raise InputError(f"The field {first} must have the shape {least}, not {self.fields[first].shape}.")
        _set(self, "fields", {n: self.fitted(f"The field {n}", a, shape) for n, a in self.fields.items()})
        names = self.size if self.periodic is True else self.periodic or ()
        for name in names:
            if name not in self.size:
                raise InputError(f"The axis {quoted(name)} can't be periodic: there are {', '.join(self.size)}.")
        _set(self, "periodic", tuple(names))
        if self.mask is not None:
            mask = np.asarray(self.mask)
            if mask.shape != self.cells or mask.dtype != bool or not mask.any():
                raise InputError(f"A mask of samples is a boolean array of shape {self.cells} with at least one True.")
            _set(self, "mask", mask)
        if self.dt is not None and not is_positive(self.dt):
            raise InputError(f"dt of samples must be positive, not {quoted(self.dt)}.")
        if "dt" in self.parameters:
            raise InputError("dt is no parameter of samples but an argument of its own: dt=.")
        _set(self, "parameters", {n: self._parameter(n, v) for n, v in self.parameters.items()})
        vector = [f"{self.divergence_free}.{d}" for d in self.size]
        if self.divergence_free is not None and (missing := [n for n in vector if n not in self.fields]):
            raise InputError(f"{self.divergence_free} can't be free of divergence: there is no field {missing[0]}.")
        for name, values in self.fields.items():
            self.check_finite(f"The field {name}", values)

    def _parameter(self, name: str, value) -> np.ndarray:
        value = numbers(f"The parameter {name}", value)
        if value.shape not in ((), (self.simulations,)) or not all(is_real(v) for v in value.flat):
            raise InputError(f"The parameter {name} must be a number, or {self.simulations} of them: one a simulation.")
        return np.broadcast_to(value, (self.simulations,))

    def framed(self, array: np.ndarray) -> np.ndarray:
        """An array with an axis of frames."""
        return array[:, None] if array.ndim == 1 + len(self.size) else array

    def fitted(self, what: str, array: np.ndarray, shape: tuple[int, ...] | None = None) -> np.ndarray:
        """An array with an axis of frames; InputError if it has not the shape of the fields."""
        shape, framed = shape or (self.simulations, self.frames, *self.cells), self.framed(array)
        if framed.shape != shape:
            raise InputError(f"{what} has the shape {array.shape}, where the fields have {shape}.")
        return framed

    def check_finite(self, what: str, values: np.ndarray):
        """Raises InputError, with their number, for values that are not finite in cells that count."""
        wrong = ~np.isfinite(values) & (True if self.mask is None else self.mask)
        if count := int(wrong.sum()):
            simulation, frame = np.argwhere(wrong)[0][:2]
            first = f"the first in simulation {simulation}, frame {frame}"
            raise InputError(f"{what} has {count} values of {values.size} that are not finite, {first}.")

    @property
    def simulations(self) -> int:
        """How many simulations there are."""
        return len(next(iter(self.fields.values())))

    @property
    def frames(self) -> int:
        """Of each simulation."""
        return next(iter(self.fields.values())).shape[1]

    @property
    def cells(self) -> tuple[int, ...]:
        """Along each axis."""
        return next(iter(self.fields.values())).shape[2:]

    @property
    def spacing(self) -> dict[str, float]:
        """Size of a cell along each axis."""
        return {d: s / n for (d, s), n in zip(self.size.items(), self.cells, strict=True)}

    @property
    def precision(self) -> float:
        """Relative rounding error of the least precise field."""
        return max(float(np.finfo(f.dtype).eps) for f in self.fields.values())

    def rms(self, name: str) -> float:
        """Root mean square of a field over the cells that count."""
        values = self.fields[name] if self.mask is None else self.fields[name][..., self.mask]
        return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))

    def numbers(self, simulation: int) -> dict[str, float]:
        """Parameters of a simulation, and `dt`."""
        given = {n: float(v[simulation]) for n, v in self.parameters.items()}  # type: ignore[index]
        return given | ({} if self.dt is None else {"dt": float(plain(self.dt))})

    def inner(self, margin: int) -> np.ndarray:
        """Which cells count and are more than so many cells away from others and from sides that are not periodic."""
        keep = np.ones(self.cells, bool) if self.mask is None else np.array(self.mask)
        if self.mask is not None and margin:
            wide = [(margin, margin)] * keep.ndim
            modes = {d: "wrap" if d in self.periodic else "edge" for d in self.size}  # type: ignore[operator]
            for axis, d in enumerate(self.size):
                pad = [w if i == axis else (0, 0) for i, w in enumerate(wide)]
                keep = np.pad(keep, pad, modes[d])  # type: ignore[call-overload]
            keep = ndimage.minimum_filter(keep, 2 * margin + 1)[(slice(margin, -margin),) * keep.ndim]
        for axis, d in enumerate(self.size):
            if d not in self.periodic:  # type: ignore[operator]
                sides = np.moveaxis(keep, axis, 0)
                sides[:margin] = sides[len(sides) - margin :] = False
        return keep

    def _told(self) -> dict:
        cells = ", ".join(f"{d}={n}" for d, n in zip(self.size, self.cells, strict=True))
        known = {"fields": ", ".join(self.fields), "simulations": self.simulations, "frames": self.frames}
        size = ", ".join(f"{d} {s:g}" for d, s in self.size.items())
        return known | {"cells": cells, "size": size, "periodic": ", ".join(tuple(self.periodic))}  # type: ignore[arg-type]

    def __repr__(self):
        cells = ", ".join(f"{d}={n}" for d, n in zip(self.size, self.cells, strict=True))
        return f"Samples({', '.join(self.fields)}: {self.simulations} simulations of {self.frames} frames, {cells})"


def numbers(what: str, value) -> np.ndarray:
    """An array of real numbers in floating-point precision; raises InputError for anything else."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} must be an array of numbers, not {quoted(value)}.") from None
    if array.dtype.kind not in "fiu":
        raise InputError(f"{what} must be an array of real numbers, not {quoted(value)}.")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float64)


class Part:
    """
    Some frames of one simulation, as terms of one's own get them: `part["u.x"]` is a field, `part.d("u.x", "xy")` its
    derivative, each of shape (frames, *cells), and `part.parameters["viscosity"]` a number.
    """

    def __init__(self, samples: Samples, simulation: int, frames: slice, spectral: bool):
        self._samples, self._at, self._spectral = samples, (simulation, frames), spectral
        self.parameters = samples.numbers(simulation)
        self._known: dict[tuple, np.ndarray] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.derivative(name, (0,) * len(self._samples.size))

    def d(self, name: str, axes: str | Sequence[str]) -> np.ndarray:
        """The derivative of a field along axes, such as `xx`; or, for longer names, a sequence of them."""
        for axis in axes:
            if axis not in self._samples.size:
                raise InputError(f"There is no axis {quoted(axis)}: there are {', '.join(self._samples.size)}.")
        return self.derivative(name, tuple(list(axes).count(d) for d in self._samples.size))

    def derivative(self, name: str, orders: tuple[int, ...]) -> np.ndarray:
        """The same by the order along each axis."""
        key = (name, orders)
        if key not in self._known:
            self._known[key] = self._derivative(name, orders)
        return self._known[key]

    def _derivative(self, name: str, orders: tuple[int, ...]) -> np.ndarray:
        if name not in self._samples.fields:
            known = list(self._samples.fields)
            hint = suggestion(name, known)
            raise InputError(f"There is no field {quoted(name)}.{hint} Known: {', '.join(known)}.")
        if not any(orders):
            return self._samples.fields[name][self._at].astype(np.float64)
        axis = max(i for i, n in enumerate(orders) if n)
        before = self.derivative(name, tuple(0 if i == axis else n for i, n in enumerate(orders)))
        d = list(self._samples.size)[axis]
        spacing, at = self._samples.spacing[d], axis - len(orders)
        if self._spectral and d in self._samples.periodic:  # type: ignore[operator]
            return spectral(before, at, orders[axis], spacing)
        return central(before, at, orders[axis], spacing)


def spectral(values: np.ndarray, axis: int, order: int, spacing: float, shift: float = 0.0) -> np.ndarray:
    """A derivative along a periodic axis by Fourier transforms, exact for what the grid resolves; shifted by cells."""
    n = values.shape[axis]
    number = 2 * np.pi * np.fft.rfftfreq(n, spacing)
    factor = (1j * number) ** order * np.exp(1j * number * spacing * shift)
    if n % 2 == 0:
        factor[-1] = factor[-1].real  # of the wave of two cells the grid knows one phase only
    factor = factor.reshape([-1 if i == axis % values.ndim else 1 for i in range(values.ndim)])
    return np.fft.irfft(np.fft.rfft(values, axis=axis) * factor, n, axis)


def central(values: np.ndarray, axis: int, order: int, spacing: float) -> np.ndarray:
    """The same by central differences of second order; along an axis that is not periodic its ends are not valid."""
    if order > 2:
        return central(central(values, axis, 2, spacing), axis, order - 2, spacing)
    after, before = np.roll(values, -1, axis), np.roll(values, 1, axis)
    return (after - before) / (2 * spacing) if order == 1 else (after - 2 * values + before) / spacing**2
