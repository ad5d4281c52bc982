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
            self.rows = None if self.swept is None else (int(lower[self.swept]), int(upper[self.swept]))
            self.block = [axes[names[i]].basis[lower[i] : upper[i]] for i in order]
            extents = [upper[i] - lower[i] for i in ([] if self.swept is None else [self.swept]) + order]
            local = [cut.coordinates[i] - lower[i] for i in ([] if self.swept is None else [self.swept]) + order]
            self.block_shape = tuple(int(n) for n in extents)
            if self.swept is not None and self.rows is not None:
                self._set_up_rows(axes[names[self.swept]], eigenvalues.ravel(), *self.rows)
            self.cells_in_block = np.ravel_multi_index(local, self.block_shape).astype(np.int32)
            self.block_to_cells = np.full(
                int(np.prod(self.block_shape)), len(cut.cells), np.int32
            )  # default: a zero appended below
            self.block_to_cells[self.cells_in_block] = np.arange(len(cut.cells))

    def _set_up_rows(self, axis: Axis, others: np.ndarray, first: int, last: int):
        """
        The swept systems for sources in the rows of the obstacle only: the rows above and below are eliminated in
        advance.
        """
        diagonal = axis.diagonal(others)
        block = diagonal[first:last].copy()
        above, below = (
            np.empty_like(diagonal[:first]),
            np.empty_like(diagonal[last:]),
        )  # p in a row relative to the next one inwards
        for i in range(first):
            above[i] = reciprocal(diagonal[i] - (above[i - 1] if i else 0))
        for i in reversed(range(len(below))):
            below[i] = reciprocal(diagonal[last + i] - (below[i + 1] if i + 1 < len(below) else 0))
        block[0] -= above[-1] if first else 0
        block[-1] -= below[0] if len(below) else 0
        self.rows_system = Tridiagonal(block)
        self.above, self.below = np.cumprod(above[::-1], 0)[::-1][:, None], np.cumprod(below, 0)[:, None]

    def solve(self, backend: Backend, b, capacitance: np.ndarray | None = None):
        """`K₀⁻¹ (b + capacitance K₀⁻¹ b)`, for b of shape (batch, *spatial)."""
        kernels = kernels_for(backend)
        x = (
            b
            if self.swept is None
            else backend.transpose(b, (self.swept + 1, 0, *[i + 1 for i in range(self.rank) if i != self.swept]))
        )
        for axis in self.others:
            x = axis.forward(backend, kernels, self._next_last(backend, x))
        p = self._invert(backend, kernels, x)
        if capacitance is not None:
            p = p + self._invert_rows(backend, kernels, self._correction(backend, kernels, p, capacitance))
        for axis in self.others:
            p = axis.inverse(backend, kernels, self._next_last(backend, p))
        if self.swept is None:
            return p
        order = [1, *range(2, self.rank + 1)]
        order.insert(self.swept + 1, 0)
        return backend.transpose(p, tuple(order))

    def _next_last(self, backend: Backend, x):
        """The first axis that is transformed, moved to the end: after one round the order is back."""
        first = x.ndim - len(self.others)
        return backend.transpose(x, (*range(first), *range(first + 1, x.ndim), first)) if len(self.others) > 1 else x

    def _invert(self, backend: Backend, kernels, x):
        if self.swept is None:
            return x * kernels.constant(backend, self.inverse_eigenvalues)
        rows, batch = x.shape[:2]
        p = self.system.solve(backend, kernels, backend.reshape(x, (rows, batch, -1)) * self.scale)
        return backend.reshape(p, x.shape)

    def _invert_rows(self, backend: Backend, kernels, x):
        if self.swept is None:
            return x * kernels.constant(backend, self.inverse_eigenvalues)
        rows, batch = x.shape[:2]
        p = self.rows_system.solve(backend, kernels, backend.reshape(x, (rows, batch, -1)) * self.scale)
        parts = [p[:1] * kernels.constant(backend, self.above), p, p[-1:] * kernels.constant(backend, self.below)]
        p = backend.concat(parts, 0)
        return backend.reshape(p, (p.shape[0], *x.shape[1:]))

    def _correction(self, backend: Backend, kernels, p, capacitance: np.ndarray):
        """The modes of `capacitance` times p at the cut cells; of a swept axis only the rows of the obstacle."""
        x = p
        if self.rows:
            x = backend.transpose(x[self.rows[0] : self.rows[1]], (1, 0, *range(2, x.ndim)))
        for V in self.block:
            x = backend.tensordot(x, (x.ndim - len(self.block),), backend.as_tensor(V), (1,))
        x = backend.reshape(x, (-1, len(self.block_to_cells)))
        x = backend.gather(x, backend.as_tensor(self.cells_in_block), 1)
        x = backend.tensordot(x, (1,), kernels.constant(backend, capacitance), (0,))
        x = backend.pad(x, ((0, 0), (0, 1)), "constant", 0)
        x = backend.reshape(backend.gather(x, backend.as_tensor(self.block_to_cells), 1), (-1, *self.block_shape))
        for V in self.block:
            x = backend.tensordot(x, (x.ndim - len(self.block),), backend.as_tensor(V), (0,))
        if self.rows is None:
            return x
        return backend.transpose(x, (1, 0, *range(2, x.ndim)))
