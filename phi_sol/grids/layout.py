"""
The layout of a field: which faces of a staggered one are stored, where they lie, and what continues them beyond
    each side.

PhiFlow stores those outer faces only that a boundary condition leaves free: none at a closed side, both ends of
    an open axis, the lower one of a
periodic axis. All of phi_sol asks a `Layout` about this, and nothing else.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from phi import math
from phi.field import Field
from phi.math.extrapolation import Extrapolation, get_normal

PERIODIC, OPEN, CLOSED = "periodic", "open", "closed"

Intervals = dict[str, tuple[np.ndarray, np.ndarray]]
"""Lower and upper end per axis of all cells or faces; the two are equal along the normal of a face."""


def side_of(boundary: Extrapolation, dim: str, upper: bool) -> str:
    """
    What continues a field (of a vector: its normal component) beyond one side: `periodic`, the other end;
    `open`, the values inside; `closed`, values that don't depend on those inside.
    """
    normal = get_normal(boundary)
    if not normal.is_copy_pad(dim, upper):
        return CLOSED
    both = normal.is_copy_pad(dim, not upper)
    return PERIODIC if both and normal.valid_outer_faces(dim) == (True, False) else OPEN


class Layout:
    """
    The layout of one field on a uniform grid. Arrays have a batch axis first, then the axes of `dims`.

    Attributes:
        name: Of the field.
        resolution: Cells per axis, in order.
        size: Size of the domain per axis.
        staggered: Whether components live on the faces normal to them.
        boundary: PhiFlow's boundary condition.
    """

    def __init__(self, name: str, template: Field, size: dict[str, float]):
        """
        Args:
            name: Of the field.
            template: Any field with the grid and the boundary.
            size: Size of the domain per axis.
        """
        self.name, self.template, self.size = name, template, dict(size)
        self.resolution: dict[str, int] = {d: template.resolution.get_size(d) for d in size}
        self.staggered: bool = template.is_staggered
        self.boundary = template.boundary

    @property
    def dims(self) -> list[str]:
        return list(self.resolution)

    @cached_property
    def arrays(self) -> list[str]:
        """Names of the native arrays: the field itself, or one per component of a staggered one."""
        return [f"{self.name}.{d}" for d in self.dims] if self.staggered else [self.name]

    @property
    def components(self) -> list[str]:
        """The axis of each array that is normal to its faces; empty for a centred field."""
        return self.dims if self.staggered else [""]

    @property
    def spacing(self) -> dict[str, float]:
        return {d: self.size[d] / n for d, n in self.resolution.items()}

    def axis(self, dim: str) -> int:
        """Array axis of a dimension; axis 0 counts simulations."""
        return 1 + self.dims.index(dim)

    # --- sides ---

    @cached_property
    def sides(self) -> dict[str, tuple[str, str]]:
        """What continues the field beyond the lower and the upper side of each axis, see `side_of`."""
        return {d: (side_of(self.boundary, d, False), side_of(self.boundary, d, True)) for d in self.dims}

    def is_periodic(self, dim: str) -> bool:
        return self.sides[dim][0] == PERIODIC

    # --- which faces are stored ---

    def missing(self, dim: str) -> tuple[int, int]:
        """How many of the n + 1 faces across an axis are not stored at its lower and at its upper end."""
        lower, upper = self.boundary.valid_outer_faces(dim)
        return 1 - int(lower), 1 - int(upper)

    def stored(self, dim: str) -> slice:
        """Those of the n + 1 faces across an axis that are stored."""
        lower, upper = self.missing(dim)
        return slice(lower, self.resolution[dim] + 1 - upper)

    def shape(self, component: str) -> tuple[int, ...]:
        """Shape of an array without its batch axis."""
        return tuple(n + 1 - sum(self.missing(d)) if d == component else n for d, n in self.resolution.items())

    # --- where they lie ---

    def intervals(self, component: str) -> Intervals:
        """Where the stored values lie: (lower, upper) of each cell or face per axis, in domain units."""
        result = {}
        for d, n in self.resolution.items():
            edges = np.linspace(0, self.size[d], n + 1)
            faces = edges[self.stored(d)] if d == component else edges
            result[d] = (faces, faces) if d == component else (faces[:-1], faces[1:])
        return result

    # --- strip and pad ---

    def strip(self, faces, component: str):
        """Of a component on all n + 1 faces across its axis those that are stored; any other array as it is."""
        return faces[(slice(None),) * self.axis(component) + (self.stored(component),)] if component else faces

    @cached_property
    def _fixed(self) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
        """
        Values of each component one layer beyond the sides, for a field that is zero: what closed sides prescribe.
        """
        result = {}
        with math.NUMPY, math.precision(64):
            for component in self.components:
                part = self.template.vector[component] if component else self.template
                result[component] = {}
                for i, d in enumerate(self.dims):
                    padded = math.pad(part.values, {d: (1, 1)}, part.boundary, bounds=self.template.bounds).numpy(
                        self.dims
                    )
                    result[component][d] = tuple(np.take(padded, [end], i) for end in (0, -1))
        return result

    def continued(self, array: np.ndarray, component: str, dim: str, widths: Sequence[int]) -> np.ndarray:
        """
        A NumPy array with layers beyond both sides of an axis, as PhiFlow's operators see them: fixed values at
        closed sides, copies of the outermost ones at open sides, the other end along periodic axes.

        Args:
            array: Shape (batch, *spatial), the stored values along `dim`.
            component: Axis of the component, or empty.
            dim: The axis.
            widths: Layers below and above.
        """
        axis, parts = self.axis(dim), [array]
        for upper, (kind, width) in enumerate(zip(self.sides[dim], widths, strict=True)):
            shape = [width if a == axis else n for a, n in enumerate(array.shape)]
            if kind == CLOSED:
                layer = np.broadcast_to(self._fixed[component][dim][upper], shape)
            elif kind == OPEN:
                layer = np.repeat(np.take(array, [-1 if upper else 0], axis), width, axis)
            else:
                layer = np.take(array, range(width) if upper else range(-width, 0), axis)
            parts = [*parts, layer] if upper else [layer, *parts]
        return np.concatenate(parts, axis)

    def pad(self, array: np.ndarray, component: str) -> np.ndarray:
        """A component on all n + 1 faces across its axis, the inverse of `strip`; any other array as it is."""
        return self.continued(array, component, component, self.missing(component)) if component else array
