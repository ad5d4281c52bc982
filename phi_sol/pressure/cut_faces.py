"""The faces between the fluid and its obstacles."""

import numpy as np
import scipy.sparse as sp
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from .axes import OPEN, PERIODIC


class CutFaces:
    """Faces between fluid and solid cells, and the cells on both sides of them."""

    def __init__(self, solid: np.ndarray, spacing: dict[str, float], sides: dict[str, tuple[str, str]]):
        self.shape = solid.shape
        index = np.arange(solid.size).reshape(solid.shape)
        first, second, weight = [], [], []
        for axis, (d, h) in enumerate(spacing.items()):
            last = None if PERIODIC in sides[d] else -1
            a, b = (
                np.moveaxis(index, axis, 0)[:last].ravel(),
                np.moveaxis(np.roll(index, -1, axis), axis, 0)[:last].ravel(),
            )
            is_cut = solid.flat[a] != solid.flat[b]
            first.append(a[is_cut])
            second.append(b[is_cut])
            weight.append(np.full(is_cut.sum(), 1 / h))
        self.first, self.second, self.weight = map(np.concatenate, (first, second, weight))
        self.count = len(self.first)
        self.cells = np.unique(np.concatenate([self.first, self.second]))
        self.coordinates = np.array(np.unravel_index(self.cells, solid.shape))

    def columns(self) -> sp.csr_array:
        """C, shape (cut cells, cut faces)."""
        rows = np.concatenate([np.searchsorted(self.cells, self.first), np.searchsorted(self.cells, self.second)])
        faces = np.arange(self.count)
        values = np.concatenate([self.weight, -self.weight])
        return sp.csr_array((values, (rows, np.concatenate([faces, faces]))), shape=(len(self.cells), self.count))

    def regions(self, fluid: np.ndarray, sides: dict[str, tuple[str, str]]) -> np.ndarray:
        """
        Indicators, at the cut cells, of the connected regions of fluid or solid that have no open side; shape (cut
        cells, regions).
        """
        label, count = ndimage.label(fluid)
        solid_label, solid_count = ndimage.label(~fluid)
        label = np.where(fluid, label, solid_label + count) - 1
        count += solid_count
        pairs, open_labels = [np.zeros((0, 2), int)], []
        for axis, (lower, upper) in enumerate(sides.values()):
            first, last = (np.moveaxis(x, axis, 0)[end].ravel() for end in (0, -1) for x in (label,))
            if lower == PERIODIC:
                same = np.moveaxis(fluid, axis, 0)[0].ravel() == np.moveaxis(fluid, axis, 0)[-1].ravel()
                pairs.append(np.unique(np.stack([first[same], last[same]], 1), axis=0))
            open_labels += [first] * (lower == OPEN) + [last] * (upper == OPEN)
        i, j = np.concatenate(pairs).T
        count, merged = connected_components(
            sp.coo_array((np.ones(len(i)), (i, j)), shape=(count, count)), directed=False
        )
        closed = np.ones(count, bool)
        for labels in open_labels:
            closed[merged[labels]] = False
        at_cells = merged[label.flat[self.cells]]
        found = np.unique(at_cells)
        found = found[closed[found]]
        if not open_labels:  # Cᵀ of all indicators together is zero: one of them is redundant
            found = found[1:]
        return (at_cells[:, None] == found).astype(float)
