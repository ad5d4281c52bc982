"""The masked Laplacian as an operator, without a matrix."""

from functools import cached_property

import numpy as np
from phi.math.backend import Backend

from ..kernels import kernels_for
from .axes import OPEN, PERIODIC


class MaskedLaplace:
    """
    Minus the finite-volume Laplacian `(K p)_i = Σ_faces open_f (p_i - p_j) / h²` of the fluid cells.

    Faces between fluid and solid cells and on closed sides carry no flux; beyond an open side p = 0 in the next cell.
    Values in solid cells are not read, and zero in the result.
    """

    def __init__(self, fluid: np.ndarray, spacing: list[float], sides: list[tuple[str, str]]):
        """
        Args:
            fluid: Boolean, shape (*spatial).
            spacing: Cell size per axis.
            sides: (lower, upper) per axis, each `open`, `closed` or `periodic`.
        """
        self.fluid, self.spacing, self.sides = fluid, spacing, sides
        self._fluid = fluid.astype(np.float64)
        self.weights = []  # per axis, on the n + 1 faces: open_f / h²
        for axis, (h, (lower, upper)) in enumerate(zip(spacing, sides, strict=True)):
            width = [(1, 1) if i == axis else (0, 0) for i in range(fluid.ndim)]
            padded = np.pad(fluid, width, mode="wrap") if lower == PERIODIC else np.pad(fluid, width)
            padded = np.moveaxis(padded, axis, 0)
            for end, inner, side in ((0, 1, lower), (-1, -2, upper)):
                if side != PERIODIC:
                    padded[end] = padded[inner] & (side == OPEN)
            self.weights.append(np.moveaxis((padded[1:] & padded[:-1]) / h**2, 0, axis))

    def __call__(self, backend: Backend, p):
        """K p, for p of shape (batch, *spatial)."""
        kernels = kernels_for(backend)

        def constant(array):
            return backend.cast(kernels.constant(backend, array), backend.dtype(p))

        p = p * constant(self._fluid)
        result = 0.0
        for axis, (weight, (lower, _)) in enumerate(zip(self.weights, self.sides, strict=True)):
            n = p.shape[axis + 1]
            ends = [p[_at(p, axis + 1, slice(n - 1, n))], p[_at(p, axis + 1, slice(0, 1))]]
            if lower != PERIODIC:
                ends = [backend.zeros_like(e) for e in ends]
            padded = backend.concat([ends[0], p, ends[1]], axis + 1)
            flux = (padded[_at(p, axis + 1, slice(1, None))] - padded[_at(p, axis + 1, slice(None, -1))]) * constant(
                weight
            )
            result = result - flux[_at(p, axis + 1, slice(1, None))] + flux[_at(p, axis + 1, slice(None, -1))]
        return result

    @cached_property
    def norm(self) -> float:
        """The largest row sum of |K|: twice its largest diagonal entry."""
        at = [(np.moveaxis(w, axis, 0)[:-1], np.moveaxis(w, axis, 0)[1:]) for axis, w in enumerate(self.weights)]
        return float(2 * sum(np.moveaxis(lower + upper, 0, axis) for axis, (lower, upper) in enumerate(at)).max())

    def matrix(self):
        """K as a sparse matrix in COO form over all cells in C order."""
        import scipy.sparse as sp

        index = np.arange(self.fluid.size).reshape(self.fluid.shape)
        rows, columns, values = [], [], []
        for axis, weight in enumerate(self.weights):
            lower = np.moveaxis(np.roll(index, 1, axis), axis, 0)
            here, weight = np.moveaxis(index, axis, 0), np.moveaxis(weight, axis, 0)
            for neighbour, w, inside in (
                (lower, weight[:-1], slice(1, None)),
                (np.moveaxis(np.roll(index, -1, axis), axis, 0), weight[1:], slice(None, -1)),
            ):
                rows.append(here.ravel()), columns.append(here.ravel()), values.append(w.ravel())
                part = slice(None) if self.sides[axis][0] == PERIODIC else inside
                (
                    rows.append(here[part].ravel()),
                    columns.append(neighbour[part].ravel()),
                    values.append(-w[part].ravel()),
                )
        return sp.coo_matrix(
            (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=(self.fluid.size,) * 2
        )


def _at(x, axis: int, part: slice) -> tuple[slice, ...]:
    return tuple(part if i == axis else slice(None) for i in range(x.ndim))
