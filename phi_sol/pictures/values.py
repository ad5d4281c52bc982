"""Field values as plain arrays, wherever they come from, and what can be drawn of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from phi.field import Field

from ..errors import InputError
from ..flows import Flow
from ..grids.differences import curl, pair_means
from ..grids.layout import sliced

MAGNITUDE, VORTICITY, VALUE, SPEED, PRESSURE = "magnitude", "vorticity", "value", "speed", "pressure"
UNITS = {"velocity": "length / time", "forcing": "length / time²"}
HIDDEN = ("time",)  # fields that are the same in every cell


@dataclass(frozen=True)
class Values:
    """
    One field on a uniform grid.

    Attributes:
        bounds: (lower, upper) per axis, in the order of the array axes.
        parts: `{"": array}` of a scalar; one array per axis name of a vector. At cell centres, or, where staggered, on
            the faces normal to the component: then one entry more along that axis.
    """

    bounds: dict[str, tuple[float, float]]
    parts: dict[str, np.ndarray]
    staggered: bool = False

    @classmethod
    def of_padded(cls, bounds: dict[str, tuple[float, float]], padded: np.ndarray) -> "Values":
        """A staggered field as PhiFlow stores it: components last, each with one more entry along all axes."""
        own = {c: tuple(slice(None if d == c else -1) for d in bounds) for c in bounds}
        return cls(bounds, {c: padded[(*s, i)] for i, (c, s) in enumerate(own.items())}, True)

    @classmethod
    def of_field(cls, field: Field, index: dict | None = None) -> "Values":
        """Values of a PhiFlow grid, of a batch those at `index`; InputError if it is no uniform grid, or a batch."""
        if not isinstance(field, Field) or not field.is_grid:
            raise InputError(f"Only PhiFlow grids can be shown, not {type(field).__name__}.")
        field = sliced(field, index or {})
        axes = list(field.resolution.names)
        lower, upper = (b.vector[axes].numpy("vector") for b in (field.bounds.lower, field.bounds.upper))
        bounds = {d: (float(a), float(b)) for d, a, b in zip(axes, lower, upper, strict=True)}
        if batch := field.shape.batch:
            raise InputError(f"One simulation at a time can be shown, but there are the batch dimensions {batch}.")
        if field.is_staggered:
            return cls.of_padded(bounds, field.staggered_tensor().numpy([*axes, "vector"]))
        if "vector" not in field.values.shape:
            return cls(bounds, {"": field.values.numpy(axes)})
        names = field.values.shape.get_item_names("vector") or axes
        return cls(bounds, {n: field.values.vector[i].numpy(axes) for i, n in enumerate(names)})

    @property
    def axes(self) -> list[str]:
        return list(self.bounds)

    @property
    def resolution(self) -> dict[str, int]:
        """Cells per axis."""
        name, array = next(iter(self.parts.items()))
        return {d: n - (self.staggered and d == name) for d, n in zip(self.axes, array.shape, strict=True)}

    @property
    def spacing(self) -> dict[str, float]:
        """Cell size per axis."""
        return {d: (self.bounds[d][1] - self.bounds[d][0]) / n for d, n in self.resolution.items()}

    @property
    def is_vector(self) -> bool:
        return "" not in self.parts

    def at_centres(self) -> dict[str, np.ndarray]:
        """The parts at cell centres; faces by the mean of the two of a cell (second order)."""
        if not self.staggered:
            return self.parts
        return {d: pair_means(a, self.axes.index(d)) for d, a in self.parts.items()}

    def plane(self, across: str) -> "Values":
        """The layer of cells in the middle of an axis, without the component across it; itself without this axis."""
        if across not in self.axes:
            return self
        axis, middle = self.axes.index(across), self.resolution[across] // 2
        parts = {n: np.take(a, middle, axis) for n, a in self.parts.items() if n != across}
        return Values({d: b for d, b in self.bounds.items() if d != across}, parts, self.staggered)

    def __sub__(self, other: "Values") -> "Values":
        return Values(
            self.bounds, {n: np.asarray(a, np.float64) - other.parts[n] for n, a in self.parts.items()}, self.staggered
        )


def flow_values(flow: Flow, arrays: dict[str, np.ndarray]) -> dict[str, Values]:
    """
    The fields of a flow with all outer faces, by name, from arrays of shape (*spatial) by array name. Left out are
    fields that are the same everywhere, and those of which arrays are missing.
    """
    result, bounds = {}, {d: (0.0, size) for d, size in flow.size.items()}
    for name, layout in flow.layouts.items():
        if name not in HIDDEN and set(layout.arrays) <= set(arrays):
            given = zip(layout.arrays, layout.components, strict=True)
            parts = {c: layout.pad(np.asarray(arrays[a])[None], c)[0] for a, c in given}
            result[name] = Values(bounds, parts, layout.staggered)
    return result


def zero_arrays(flow: Flow) -> dict[str, np.ndarray]:
    """Arrays of a state that is zero, as `flow_values` takes them."""
    pairs = [(la, a, c) for la in flow.layouts.values() for a, c in zip(la.arrays, la.components, strict=True)]
    return {array: np.zeros(layout.shape(component)) for layout, array, component in pairs}


@dataclass(frozen=True)
class Picture:
    """A scalar on a grid, ready to be drawn."""

    coordinates: dict[str, np.ndarray]  # positions of the values per axis, in the order of the array axes
    values: np.ndarray

    def __sub__(self, other: "Picture") -> "Picture":
        return Picture(self.coordinates, self.values - other.values)

    def fits(self, other: "Picture | None") -> bool:
        """Whether the difference to another one can be taken."""
        return other is not None and self.values.shape == other.values.shape

    @property
    def extents(self) -> dict[str, tuple[float, float]]:
        """Lower and upper end per axis, half a cell beyond the outermost positions."""
        half = {d: (c[1] - c[0]) / 2 if len(c) > 1 else 0.5 for d, c in self.coordinates.items()}
        return {d: (float(c[0] - half[d]), float(c[-1] + half[d])) for d, c in self.coordinates.items()}

    def cut(self, axis: str, position: float) -> "Picture":
        """The slice across `axis` that is nearest to `position`."""
        place = list(self.coordinates).index(axis)
        index = int(np.argmin(np.abs(self.coordinates[axis] - position)))
        return Picture({d: c for d, c in self.coordinates.items() if d != axis}, np.take(self.values, index, place))

    def ordered(self, axes: tuple[str, ...]) -> "Picture":
        """With array axes in this order."""
        own = list(self.coordinates)
        return Picture({d: self.coordinates[d] for d in axes}, np.transpose(self.values, [own.index(d) for d in axes]))

    def coarsened(self, limit: int) -> "Picture":
        """Means over blocks of as many cells along all axes, with at most `limit` entries per axis."""
        block = max(-(-n // limit) for n in self.values.shape)
        if block == 1:
            return self
        values = self.values
        for axis in range(values.ndim):
            values = _block_means(values, axis, block)
        return Picture({d: _block_means(c, 0, block) for d, c in self.coordinates.items()}, values)


def _block_means(array: np.ndarray, axis: int, block: int) -> np.ndarray:
    starts = np.arange(0, array.shape[axis], block)
    counts = np.diff([*starts, array.shape[axis]])
    shape = [-1 if a == axis else 1 for a in range(array.ndim)]
    return np.add.reduceat(np.asarray(array, np.float64), starts, axis) / counts.reshape(shape)


def quantities(values: Values) -> list[str]:
    """What can be drawn of a field."""
    if not values.is_vector:
        return [VALUE]
    axes = values.axes
    if set(values.parts) != set(axes) or len(axes) == 1:
        return [*values.parts, MAGNITUDE]
    return [*axes, MAGNITUDE, VORTICITY, *([f"{VORTICITY} {d}" for d in axes] if len(axes) == 3 else [])]


def meant(quantity: str | None, field: str | None, fields: Sequence[str]) -> tuple[str | None, str | None]:
    """
    Field and quantity by what somebody calls them: `speed` is the magnitude of the velocity, and the name of a field
    stands for what is drawn of it by default.
    """
    if quantity == SPEED:
        return field or ("velocity" if "velocity" in fields else None), MAGNITUDE
    return (quantity, None) if quantity in fields and field in (None, quantity) else (field, quantity)


def simulation_titles(parameters: dict[str, np.ndarray], count: int) -> list[str]:
    """
    What tells `count` simulations apart: parameters, of shape (count,), that differ among them; of one alone all.
    Profiles, of shape (count, faces), are too long to be told.
    """
    told = {n: v for n, v in parameters.items() if np.ndim(v) == 1 and (count == 1 or len(np.unique(v)) > 1)}
    titles = [", ".join(f"{n}={v[s]:g}" for n, v in told.items()) for s in range(count)]
    if len(set(titles)) == count:
        return [t or "simulation" for t in titles]
    return [f"simulation {s}{f': {t}' if t else ''}" for s, t in enumerate(titles)]


def is_signed(quantity: str, dimensions: int) -> bool:
    """Whether positive and negative values of a quantity are worth two colours."""
    return quantity.startswith(VORTICITY) and (dimensions == 2 or quantity != VORTICITY)


def label(field: str, quantity: str) -> str:
    """Name and unit for a colour bar."""
    unit = UNITS.get(field, "")
    if quantity.startswith(VORTICITY):
        return f"{quantity} (1 / time)" if field == "velocity" else f"{field} {quantity}"
    name = field if quantity == VALUE else f"{field} {quantity}"
    return f"{name} ({unit})" if unit else name


def picture(values: Values, quantity: str, drawn: tuple[str, ...] = ()) -> Picture:
    """
    A quantity of a field over the whole grid; InputError if it is none of `quantities(values)`.

    Components, magnitude and scalars are drawn at cell centres. The vorticity is drawn at the inner nodes: central
    differences of neighbouring faces, second order. In 2D it is ∂u_b/∂a - ∂u_a/∂b with a drawn to the right and b
    upwards, so that it is positive where the flow turns counter-clockwise as drawn; in 3D its magnitude or a component
    by the right-hand rule for (x, y, z). `drawn` are the axes in this order (horizontal, vertical); default: as in the
    arrays.
    """
    if quantity not in quantities(values):
        raise InputError(f"There is no {quantity!r} of this field. It has {', '.join(quantities(values))}.")
    if quantity.startswith(VORTICITY):
        return _vorticity(values, quantity, drawn or tuple(values.axes))
    centres = {d: values.bounds[d][0] + (np.arange(n) + 0.5) * values.spacing[d] for d, n in values.resolution.items()}
    parts = values.at_centres()
    if quantity == MAGNITUDE:
        return Picture(centres, np.sqrt(sum(np.square(p, dtype=np.float64) for p in parts.values())))
    return Picture(centres, np.asarray(parts["" if quantity == VALUE else quantity]))


def _vorticity(values: Values, quantity: str, drawn: tuple[str, ...]) -> Picture:
    axes, spacing = {d: i for i, d in enumerate(values.axes)}, values.spacing
    nodes = {d: values.bounds[d][0] + np.arange(1, n) * spacing[d] for d, n in values.resolution.items()}
    parts = {d: np.asarray(u, np.float64) for d, u in values.parts.items()}
    inner = {  # components on faces inside the domain
        d: np.take(u, range(1, u.shape[axes[d]] - 1), axes[d]) if values.staggered else pair_means(u, axes[d])
        for d, u in parts.items()
    }
    if len(axes) == 2:
        return Picture(nodes, curl(inner, (drawn[0], drawn[1]), axes, spacing))
    right_handed = sorted(axes)  # x, y, z
    planes = {d: (right_handed[k - 2], right_handed[k - 1]) for k, d in enumerate(right_handed)}
    curls = {d: pair_means(curl(inner, plane, axes, spacing), axes[d]) for d, plane in planes.items()}
    length = np.sqrt(sum(c**2 for c in curls.values())) if quantity == VORTICITY else None
    return Picture(nodes, curls[quantity.rpartition(" ")[2]] if length is None else length)
