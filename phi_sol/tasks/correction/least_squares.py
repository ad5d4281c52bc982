"""The coarse field whose interpolation is nearest to a fine one, where a correction must have no divergence."""

from functools import reduce

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from ...grids.layout import Layout
from ...solvers.pair import SolverPair


class LeastSquares:
    """
    Corrections of one field by constrained least squares,

        min_c |W (s + c) + b - r|² + β |c - c'|²   subject to   D c = 0,

    with s the field after a source step, r the reference on its own grid, W + b the linear interpolation of a source
    field onto the reference grid (constant beyond the outermost samples; b is what prescribed faces contribute), c' the
    correction of the step before, and D the divergence of all cells; without constraint for centred fields and for
    flows without pressure. The optimality conditions are one sparse system, factorised once:

        [ WᵀW + β   Dᵀ ] [ c ]   [ Wᵀ (r - b - W s) + β c' ]
        [ D         0  ] [ λ ] = [ 0                       ]

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), whose PRE takes the norms as sums and β = 1 (with dt = 1);
    there, faces within two cells of the sides are left out.
    """

    def __init__(self, pair: SolverPair, field: str, beta: float = 0.0):
        source, reference = pair.source.layouts[field], pair.reference.layouts[field]
        self.beta = beta
        self.shapes = [source.shape(c) for c in source.components]
        parts = [_interpolation(source, reference, c) for c in source.components]
        self.W = sp.block_diag([w for w, _ in parts], "csr")
        self.b = np.concatenate([b for _, b in parts])
        n = self.W.shape[1]
        system = (self.W.T @ self.W + beta * sp.identity(n)).tocsc()
        if source.staggered and pair.source.incompressible:
            D = divergence_matrix(source)
            if all(source.is_periodic(d) or sum(source.missing(d)) == 2 for d in source.dims):
                D = D[:-1]  # the fluxes through the sides are fixed: one row follows from the others
            system = sp.block_array([[system, D.T], [D, None]], format="csc")
        self._solve = splu(system).solve
        self._rows = system.shape[0]

    def __call__(
        self, source: list[np.ndarray], reference: list[np.ndarray], before: list[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """
        The correction, one array (batch, *spatial) per component, as are the field after the source step, the reference
        field on its own grid, and the correction of the step before (None: zero).
        """
        s, r = (_columns(arrays).astype(float) for arrays in (source, reference))
        right = self.W.T @ (r - self.b[:, None] - self.W @ s)
        if before is not None and self.beta:
            right += self.beta * _columns(before)
        result = self._solve(np.concatenate([right, np.zeros((self._rows - len(right), right.shape[1]))]))
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])
        parts = np.split(result[: len(right)].T, ends[:-1], 1)
        return [p.reshape(-1, *shape) for p, shape in zip(parts, self.shapes, strict=True)]


def _columns(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.reshape(a, (len(a), -1)) for a in arrays], 1).T


def _interpolation(source: Layout, reference: Layout, component: str) -> tuple[sp.csr_array, np.ndarray]:
    """W and b of one component, for arrays flattened in the order of the axes."""
    factors, complete = [], []
    for d, size in source.size.items():
        n, m, period = source.resolution[d], reference.resolution[d], size if source.is_periodic(d) else None
        if d != component:
            factors.append(_linear(_centres(n, size), _centres(m, size), period))
            complete.append(factors[-1])
            continue
        fine = np.linspace(0, size, m + 1)[reference.stored(d)]
        complete.append(_linear(np.linspace(0, size, n + 1)[: n if period else None], fine, period))
        factors.append(complete[-1] if period else complete[-1][:, np.arange(n + 1)[source.stored(d)]])
    W = reduce(sp.kron, factors).tocsr()
    if not component or source.is_periodic(component):
        return W, np.zeros(W.shape[0])
    prescribed = source.pad(np.zeros((1, *source.shape(component))), component)
    return W, reduce(sp.kron, complete) @ prescribed.ravel()


def _centres(n: int, size: float) -> np.ndarray:
    return (np.arange(n) + 0.5) * size / n


def _linear(nodes: np.ndarray, points: np.ndarray, period: float | None = None) -> sp.csr_array:
    """Linear interpolation from equidistant nodes along one axis, periodic or constant beyond the outermost ones."""
    position = (points - nodes[0]) / (nodes[1] - nodes[0])
    if period is None:
        position = np.clip(position, 0, len(nodes) - 1)
    lower = np.floor(position).astype(int)
    upper, rows, shape = position - lower, np.arange(len(points)), (len(points), len(nodes))
    columns = [k % len(nodes) if period is not None else np.clip(k, 0, len(nodes) - 1) for k in (lower, lower + 1)]
    return sum(sp.csr_array((w, (rows, k)), shape=shape) for w, k in zip((1 - upper, upper), columns, strict=True))


def divergence_matrix(layout: Layout) -> sp.csr_array:
    """Divergence of all cells from the stored faces of a staggered field; what is prescribed counts as zero."""
    blocks = []
    for component, n in layout.resolution.items():
        steps = sp.diags_array([-np.ones(n), np.ones(n)], offsets=[0, 1], shape=(n, n + 1), format="csr")
        if layout.is_periodic(component):
            steps = steps[:, :-1] + sp.csr_array(([1.0], ([n - 1], [0])), shape=(n, n))
        else:
            steps = steps[:, np.arange(n + 1)[layout.stored(component)]]
        steps = steps / layout.spacing[component]
        factors = [steps if d == component else sp.identity(m) for d, m in layout.resolution.items()]
        blocks.append(reduce(sp.kron, factors))
    return sp.hstack(blocks).tocsr()
