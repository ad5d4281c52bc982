"""Many tridiagonal systems with constant matrices, solved side by side."""

import numpy as np


class Tridiagonal:
    """
    Solves `d_i p_i - p_{i-1} - p_{i+1} = b_i` along the first dimension, one symmetric, diagonally dominant system per
    column.

    Some steps of cyclic reduction, each of which eliminates every other row of all systems at once, shorten the systems
    until Gaussian elimination ("sweep", a loop over the rows) is cheap; everything that depends on d alone is computed
    at set-up. A singular system (d = 1, 2, 2, ..., 1) gets p = 0 in its last row; others that are added to it are free.

    Source: R. W. Hockney, "A fast direct solution of Poisson's equation using Fourier analysis", J. ACM 12 (1965).
    """

    def __init__(self, diagonal: np.ndarray, reductions: int = 0):
        """
        Args:
            diagonal: d, shape (rows, columns).
            reductions: Steps of cyclic reduction at most; each needs an even number of rows.
        """
        d, off = diagonal, np.ones((len(diagonal) - 1, diagonal.shape[1]))  # off: minus the entries beside the diagonal
        self.levels = []
        while reductions and len(d) % 2 == 0 and len(d) > 2:
            reductions -= 1
            gone = 1 / d[::2]
            up, down = off[::2], np.concatenate([off[1::2], np.zeros_like(off[:1])])  # from a kept row to both sides
            below = np.concatenate([gone[1:], np.zeros_like(gone[:1])])
            level = {"gone": gone, "up": up * gone, "down": down * below}
            level["from_above"] = np.concatenate([np.zeros_like(off[:1]), off[1::2]]) * gone
            self.levels.append({n: x[:, None] for n, x in level.items()})
            d = d[1::2] - up**2 * gone - down**2 * below
            off = (down * below)[:-1] * off[2::2]
        pivot = np.empty_like(d)
        for i in range(len(d)):
            pivot[i] = reciprocal(d[i] - (off[i - 1] ** 2 * pivot[i - 1] if i else 0))
        zero = np.zeros_like(d[:1])
        self.scale = pivot[:, None]
        self.lower = (np.concatenate([zero, off]) * pivot)[:, None]
        self.upper = (np.concatenate([off, zero]) * pivot)[:, None]

    def solve(self, backend, kernels, b, depth: int = 0):
        """p for b of shape (rows, batch, columns), after `depth` reductions."""

        def constant(array):
            return kernels.constant(backend, array)

        if depth == len(self.levels):
            return kernels.sweep(b * constant(self.scale), constant(self.lower), constant(self.upper))
        level = {n: constant(a) for n, a in self.levels[depth].items()}
        even, odd = b[::2], b[1::2]
        zero = backend.zeros_like(even[:1])
        reduced = odd + level["up"] * even + level["down"] * backend.concat([even[1:], zero], 0)
        kept = self.solve(backend, kernels, reduced, depth + 1)
        filled = level["gone"] * even + level["up"] * kept + level["from_above"] * backend.concat([zero, kept[:-1]], 0)
        return backend.reshape(backend.stack([filled, kept], 1), b.shape)


def reciprocal(pivot: np.ndarray) -> np.ndarray:
    """1 / pivot, and zero where the pivot is zero up to round-off; here pivots are of order one."""
    singular = np.abs(pivot) < 1e-12
    return np.where(singular, 0, 1 / np.where(singular, 1, pivot))
