"""The faces between the fluid and its obstacles."""

import numpy as np
import scipy.sparse as sp
from scipy import ndimage
from scipy.sparse.csgraph import connected_components

from .axes import OPEN, PERIODIC


class CutFaces:
    """Faces between fluid and solid cells, and the cells on both sides of them."""

    def __init__(self, solid: np.ndarray, spacing: dict[str, float], sides: dict[str, tuple[str, str]]):
        index = np.arange(solid.size).reshape(solid.shape)
        first, second, weight = [], [], []
        for axis, (d, h) in enumerate(spacing.items()):
            last = None if PERIODIC in sides[d] else -1
            a, b = (np.moveaxis(i, axis, 0)[:last].ravel() for i in (index, np.roll(index, -1, axis)))
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
        faces, values = np.tile(np.arange(self.count), 2), np.concatenate([self.weight, -self.weight])
        return sp.csr_array((values, (rows, faces)), shape=(len(self.cells), self.count))

    def regions(self, fluid: np.ndarray, sides: dict[str, tuple[str, str]]) -> np.ndarray:
        """Indicators of the connected regions, fluid or solid, without an open side: shape (cut cells, regions)."""
        label, count = ndimage.label(fluid)
        solid_label, solid_count = ndimage.label(~fluid)
        label = np.where(fluid, label, solid_label + count) - 1
        count += solid_count
        pairs, open_labels = [np.zeros((0, 2), int)], []
        for axis, (lower, upper) in enumerate(sides.values()):
            first, last = (np.take(label, end, axis).ravel() for end in (0, -1))
            if lower == PERIODIC:
                same = np.take(fluid, 0, axis).ravel() == np.take(fluid, -1, axis).ravel()
                pairs.append(np.unique(np.stack([first[same], last[same]], 1), axis=0))
            open_labels += [first] * (lower == OPEN) + [last] * (upper == OPEN)
        i, j = np.concatenate(pairs).T
        graph = sp.coo_array((np.ones(len(i)), (i, j)), shape=(count, count))
        count, merged = connected_components(graph, directed=False)
        closed = np.ones(count, bool)
        for labels in open_labels:
            closed[merged[labels]] = False
        at_cells = merged[label.flat[self.cells]]
        found = np.unique(at_cells[closed[at_cells]])
        if not open_labels:  # Cᵀ of all indicators together is zero: one of them is redundant
            found = found[1:]
        return (at_cells[:, None] == found).astype(float)
