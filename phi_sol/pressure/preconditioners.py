"""Preconditioners of conjugate gradients: approximate inverses of the masked Laplacian."""

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from phi.math import DType
from phi.math.backend import Backend

from ..errors import InputError, quoted, suggestion

PRECONDITIONERS = {
    "none": "the residual itself",
    "direct": "the direct solve without the obstacles: exact where there are none",
    "multigrid": "one V-cycle of smoothed-aggregation multigrid by PyAMG, on the host",
}
HOST = ("multigrid",)


def make_preconditioner(name: str, operator, direct) -> Callable | None:
    """
    A preconditioner by name (see `PRECONDITIONERS`) for an operator with the method `matrix`, and for the
    `DirectPoisson` of its domain, if there is one (`direct`).

    Returns:
        A function of (backend, residual of shape (batch, *spatial)); None for `none`.

    Raises:
        InputError: for an unknown name, `direct` for an assembled matrix, or `multigrid` without PyAMG.
    """
    if name not in PRECONDITIONERS:
        known = ", ".join(PRECONDITIONERS)
        raise InputError(f"Unknown preconditioner {quoted(name)}.{suggestion(name, PRECONDITIONERS)} Known: {known}.")
    if name == "none":
        return None
    if name == "multigrid":
        cycle = multigrid(operator.matrix()).aspreconditioner(cycle="V")
        return lambda backend, r: np.stack([cycle.matvec(x.ravel()).reshape(x.shape) for x in r])
    if direct is None:
        raise InputError("The preconditioner 'direct' is for the Laplacian of a domain, not for an assembled matrix.")

    def without_obstacles(backend: Backend, r):
        p = direct.solve_without_obstacles(backend, backend.cast(r, DType(float, 64)))
        return backend.cast(p, backend.dtype(r))

    return without_obstacles


def multigrid(matrix):
    """PyAMG's smoothed-aggregation solver for a sparse matrix; it may be singular, empty rows get a one."""
    try:
        import pyamg
    except ImportError:
        raise InputError("PyAMG is not installed: pip install 'phi_sol[multigrid]'.") from None
    matrix = sp.csr_matrix(matrix)
    empty = matrix.diagonal() == 0
    return pyamg.smoothed_aggregation_solver(sp.csr_matrix(matrix + sp.diags(empty.astype(float))), max_coarse=50)
