"""The masked Laplacian as an operator, without a matrix."""

from functools import cached_property

import numpy as np
import scipy.sparse as sp
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
        """`fluid`: boolean, shape (*spatial); by axis `spacing` and (lower, upper) `sides` as for `DirectPoisson`."""
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
            before = (slice(None),) * (axis + 1)
            n, above, below = p.shape[axis + 1], (*before, slice(1, None)), (*before, slice(None, -1))
            ends = [p[(*before, slice(n - 1, n))], p[(*before, slice(0, 1))]]
            if lower != PERIODIC:
                ends = [backend.zeros_like(e) for e in ends]
            padded = backend.concat([ends[0], p, ends[1]], axis + 1)
            flux = (padded[above] - padded[below]) * constant(weight)
            result = result - flux[above] + flux[below]
        return result

    @cached_property
    def norm(self) -> float:
        """The largest row sum of |K|: twice its largest diagonal entry."""
        weights = [np.moveaxis(w, axis, 0) for axis, w in enumerate(self.weights)]
        return float(2 * sum(np.moveaxis(w[:-1] + w[1:], 0, axis) for axis, w in enumerate(weights)).max())

    def matrix(self):
        """K as a sparse matrix in COO form over all cells in C order."""
        index = np.arange(self.fluid.size).reshape(self.fluid.shape)
        entries = []
        for axis, weight in enumerate(self.weights):
            weight, here = np.moveaxis(weight, axis, 0), np.moveaxis(index, axis, 0)
            for shift, w, inside in ((1, weight[:-1], slice(1, None)), (-1, weight[1:], slice(None, -1))):
                part = slice(None) if self.sides[axis][0] == PERIODIC else inside
                entries += [(here, here, w), (here[part], np.roll(here, shift, 0)[part], -w[part])]
        rows, columns, values = (np.concatenate([x.ravel() for x in group]) for group in zip(*entries, strict=True))
        return sp.coo_matrix((values, (rows, columns)), shape=(self.fluid.size,) * 2)
