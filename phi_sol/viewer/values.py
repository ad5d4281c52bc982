"""Field values as plain arrays, and what is drawn of them: components, magnitude, vorticity, slices, coarser copies."""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

MAGNITUDE, VORTICITY, VALUE = "magnitude", "vorticity", "value"
UNITS = {"velocity": "length / time", "forcing": "length / time²"}
DISPLAY_LIMIT = 128  # cells per axis of a picture; finer fields are averaged over blocks
VOLUME_LIMIT = 24  # cells per axis of a volume rendering


@dataclass(frozen=True)
class Values:
    """
    One field on a uniform grid.

    Attributes:
        bounds: (lower, upper) per axis, in the order of the array axes.
        parts: `{"": array}` of a scalar; one array per axis name of a vector. At cell centres, or, where
            staggered, on the faces
            normal to the component: then one entry more along that axis.
        staggered: Whether the components live on faces.
    """

    bounds: dict[str, tuple[float, float]]
    parts: dict[str, np.ndarray]
    staggered: bool = False

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
        return {d: _pairs(a, self.axes.index(d)) for d, a in self.parts.items()}


@dataclass(frozen=True)
class Picture:
    """
    A scalar on a grid, ready to be drawn.

    Attributes:
        coordinates: Positions of the values per axis, in the order of the array axes.
        values: Array.
    """

    coordinates: dict[str, np.ndarray]
    values: np.ndarray

    def __sub__(self, other: "Picture") -> "Picture":
        return Picture(self.coordinates, self.values - other.values)

    def cut(self, axis: str, position: float) -> "Picture":
        """The slice across `axis` that is nearest to `position`."""
        place = list(self.coordinates).index(axis)
        index = int(np.argmin(np.abs(self.coordinates[axis] - position)))
        return Picture({d: c for d, c in self.coordinates.items() if d != axis}, np.take(self.values, index, place))

    def ordered(self, axes: tuple[str, ...]) -> "Picture":
        """With the array axes in this order."""
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


def quantities(values: Values) -> list[str]:
    """What can be drawn of a field."""
    if not values.is_vector:
        return [VALUE]
    axes = values.axes
    own = [d for d in values.parts if d in axes]
    if len(own) != len(axes) or len(axes) == 1:
        return [*values.parts, MAGNITUDE]
    return [*axes, MAGNITUDE, VORTICITY, *([f"{VORTICITY} {d}" for d in axes] if len(axes) == 3 else [])]


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
    A quantity of a field over the whole grid.

    Components, magnitude and scalars are drawn at cell centres. The vorticity is drawn at the inner nodes:
    central differences of neighbouring faces, second order. In 2D it is ∂u_b/∂a - ∂u_a/∂b with a drawn to the
    right and b upwards, so that it is positive where the flow turns counter-clockwise as drawn; in 3D its
    magnitude or a component by the right-hand rule for (x, y, z).

    Args:
        values: The field.
        quantity: One of `quantities(values)`.
        drawn: Axes in the order in which they are drawn (horizontal, vertical); default: as in the arrays.

    Raises:
        InputError: if the field has no such quantity.
    """
    if quantity not in quantities(values):
        raise InputError(f"There is no {quantity!r} of this field. It has {', '.join(quantities(values))}.")
    if quantity.startswith(VORTICITY):
        return _vorticity(values, quantity, drawn or tuple(values.axes))
    centres = {
        d: lower + (np.arange(n) + 0.5) * values.spacing[d]
        for (d, n), (lower, _) in zip(values.resolution.items(), values.bounds.values(), strict=True)
    }
    parts = values.at_centres()
    if quantity == MAGNITUDE:
        return Picture(centres, np.sqrt(sum(np.square(p, dtype=np.float64) for p in parts.values())))
    return Picture(centres, np.asarray(parts["" if quantity == VALUE else quantity]))


def _vorticity(values: Values, quantity: str, drawn: tuple[str, ...]) -> Picture:
    axes = values.axes
    nodes = {d: values.bounds[d][0] + np.arange(1, n) * values.spacing[d] for d, n in values.resolution.items()}
    if len(axes) == 2:
        return Picture(nodes, _curl(values, *drawn))
    right_handed = sorted(axes)  # x, y, z
    curls = {}
    for k, d in enumerate(right_handed):
        a, b = right_handed[k - 2], right_handed[k - 1]
        curls[d] = _pairs(_curl(values, a, b), axes.index(d))
    if quantity == VORTICITY:
        return Picture(nodes, np.sqrt(sum(c**2 for c in curls.values())))
    return Picture(nodes, curls[quantity.rpartition(" ")[2]])


def _curl(values: Values, a: str, b: str) -> np.ndarray:
    """∂u_b/∂a - ∂u_a/∂b at the inner edges that are normal to a and b."""
    axes, result = values.axes, 0.0
    for component, direction, sign in ((b, a, 1), (a, b, -1)):
        u = np.asarray(values.parts[component], np.float64)
        along = axes.index(component)
        u = (
            np.take(u, range(1, u.shape[along] - 1), along) if values.staggered else _pairs(u, along)
        )  # on faces inside the domain
        result = result + sign * np.diff(u, axis=axes.index(direction)) / values.spacing[direction]
    return result


def _pairs(array: np.ndarray, axis: int) -> np.ndarray:
    """Means of neighbours along an axis."""
    n = array.shape[axis]
    return (np.take(array, range(n - 1), axis) + np.take(array, range(1, n), axis)) / 2


def _block_means(array: np.ndarray, axis: int, block: int) -> np.ndarray:
    starts = np.arange(0, array.shape[axis], block)
    counts = np.diff([*starts, array.shape[axis]])
    shape = [-1 if a == axis else 1 for a in range(array.ndim)]
    return np.add.reduceat(np.asarray(array, np.float64), starts, axis) / counts.reshape(shape)


def colour_range(pictures: list[Picture], signed: bool) -> tuple[float, float]:
    """
    One colour range for all pictures: their finite extremes; around zero if `signed`, and then without the
        outermost half
    per cent, so that a few strong vortices or wall cells don't make all else pale.
    """
    finite = [p.values[np.isfinite(p.values)] for p in pictures]
    finite = [f for f in finite if f.size]
    if not finite:
        return 0.0, 1.0
    if signed:
        limit = max(float(np.percentile(np.abs(f), 99.5)) for f in finite)
        return (-limit, limit) if limit > 0 else (-1.0, 1.0)
    lower, upper = min(float(f.min()) for f in finite), max(float(f.max()) for f in finite)
    return (lower, upper) if upper > lower else (lower - 0.5, lower + 0.5)


def drawn_axes(axes: list[str], buoyant: bool = False, streamwise: bool = False) -> tuple[str, ...]:
    """
    Axes in the order in which they are drawn: after slicing, the first that is left is horizontal, the second vertical.

    Args:
        axes: Names of the axes.
        buoyant: Whether y points upwards, so that it must be drawn vertically.
        streamwise: Whether y points along a stream, which is drawn from left to right.
    """
    preference = (
        {"x": 0, "z": 1, "y": 2} if buoyant else {"y": 0, "x": 1, "z": 2} if streamwise else {"x": 0, "y": 1, "z": 2}
    )
    return tuple(sorted(axes, key=lambda d: preference.get(d, 3)))
