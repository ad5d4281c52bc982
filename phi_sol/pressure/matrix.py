"""An assembled matrix as an operator."""

import numpy as np
import scipy.sparse as sp
from phi.math.backend import Backend

from ..errors import InputError, quoted


class MatrixOperator:
    """A sparse matrix as an operator on NumPy arrays (batch, n)."""

    def __init__(self, matrix):
        """Raises InputError for what is no matrix, and one that is not square, not finite or not symmetric."""
        try:
            if not sp.issparse(matrix) and np.ndim(matrix) != 2:
                raise TypeError
            matrix = sp.csr_matrix(matrix)
            if matrix.dtype.kind not in "iuf":
                raise TypeError
        except (TypeError, ValueError, OverflowError):
            kinds = "a DirectPoisson or a matrix of real numbers"
            raise InputError(f"The problem of conjugate gradients is {kinds}, not {quoted(matrix)}.") from None
        if matrix.shape[0] != matrix.shape[1]:
            raise InputError(f"Conjugate gradients need a square matrix, not one of shape {matrix.shape}.")
        if not np.isfinite(matrix.data).all():
            raise InputError("The matrix has entries that are not finite.")
        difference = abs(matrix - matrix.T).tocoo()
        self.norm = float(abs(matrix).sum(1).max())
        if difference.nnz and difference.data.max() > 1e-10 * self.norm:
            i, j = (int(index[difference.data.argmax()]) for index in (difference.row, difference.col))
            found = f"its entries at ({i}, {j}) and ({j}, {i}) are {matrix[i, j]:g} and {matrix[j, i]:g}"
            raise InputError(f"Conjugate gradients need a symmetric matrix: {found}.")
        self._matrix = matrix
        self.fluid = np.asarray(abs(matrix).sum(1)).ravel() > 0

    def __call__(self, backend: Backend, p):
        if backend.name != "numpy":
            raise InputError("An assembled matrix is for NumPy arrays; for TensorFlow give the domain's DirectPoisson.")
        return (self._matrix @ p.T).T.astype(p.dtype)

    def matrix(self):
        return self._matrix
