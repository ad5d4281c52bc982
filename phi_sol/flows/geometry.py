"""What users say about domain and obstacles of a flow, checked: lengths per axis, boxes, geometries and masks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from phi import math
from phi.field import CenteredGrid
from phi.geom import Geometry
from phi.math import Shape, Tensor, channel, spatial
from phi.physics.fluid import Obstacle
from scipy.ndimage import distance_transform_edt

from ..errors import InputError, is_positive, is_real, quoted, suggestion
from ..pressure.obstacles import covered_cells, parts_of


class Mask(Geometry):
    """
    A boolean array as a geometry: cells that tile the whole domain, whatever grid looks at it; beyond it its outermost
    cells go on.
    """

    def __init__(self, cells: np.ndarray, size: dict[str, float]):
        """`cells`: by the axes of `size`, in order."""
        self.cells, self.size = cells, dict(size)
        step = [s / n for s, n in zip(size.values(), cells.shape, strict=True)]
        away = [distance_transform_edt(kind, step) if kind.any() else 0.0 for kind in (~cells, cells)]
        self._distance = away[0] - away[1] + np.where(cells, 0.5, -0.5) * min(step)

    @property
    def shape(self) -> Shape:
        return channel(vector=list(self.size))

    @property
    def center(self) -> Tensor:
        return math.vec(**{d: s / 2 for d, s in self.size.items()})

    def lies_inside(self, location: Tensor) -> Tensor:
        return self._looked_up(self.cells, location)

    def approximate_signed_distance(self, location: Tensor) -> Tensor:
        return self._looked_up(self._distance, location)

    def _looked_up(self, table: np.ndarray, location: Tensor) -> Tensor:
        """The value of the cell that each location lies in."""
        shape, index = location.shape.without("vector"), []
        for (d, length), n in zip(self.size.items(), table.shape, strict=True):
            where = location.vector[d].numpy(shape) * (n / length)
            index.append(np.clip(np.floor(where), 0, n - 1).astype(int))
        return math.wrap(table[tuple(index)], shape)


def bodies(name: str, size: dict[str, float], shape: Shape, bounds: Geometry, given: Any) -> tuple[Geometry, ...]:
    """
    The obstacles that a user gives to a flow (`name`), one or a sequence of geometries, PhiFlow's obstacles at rest and
    boolean arrays, as geometries: the same ones for every grid.

    Raises:
        InputError: for what is none of these, moves, has other axes, covers no cell centre of this grid, or all.
    """
    result = []
    for part in parts_of(given):
        if isinstance(part, Obstacle):
            raise InputError(f"The obstacles of a {name} can't move: give a geometry, or an Obstacle at rest.")
        result.append(part if isinstance(part, Geometry) else Mask(_mask(part, size), size))
    with math.NUMPY, math.precision(64):
        cells = covered_cells(CenteredGrid(0.0, 0.0, bounds, shape), result)
    if result and np.logical_or.reduce(cells).all():
        raise InputError(f"The obstacles fill the whole domain of the {name}: nothing is left to flow.")
    return tuple(result)


def _mask(given: Any, size: dict[str, float]) -> np.ndarray:
    needed = f"A mask must be a boolean array over the whole domain, with the axes {', '.join(size)} in this order"
    if isinstance(given, Tensor):
        if set(given.shape.names) != set(size) or not given.available:
            raise InputError(f"{needed}, not {given.shape}.")
        given = given.numpy(list(size))
    if given.dtype != bool or given.ndim != len(size) or not given.size:
        raise InputError(f"{needed}, not {given.dtype} of shape {given.shape}.")
    return np.array(given)


def lengths(what: str, given: Any, usual: dict[str, float], positive: bool = True) -> dict[str, float]:
    """
    One number per axis, where some may be left out, in the order of `usual`, which has the others.

    Raises:
        InputError: for other axes, and numbers that are not finite or, unless allowed, not positive.
    """
    for d, value in _per_axis(what, given, usual).items():
        if not (is_positive if positive else is_real)(value):
            kind = "positive and finite" if positive else "finite"
            raise InputError(f"{what} must be {kind} along {d}, not {quoted(value)}.")
    return {d: float(given.get(d, length)) for d, length in usual.items()}


def intervals(what: str, given: Any, size: dict[str, float]) -> dict[str, tuple[float, float]]:
    """
    A box in the domain: from where to where along each axis; the whole domain along those that are left out.

    Raises:
        InputError: for other axes, and what is no interval, or lies outside of the domain.
    """
    for d, ends in _per_axis(what, given, size).items():
        fits = isinstance(ends, tuple | list | np.ndarray) and len(ends) == 2 and all(map(is_real, ends))
        if not fits or not 0 <= ends[0] < ends[1] <= size[d]:
            kind = f"an interval (from, to) in the domain [0, {size[d]:g}]"
            raise InputError(f"{what} must be {kind} along {d}, not {quoted(ends)}.")
    return {d: (float(given[d][0]), float(given[d][1])) if d in given else (0.0, s) for d, s in size.items()}


def covered_fraction(box: dict[str, tuple[float, float]], size: dict[str, float], cells: dict[str, int]) -> Tensor:
    """Fraction of each cell of a grid that lies in a box, exactly."""
    fraction: Any = 1.0
    for dim, (lower, upper) in box.items():
        edges = np.linspace(0, size[dim], cells[dim] + 1)
        overlap = np.clip(np.minimum(edges[1:], upper) - np.maximum(edges[:-1], lower), 0, None) / np.diff(edges)
        fraction = fraction * math.wrap(overlap, spatial(dim))
    return fraction


def stretched(box: dict[str, tuple], factors: dict[str, float]) -> dict[str, tuple[float, float]]:
    """A box in a domain that is so much longer along each of its axes."""
    return {d: (box[d][0] * f, box[d][1] * f) for d, f in factors.items()}


def _per_axis(what: str, given: Any, known: Mapping) -> dict:
    if not isinstance(given, dict):
        raise InputError(f"{what} must be a dictionary by axis ({', '.join(known)}), not {quoted(given)}.")
    for d in given:
        if d not in known:
            hint = suggestion(str(d), known) if len(str(d)) > 1 else ""
            raise InputError(f"{what} has no axis {quoted(d)}.{hint} The axes of this flow: {', '.join(known)}.")
    return given


WALLS = ("moving", "no-slip", "free-slip", "periodic")


def side_walls(what: str, given: Any, usual: dict[str, str]) -> dict[str, str]:
    """
    The kind of wall at every side (`x-`, `x+`, ...) of `usual`, which has those that are not given. One kind for all
    changes no side that is periodic anyway; by axis or side each is what it says.

    Raises:
        InputError: for unknown kinds and sides, and a side that is periodic without the opposite one.
    """
    if isinstance(given, dict):
        for key in given:
            if key not in {*usual, *(side[:-1] for side in usual)}:
                raise InputError(f"{what} have no side {key!r}. Known: {', '.join(usual)}, or an axis for both.")
        walls: dict[str, Any] = {side: given.get(side, given.get(side[:-1], kind)) for side, kind in usual.items()}
    else:
        walls = {side: kind if given is None or kind == "periodic" else given for side, kind in usual.items()}
    for side, kind in walls.items():
        if kind not in WALLS:
            hint = suggestion(kind, WALLS)
            raise InputError(f"{what} can't be {quoted(kind)} at {side}.{hint} Known: {', '.join(WALLS)}.")
        if (kind == "periodic") != (walls[side[:-1] + "-"] == "periodic"):
            raise InputError(f"{what} are periodic at both sides of {side[:-1]}, or at none of them.")
    return walls
