"""
The coarse field whose interpolation is nearest to a fine one, under the constraint that a correction has no divergence.
"""

from functools import reduce

import numpy as np
import scipy.sparse as sp
from phi.math import NUMPY, precision
from scipy.sparse.linalg import splu

from ...pressure.axes import OPEN
from ...pressure.projection import side_of
from ...solvers.pair import SolverPair


class LeastSquares:
    """
    Corrections of one field by constrained least squares,

        min_c |W (s + c) + b - r|² + β |c - c'|²   subject to   D c = 0,

    with s the field after a source step, r the reference on its own grid, W + b the linear interpolation of a
    source field onto the reference grid (constant beyond the outermost samples; b is what prescribed faces
    contribute), c' the correction of the step before, and D the divergence of all cells; without constraint for
    centred fields and for flows without pressure. The optimality conditions are one sparse system, factorised once:

        [ WᵀW + β   Dᵀ ] [ c ]   [ Wᵀ (r - b - W s) + β c' ]
        [ D         0  ] [ λ ] = [ 0                       ]

    Source: Um et al., NeurIPS 2020 (arXiv:2007.00016), whose PRE takes the norms as sums and β = 1 (with dt =
    1); there, faces within two cells of the sides are left out.
    """

    def __init__(self, pair: SolverPair, field: str, beta: float = 0.0):
        """
        Args:
            pair: Source and reference.
            field: Name of a field of the flow.
            beta: Weight of the temporal regularisation.
        """
        source = pair.source
        self.staggered = field in source.staggered
        self.beta = beta
        components = list(source.resolution) if self.staggered else [None]
        self.shapes = [_stored_shape(source, field, c) for c in components]
        parts = [_interpolation(pair, field, c) for c in components]
        self.W = sp.block_diag([w for w, _ in parts], "csr")
        self.b = np.concatenate([b for _, b in parts])
        n = self.W.shape[1]
        system = (self.W.T @ self.W + beta * sp.identity(n)).tocsc()
        if self.staggered and source.incompressible:
            D = _divergence(source, field)
            boundary = source.boundaries[field]
            if not any(
                side_of(boundary, d, upper) == OPEN for d in source.resolution for upper in (False, True)
            ):  # the fluxes through the sides are fixed: one row follows from the others
                D = D[:-1]
            system = sp.block_array([[system, D.T], [D, None]], format="csc")
        self._solve = splu(system).solve
        self._rows = system.shape[0]

    def __call__(
        self, source: list[np.ndarray], reference: list[np.ndarray], before: list[np.ndarray] | None = None
    ) -> list[np.ndarray]:
        """
        Args:
            source: The field after the source step, one array (batch, *spatial) per component.
            reference: The reference field on its own grid, likewise.
            before: Correction of the step before; None: zero.

        Returns:
            The correction, likewise.
        """
        s, r = (
            np.concatenate([np.reshape(a, (len(a), -1)) for a in arrays], 1).T.astype(float)
            for arrays in (source, reference)
        )
        right = self.W.T @ (r - self.b[:, None] - self.W @ s)
        if before is not None and self.beta:
            right += self.beta * np.concatenate([np.reshape(a, (len(a), -1)) for a in before], 1).T
        result = self._solve(np.concatenate([right, np.zeros((self._rows - len(right), right.shape[1]))]))
        ends = np.cumsum([np.prod(shape) for shape in self.shapes])
        parts = np.split(result[: len(right)].T, ends[:-1], 1)
        return [p.reshape(-1, *shape) for p, shape in zip(parts, self.shapes, strict=True)]


def _stored(flow, field: str, dim: str) -> slice:
    """Those of the n + 1 faces across an axis that the flow stores."""
    lower, upper = flow.boundaries[field].valid_outer_faces(dim)
    return slice(0 if lower else 1, None if upper else -1)


def _stored_shape(flow, field: str, component: str | None) -> tuple[int, ...]:
    return tuple(
        len(np.arange(n + 1)[_stored(flow, field, d)]) if d == component else n for d, n in flow.resolution.items()
    )


def _is_periodic(flow, field: str, dim: str) -> bool:
    return flow.boundaries[field].valid_outer_faces(dim) == (True, False)


def _interpolation(pair: SolverPair, field: str, component: str | None) -> tuple[sp.csr_array, np.ndarray]:
    """W and b of one component (None: of a centred field), for arrays flattened in the order of the axes."""
    source, reference = pair.source, pair.reference
    factors, complete = [], []
    for d, size in source.size.items():
        n, m = source.resolution[d], reference.resolution[d]
        if d != component:
            factors.append(
                _linear(_centres(n, size), _centres(m, size), size if _is_periodic(source, field, d) else None)
            )
            complete.append(factors[-1])
            continue
        coarse, fine = np.linspace(0, size, n + 1), np.linspace(0, size, m + 1)[_stored(reference, field, d)]
        if _is_periodic(source, field, d):
            factors.append(_linear(coarse[:-1], fine, size))
            complete.append(factors[-1])
        else:
            whole = _linear(coarse, fine)
            factors.append(whole[:, np.arange(n + 1)[_stored(source, field, d)]])
            complete.append(whole)
    W = reduce(sp.kron, factors).tocsr()
    return W, reduce(sp.kron, complete) @ _prescribed(source, field, component) if component else np.zeros(W.shape[0])


def _centres(n: int, size: float) -> np.ndarray:
    return (np.arange(n) + 0.5) * size / n


def _linear(nodes: np.ndarray, points: np.ndarray, period: float | None = None) -> sp.csr_array:
    """
    Linear interpolation from equidistant nodes to points along one axis, periodic or constant beyond the
    outermost nodes.
    """
    position = (points - nodes[0]) / (nodes[1] - nodes[0])
    if period is None:
        position = np.clip(position, 0, len(nodes) - 1)
    lower = np.floor(position).astype(int)
    upper_weight = position - lower
    rows = np.arange(len(points))
    columns = [k % len(nodes) if period is not None else np.clip(k, 0, len(nodes) - 1) for k in (lower, lower + 1)]
    shape = (len(points), len(nodes))
    return sum(
        sp.csr_array((w, (rows, k)), shape=shape)
        for w, k in zip((1 - upper_weight, upper_weight), columns, strict=True)
    )


def _prescribed(flow, field: str, component: str) -> np.ndarray:
    """
    One component on all faces across its axis (periodic: on the stored ones), zero but for those that the
    boundary prescribes.
    """
    dims = list(flow.resolution)
    with NUMPY, precision(64):
        values = flow.templates[field].staggered_tensor()[{"vector": component}].numpy(dims)
    values = values[tuple(slice(None) if d == component else slice(0, -1) for d in dims)]
    return values[
        tuple(slice(0, -1) if d == component and _is_periodic(flow, field, d) else slice(None) for d in dims)
    ].ravel()


def _divergence(flow, field: str) -> sp.csr_array:
    """Divergence of all cells from the stored faces."""
    blocks = []
    for component, n in flow.resolution.items():
        steps = (
            sp.diags_array([-np.ones(n), np.ones(n)], offsets=[0, 1], shape=(n, n + 1), format="csr")
            / flow.spacing[component]
        )
        if _is_periodic(flow, field, component):
            steps = steps[:, :-1] + sp.csr_array(([1 / flow.spacing[component]], ([n - 1], [0])), shape=(n, n))
        else:
            steps = steps[:, np.arange(n + 1)[_stored(flow, field, component)]]
        blocks.append(
            reduce(sp.kron, [steps if d == component else sp.identity(m) for d, m in flow.resolution.items()])
        )
    return sp.hstack(blocks).tocsr()
