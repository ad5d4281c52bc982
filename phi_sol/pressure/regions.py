"""Regions of fluid in which the pressure is free up to a constant."""

import numpy as np
import scipy.sparse as sp
from phi.math.backend import Backend
from scipy.sparse.csgraph import connected_components

from ..errors import InputError
from ..kernels import kernels_for

INCOMPATIBLE = 1e-4  # of the sum of magnitudes; a divergence in float32 sums to some 1e-7 of it


class ClosedRegions:
    """The connected regions of fluid without an open side, over each of which a right-hand side must sum to zero."""

    def __init__(self, operator):
        """`operator`: has the attributes `fluid` (boolean) and `norm` and the method `matrix`."""
        matrix = sp.csr_matrix(operator.matrix())
        matrix.eliminate_zeros()  # blocked faces connect nothing
        self.fluid = operator.fluid
        self._mask = operator.fluid.astype(np.float64)
        count, label = connected_components(matrix, directed=False)
        closed = np.ones(count, bool)
        closed[label[~operator.fluid.ravel()]] = False
        closed[label[np.abs(np.asarray(matrix.sum(1))).ravel() > 1e-9 * operator.norm]] = False
        self.indicators = (label == np.flatnonzero(closed)[:, None]).astype(float)
        self._shares = self.indicators / self.indicators.sum(1, keepdims=True)

    def remove(self, backend: Backend, x):
        """x (batch, *spatial) with zeros in solid cells and mean zero in closed regions: a symmetric projection."""
        dtype = backend.dtype(x)

        def constant(array):
            return backend.cast(kernels_for(backend).constant(backend, array), dtype)

        x = x * constant(self._mask)
        if len(self.indicators):
            flat = backend.reshape(x, (-1, self._mask.size))
            sums = backend.tensordot(flat, (1,), constant(self.indicators), (1,))
            means = backend.tensordot(sums, (1,), constant(self._shares), (0,))
            x = backend.reshape(flat - means, tuple(x.shape))
        return x

    def check(self, name: str, values: np.ndarray):
        """
        Raises InputError for values (batch, *spatial) in fluid cells that are not finite, and for sums over closed
        regions that are not zero, unless `name` says that they are a `guess`.
        """
        values = np.where(self.fluid.ravel(), values.reshape(len(values), -1), 0)
        bad = np.flatnonzero(~np.isfinite(values).all(1))
        if len(bad):
            raise InputError(f"The {name} of sample {bad[0]} is not finite.")
        if name == "guess":
            return
        sums, sizes = np.abs(values @ self.indicators.T), np.abs(values) @ self.indicators.T
        wrong = np.argwhere(sums > INCOMPATIBLE * sizes)
        if len(wrong):
            sample, region = wrong[0]
            cells, total = int(self.indicators[region].sum()), values[sample] @ self.indicators[region]
            why = f"over the closed region of {cells} cells it must sum to zero, but it sums to {total:.3g}"
            fault = f"The right-hand side of sample {sample} has no solution: {why}"
            raise InputError(f"{fault}. Subtract its mean, or open a side.")
