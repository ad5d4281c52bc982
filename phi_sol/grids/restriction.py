"""From a fine grid to a coarse one, exactly for the fluxes through faces, on native arrays of any backend."""

from collections.abc import Iterable

from .layout import Layout


def restrict_all(arrays: dict, fine: Iterable[Layout], ratio: int) -> dict:
    """The restriction of native arrays by name, of the fields that have these layouts on the fine grid."""
    parts = {n: (layout, c) for layout in fine for n, c in zip(layout.arrays, layout.components, strict=True)}
    return {n: restrict(a, *parts[n], ratio) for n, a in arrays.items()}


def restrict(array, fine: Layout, component: str, ratio: int):
    """
    Restriction (T in the paper) onto a grid whose cells are `ratio` times larger along every axis: a coarse face is the
    mean of the `ratio^(d-1)` fine faces that tile it, a coarse cell that of its `ratio^d` fine cells.

    Args:
        array: Values on the fine grid, shape (batch, *spatial), also traced.
        fine: Layout of the field on the fine grid.
        component: Axis of a component of a staggered field, or empty.
        ratio: Fine cells per coarse cell and axis.

    Returns:
        Shape (batch, *coarse), with the faces that the same boundary stores there.
    """
    for dim in sorted(fine.dims, key=lambda d: d != component):  # what is left out first
        before = (slice(None),) * fine.axis(dim)
        if dim == component:
            array = array[(*before, slice(ratio - 1 if fine.missing(dim)[0] else 0, None, ratio))]
        else:
            array = sum(array[(*before, slice(k, None, ratio))] for k in range(ratio)) / ratio
    return array
