"""
Rate of strain of a staggered velocity, and the force of a stress: what closures are made of. All of it on native arrays
(batch, *spatial) of any backend.

Diagonal parts of a tensor live in cells, others at edges, in 2D the corners of cells: where differences of neighbours
are second order. A force is a difference of stresses between two sides of the volume around a face, so that in a
periodic box the sum of all forces is zero: momentum stays.
"""

from itertools import combinations
from typing import Any

from phi.math.backend import choose_backend

from .layout import Layout

Tensors = dict[tuple[str, str], Any]
"""By pairs of axes, in order: symmetric tensors have an entry for each."""


def pairs_of(layout: Layout) -> list[tuple[str, str]]:
    """The entries of a symmetric tensor: the diagonal ones first."""
    return [*[(d, d) for d in layout.dims], *combinations(layout.dims, 2)]


def strain_rate(layout: Layout, arrays: dict) -> Tensors:
    """
    `S_ij = (∂u_i/∂x_j + ∂u_j/∂x_i) / 2`: in cells (i = j) and at all edges, also those on the sides; along other axes
    with a layer of cells beyond the sides. Second order.
    """
    around = {d: layout.surrounded(arrays[n], d) for n, d in zip(layout.arrays, layout.dims, strict=True)}
    spacing, result = layout.spacing, {}
    for i, j in pairs_of(layout):
        first = _step(layout, around[i], j) / spacing[j]
        if i != j:
            first = 0.5 * (_inner(layout, first, i) + _inner(layout, _step(layout, around[j], i) / spacing[i], j))
        result[i, j] = first
    return result


def strain_size(layout: Layout, strain: Tensors):
    """`|S| = (2 S_ij S_ij)^(1/2)` in cells; squares at edges by the mean over the edges of a cell. Second order."""
    total: Any = 0.0
    for pair, part in strain.items():
        square = _cells(layout, part * part, pair)
        total = total + (2 if pair[0] == pair[1] else 4) * square
    backend = choose_backend(total)
    return backend.sqrt(backend.maximum(total, 1e-30))  # the root has no gradient at zero


def in_cells(layout: Layout, tensor: Tensors) -> Tensors:
    """All entries in cells: those at edges by the mean over the edges of a cell."""
    return {pair: _cells(layout, part, pair) for pair, part in tensor.items()}


def beyond(layout: Layout, cells):
    """Values in cells with a layer more beyond all sides: the other end along periodic axes, else the outermost."""
    backend = choose_backend(cells)
    for d in layout.dims:
        before = (slice(None),) * layout.axis(d)
        first, last = cells[(*before, slice(0, 1))], cells[(*before, slice(-1, None))]
        ends = (last, first) if layout.is_periodic(d) else (first, last)
        cells = backend.concat([ends[0], cells, ends[1]], layout.axis(d))
    return cells


def at_edges(layout: Layout, cells, pair: tuple[str, str]):
    """Values in cells with a layer beyond the sides (`beyond`), where an entry of a tensor lives: means of cells."""
    for d in set(pair) if pair[0] != pair[1] else ():
        cells = _mean(layout, cells, d)
    return cells


def force(layout: Layout, stress: Tensors) -> dict:
    """
    `Σ_j ∂τ_ij/∂x_j` on the stored faces, by array name; τ in cells with a layer beyond the sides (i = j), and at edges,
    as `strain_rate` has them. Second order.
    """
    result = {}
    for name, c in zip(layout.arrays, layout.dims, strict=True):
        total: Any = 0.0
        for d, h in layout.spacing.items():
            part = _step(layout, stress[(c, d) if (c, d) in stress else (d, c)], d) / h
            for e in layout.dims:
                part = part if e in (c, d) else _inner(layout, part, e)
            total = total + part
        result[name] = layout.strip(total, c)
    return result


def _cells(layout: Layout, part, pair: tuple[str, str]):
    """An entry of a tensor in cells, without the layers beyond the sides."""
    for d in layout.dims:
        part = _mean(layout, part, d) if d in pair and pair[0] != pair[1] else _inner(layout, part, d)
    return part


def _along(layout: Layout, array, d: str, start: int | None, stop: int | None):
    return array[(slice(None),) * layout.axis(d) + (slice(start, stop),)]


def _step(layout: Layout, array, d: str):
    return _along(layout, array, d, 1, None) - _along(layout, array, d, None, -1)


def _mean(layout: Layout, array, d: str):
    return 0.5 * (_along(layout, array, d, 1, None) + _along(layout, array, d, None, -1))


def _inner(layout: Layout, array, d: str):
    return _along(layout, array, d, 1, -1)
