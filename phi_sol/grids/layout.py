"""
The layout of a field: which faces of a staggered one are stored, where they lie, and what continues them beyond each
side. All of phi_sol asks a `Layout` about this, and nothing else reads a boundary condition.

PhiFlow stores those outer faces only that a boundary condition leaves free: none at a side that prescribes a constant,
both ends of an open axis, the lower one of a periodic axis. A profile (`field.as_boundary()`) prescribes what lies
beyond the outer face, which is stored.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from phi import math
from phi.field import Field
from phi.math import Shape, Tensor, batch, dual, reshaped_tensor, spatial
from phi.math.backend import choose_backend
from phi.math.extrapolation import ConstantExtrapolation, Extrapolation, combine_sides
from phiml.math._tensors import TensorStack

from ..arguments import checked
from ..errors import InputError, check_name, quoted
from .sides import CLOSED as CLOSED
from .sides import COPIES, PERIODIC, at_side, side_of
from .sides import OPEN as OPEN
from .sides import OTHER as OTHER
from .sides import by_side as by_side
from .sides import sliced as sliced

Intervals = dict[str, tuple[np.ndarray, np.ndarray]]
"""Lower and upper end per axis of all cells or faces; the two are equal along the normal of a face."""


def native_of(tensor: Tensor, shape: Shape, dims: Sequence[str] = ()):
    """The values of a tensor: its batch dimensions (`shape`), or none, as one axis, and then `dims`."""
    order = [*shape.names, *dims]
    if shape.rank == 1 and set(tensor.shape.names) == set(order):
        return tensor.native(",".join(order))  # nothing to pack: a fiftieth of the time
    return math.expand(tensor, shape).native([shape, *dims])


def tensor_of(values, shape: Shape, dims: Sequence[str] = ()) -> Tensor:
    """The tensor of values with a batch axis and `dims`, the inverse of `native_of`. Works inside a trace."""
    if shape.rank == 1:
        sizes = zip(dims, values.shape[1:], strict=True)
        return math.wrap(values, math.concat_shapes(shape, spatial(**{d: int(n) for d, n in sizes})))
    return reshaped_tensor(values, [shape, *[spatial(d) for d in dims]], convert=False)


class Layout:
    """
    The layout of one field on a uniform grid. Arrays have a batch axis first, then the axes of `dims`.

    Attributes:
        name: Of the field.
        resolution: Cells per axis, in order.
        size: Size of the domain per axis.
        staggered: Whether components live on the faces normal to them.
        boundary: PhiFlow's boundary condition.

    Examples:
        >>> layout = flow.layouts["velocity"]
        >>> layout, layout.arrays
        (Layout(velocity, staggered, y=16, x=8), ['velocity.y', 'velocity.x'])
    """

    @checked
    def __init__(self, name: str, template: Field, size: dict[str, float] | None = None):
        """
        Args:
            name: Of the field.
            template: Any field with the grid and the boundary.
            size: Size of the domain by axis, in their order; None for that of the template.

        Raises:
            InputError: for a name that no file can have, and a size for other axes than the template's.
        """
        self.name, self.template, self._size = check_name("The name of a field", name), template, size
        dims = size or template.resolution.names
        if set(dims) != set(template.resolution.names):
            raise InputError(f"The field {name!r} has the axes {template.resolution.names}, not {quoted([*dims])}.")
        self.resolution: dict[str, int] = {d: template.resolution.get_size(d) for d in dims}
        self.staggered: bool = template.is_staggered
        self.boundary = template.boundary
        self._boundaries, self._stacks, self.known = {}, {}, {}

    def __repr__(self):
        cells = ", ".join(f"{d}={n}" for d, n in self.resolution.items())
        return f"Layout({self.name}, {'staggered' if self.staggered else 'centred'}, {cells})"

    @cached_property
    def size(self) -> dict[str, float]:
        """Length of the domain along each dimension."""
        if self._size:
            return dict(self._size)
        with math.NUMPY, math.precision(64):
            return dict(zip(self.dims, np.diff(self.box)[:, 0].tolist(), strict=True))

    @property
    def dims(self) -> list[str]:
        """Names of the dimensions, in the order of the array's axes."""
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
        """Size of a cell along each dimension."""
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
        """Whether both ends of a dimension are the same place."""
        return self.sides[dim][0] == PERIODIC

    def boundary_of(self, component: str) -> Extrapolation:
        """The boundary condition of a component: at a free-slip wall they differ."""
        if component not in self._boundaries:
            sides = [d + end for d in self.dims for end in "-+"]
            self._boundaries[component] = combine_sides(dict(zip(sides, self.leaves(component), strict=True)))
        return self._boundaries[component]

    def leaves(self, component: str) -> list[Extrapolation]:
        """The boundary conditions of a component at all sides."""
        return [at_side(self.boundary, d, upper, component) for d in self.dims for upper in (False, True)]

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

    # --- arrays and fields ---

    def to_arrays(self, field: Field, shape: Shape) -> dict:
        """The native arrays of a field, of any backend; its batch dimensions (`shape`) become the first axis."""
        parts = [field.values[{"~vector": d}] for d in self.dims] if self.staggered else [field.values]
        return {n: native_of(p, shape, self.dims) for n, p in zip(self.arrays, parts, strict=True)}

    def to_field(self, arrays: dict, shape: Shape) -> Field:
        """The field of native arrays, the inverse of `to_arrays`. Works inside a trace."""
        parts = [tensor_of(arrays[n], shape, self.dims) for n in self.arrays]
        values = self._stacked(parts, shape) if self.staggered else parts[0]
        field = object.__new__(Field)  # PhiFlow's constructor builds the geometry of all faces again: milliseconds
        field.__dict__.update(vars(self._plain), values=values)
        return field

    def _stacked(self, parts: list[Tensor], shape: Shape) -> Tensor:
        """The components as one tensor. What PhiML finds out about their shapes is kept: it takes as long as a step."""
        key, known = (shape, parts[0].default_backend.name), parts[0].available
        if known and key in self._stacks:
            stacked = object.__new__(TensorStack)
            stacked.__dict__.update(self._stacks[key], _tensors=tuple(parts))
            return stacked
        stacked = math.stack(parts, dual(vector=self.dims))
        if known and isinstance(stacked, TensorStack):
            self._stacks[key] = {n: v for n, v in vars(stacked).items() if n != "_tensors"}
        return stacked

    @cached_property
    def _plain(self) -> Field:
        """The template without what it has cached."""
        return replace(self.template)

    # --- strip and pad ---

    def strip(self, faces, component: str):
        """Of a component on all n + 1 faces across its axis those that are stored; any other array as it is."""
        return faces[(slice(None),) * self.axis(component) + (self.stored(component),)] if component else faces

    def extend(self, values: Tensor, component: str, widths: dict[str, tuple[int, int]]) -> Tensor:
        """Values of a component with layers below and above its sides, as PhiFlow's operators see them."""
        leaves = self.leaves(component)
        if all(type(e) is ConstantExtrapolation or isinstance(e, COPIES) for e in leaves):
            return math.pad(values, widths, self.boundary_of(component))
        # profiles and unknown classes, which ask where the values lie: side by side, in the order that PhiML has
        bounds, done = (self.template.vector[component] if component else self.template).bounds, {}
        sides = [(e, d, end) for e, (d, end) in zip(leaves, itertools.product(self.dims, (0, 1)), strict=True)]
        for e, d, end in sorted(sides, key=lambda side: side[0].pad_rank):
            own = widths.get(d, (0, 0))
            if not isinstance(e, COPIES[0]):
                own = (0, own[1]) if end else (own[0], 0)
            elif end:  # a period is added at both ends at once
                continue
            values = e.pad(values, {d: own}, already_padded=done, bounds=bounds)
            done[d] = tuple(a + b for a, b in zip(done.get(d, (0, 0)), own, strict=True))
        return values

    def extended(self, array, component: str, widths: dict[str, Sequence[int]]):
        """
        The stored values, a native array (batch, *spatial), of a component with layers below and above its sides: fixed
        values at closed sides, copies of the outermost ones at open sides, the other end along periodic axes.
        """
        with math.precision(8 * choose_backend(array).dtype(array).itemsize):
            values = reshaped_tensor(array, [batch("batch"), *[spatial(d) for d in self.dims]], convert=False)
            pairs = {d: (lower, upper) for d, (lower, upper) in widths.items()}
            return self.extend(values, component, pairs).native(["batch", *self.dims])

    def surrounded(self, array, component: str):
        """A component on all n + 1 faces across its axis, with one layer more beyond all sides."""
        widths: dict = {d: [1 + m * (d == component) for m in self.missing(d)] for d in self.dims}
        return self.extended(array, component, widths)

    def pad(self, array, component: str):
        """A component on all n + 1 faces across its axis, the inverse of `strip`; any other array as it is."""
        return self.extended(array, component, {component: self.missing(component)}) if component else array

    # --- the form of files ---

    @property
    def file_shape(self) -> tuple[int, ...]:
        """Shape of what PhiFlow stores of a field: of a staggered one n + 1 values along all axes, and components."""
        sizes = tuple(self.resolution.values())
        return (*[n + 1 for n in sizes], len(sizes)) if self.staggered else sizes

    def to_file(self, arrays: dict):
        """What PhiFlow stores of a field (`Field.staggered_tensor`), from its native arrays: (batch, *file_shape)."""
        if not self.staggered:
            return arrays[self.name]
        whole = [
            self.extended(arrays[n], c, {d: self.missing(c) if d == c else (0, 1) for d in self.dims})
            for n, c in zip(self.arrays, self.components, strict=True)
        ]
        return choose_backend(*whole).stack(whole, -1)

    def from_file(self, data: np.ndarray) -> dict[str, np.ndarray]:
        """The native arrays, without a batch axis, of what PhiFlow stores of a field."""
        if not self.staggered:
            return {self.name: data}
        parts = [tuple(self.stored(c) if d == c else slice(0, -1) for d in self.dims) for c in self.components]
        return {n: data[(*part, i)] for i, (n, part) in enumerate(zip(self.arrays, parts, strict=True))}

    @property
    def box(self) -> np.ndarray:
        """Lower and upper end of the domain per axis."""
        ends = self.template.bounds.lower, self.template.bounds.upper
        return np.array([[float(x.vector[d]) for x in ends] for d in self.dims])
