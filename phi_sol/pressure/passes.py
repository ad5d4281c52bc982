"""How one direct solve goes through the axes of a grid."""

import numpy as np
from phi.math.backend import Backend

from ..kernels import kernels_for
from .axes import Axis
from .cut_faces import CutFaces
from .tridiagonal import Tridiagonal, reciprocal

REDUCTIONS = 2  # chosen from `benchmarks/run.py pressure`, too


class Passes:
    """The solve without obstacle, K₀⁻¹, with one way per axis, and the correction for the cut faces."""

    def __init__(self, axes: dict[str, Axis], ways: dict[str, str], cut: CutFaces):
        names = list(axes)
        self.swept = next((i for i, d in enumerate(names) if ways[d] == "sweep"), None)
        self.others = [axes[d] for i, d in enumerate(names) if i != self.swept]
        eigenvalues = np.zeros(())
        for axis in self.others:
            eigenvalues = eigenvalues[..., None] + axis.eigenvalues
        if self.swept is None:
            nonzero = np.abs(eigenvalues) > 1e-12 * np.abs(eigenvalues).max()
            self.inverse_eigenvalues = np.divide(1, eigenvalues, out=np.zeros_like(eigenvalues), where=nonzero)
        else:
            axis = axes[names[self.swept]]
            self.scale = axis.spacing**2
            self.system = Tridiagonal(axis.diagonal(eigenvalues.ravel()), REDUCTIONS)
        self.rank = len(names)
        if cut.count:
            order = [i for i in range(self.rank) if i != self.swept]
            lower, upper = cut.coordinates.min(1), cut.coordinates.max(1) + 1
            self.block = [axes[names[i]].basis[lower[i] : upper[i]] for i in order]
            self.rows = None
            if self.swept is not None:
                self.rows = int(lower[self.swept]), int(upper[self.swept])
                order.insert(0, self.swept)
                self._set_up_rows(axes[names[self.swept]], eigenvalues.ravel(), *self.rows)
            self.block_shape = tuple(int(upper[i] - lower[i]) for i in order)
            local = [cut.coordinates[i] - lower[i] for i in order]
            self.cells_in_block = np.ravel_multi_index(local, self.block_shape).astype(np.int32)
            self.block_to_cells = np.full(np.prod(self.block_shape), len(cut.cells), np.int32)  # beyond the end: a zero
            self.block_to_cells[self.cells_in_block] = np.arange(len(cut.cells))

    def _set_up_rows(self, axis: Axis, others: np.ndarray, first: int, last: int):
        """The swept systems for sources in the rows of the obstacle: those above and below are eliminated before."""
        diagonal = axis.diagonal(others)
        block = diagonal[first:last].copy()
        above, below = _inwards(diagonal[:first]), _inwards(diagonal[last:][::-1])[::-1]
        block[0] -= above[-1] if first else 0
        block[-1] -= below[0] if len(below) else 0
        self.rows_system = Tridiagonal(block)
        self.above, self.below = np.cumprod(above[::-1], 0)[::-1][:, None], np.cumprod(below, 0)[:, None]

    def solve(self, backend: Backend, b, capacitance: np.ndarray | None = None):
        """`K₀⁻¹ (b + capacitance K₀⁻¹ b)`, for b of shape (batch, *spatial)."""
        kernels = kernels_for(backend)
        order = [i for i in range(self.rank + 1) if i - 1 != self.swept]
        x = b if self.swept is None else backend.transpose(b, (self.swept + 1, *order))
        for axis in self.others:
            x = axis.forward(backend, kernels, self._next_last(backend, x))
        p = self._invert(backend, kernels, x)
        if capacitance is not None:
            p = p + self._invert(backend, kernels, self._correction(backend, kernels, p, capacitance), True)
        for axis in self.others:
            p = axis.inverse(backend, kernels, self._next_last(backend, p))
        if self.swept is None:
            return p
        return backend.transpose(p, tuple(np.argsort([self.swept + 1, *order]).tolist()))

    def _next_last(self, backend: Backend, x):
        """The first axis that is transformed, moved to the end: after one round the order is back."""
        first = x.ndim - len(self.others)
        return backend.transpose(x, (*range(first), *range(first + 1, x.ndim), first)) if len(self.others) > 1 else x

    def _invert(self, backend: Backend, kernels, x, of_obstacle: bool = False):
        """The solve in the modes of the axes that are not swept; `of_obstacle`: x has the obstacle's rows only."""
        if self.swept is None:
            return x * kernels.constant(backend, self.inverse_eigenvalues)
        system = self.rows_system if of_obstacle else self.system
        p = system.solve(backend, kernels, backend.reshape(x, (*x.shape[:2], -1)) * self.scale)
        if of_obstacle:
            above, below = kernels.constant(backend, self.above), kernels.constant(backend, self.below)
            p = backend.concat([p[:1] * above, p, p[-1:] * below], 0)
        return backend.reshape(p, (p.shape[0], *x.shape[1:]))

    def _correction(self, backend: Backend, kernels, p, capacitance: np.ndarray):
        """The modes of `capacitance` times p at the cut cells; of a swept axis only the rows of the obstacle."""
        x = backend.transpose(p[slice(*self.rows)], (1, 0, *range(2, p.ndim))) if self.rows else p
        for V in self.block:
            x = backend.tensordot(x, (x.ndim - len(self.block),), backend.as_tensor(V), (1,))
        x = backend.reshape(x, (-1, len(self.block_to_cells)))
        x = backend.gather(x, backend.as_tensor(self.cells_in_block), 1)
        x = backend.tensordot(x, (1,), kernels.constant(backend, capacitance), (0,))
        x = backend.pad(x, ((0, 0), (0, 1)), "constant", 0)
        x = backend.reshape(backend.gather(x, backend.as_tensor(self.block_to_cells), 1), (-1, *self.block_shape))
        for V in self.block:
            x = backend.tensordot(x, (x.ndim - len(self.block),), backend.as_tensor(V), (0,))
        return backend.transpose(x, (1, 0, *range(2, x.ndim))) if self.rows else x


def _inwards(diagonal: np.ndarray) -> np.ndarray:
    """p in each row relative to the next one, where all rows before it are eliminated."""
    ratio = np.empty_like(diagonal)
    for i in range(len(diagonal)):
        ratio[i] = reciprocal(diagonal[i] - (ratio[i - 1] if i else 0))
    return ratio
