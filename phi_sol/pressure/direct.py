"""Direct solution of the discrete Poisson equation on a box-shaped grid with static obstacles."""

import logging
from functools import cached_property, partial

import numpy as np
import scipy.sparse as sp
from phi.math import DType, Tensor, precision, reshaped_tensor
from phi.math.backend import Backend, choose_backend
from scipy.linalg import lapack
from threadpoolctl import threadpool_limits

from ..arguments import checked
from ..errors import InputError, integer, positive, quoted
from ..kernels import kernels_for
from .axes import OPEN, PERIODIC, Axis, check_sides, choose_way
from .cg import Recurrence, iterate, norm_of
from .cut_faces import CutFaces
from .laplace import MaskedLaplace
from .passes import Passes
from .periodic import inverse_eigenvalues

LOG = logging.getLogger(__name__)

# Chosen from `benchmarks/run.py pressure` on two cores: from these sizes on, the other way is faster.
SWEEP_FROM = 48
WAYS = ("sweep", "dense", "parity", "fourier")
FOURIER_FROM = 96
CAPACITANCE_BUDGET = 512 * 2**20  # bytes of an obstacle's capacitance matrix; beyond, conjugate gradients take over
LARGEST_BUDGET = 2**50


class DirectPoisson:
    """
    Solves `-∇² p = b` to round-off.

    Without obstacle the operator is a sum over the axes, `K₀ = Σ_d K_d`, and is diagonal in the product of the axes'
    eigenbases (`Axis`). One axis, if it is long and not periodic, is not transformed: for each mode of the others it
    leaves a tridiagonal system, solved by elimination ("sweep"). Cost for N cells: O(N) for the swept axis, O(N log n)
    for Fourier transforms, `O(N n)` for dense products on short axes. On GPUs nothing is swept. A box that is periodic
    along all axes takes one Fourier transform along all of them.

    The faces between fluid and solid cells ("cut faces") carry no flux: with one column of C per cut face, 1/dx in one
    cell and -1/dx in the other, `K = K₀ - C Cᵀ`. The Woodbury identity gives

        p = K₀⁻¹ (b + C S⁺ Cᵀ K₀⁻¹ b),      S = I - Cᵀ K₀⁻¹ C   (the capacitance matrix).

    Only the cut cells take part in the inner product, so that this costs about as much as one solve without obstacle. S
    is singular once per enclosed region (its pressure is free up to a constant); the pseudo-inverse leaves these
    constants out.

    For m cut cells, and as many cut faces, set-up takes O(m³) operations and the matrix 8 m² bytes, and about four
    times this on the way. Where 8 m² exceeds `budget` (at 512 MiB: m > 8192, a large obstacle in 3D), conjugate
    gradients on K, preconditioned by K₀⁻¹, take its place: a warning says so once.

    A domain without an open side is singular as a whole: the means of `b` and of `p` over the fluid are removed.

    All solves run in float64 inside, whatever the precision of `b` and p: in float32 the rounding of p alone, amplified
    by 1/dx², would leave a divergence near 1e-4 after an impulsive start. The operator is symmetric, so the gradient
    with respect to `b` is one more such solve, and can be differentiated again. A NaN in `b` makes the whole p of that
    batch entry NaN, and no other.

    Source: B. L. Buzbee, F. W. Dorr, J. A. George, G. H. Golub, "The direct solution of the discrete Poisson equation
    on irregular regions", SIAM J. Numer. Anal. 8 (1971).

    Examples:
        >>> sides = dict(y=("closed", "open"), x=("closed", "closed"))
        >>> poisson = ps.DirectPoisson(dict(y=8, x=8), dict(y=1.0, x=1.0), sides)
        >>> poisson.solve(math.ones(math.batch(batch=1), math.spatial(y=8, x=8))).shape.spatial
        (yˢ=8, xˢ=8)
    """

    @checked
    def __init__(
        self,
        resolution: dict[str, int],
        spacing: dict[str, float],
        sides: dict[str, tuple[str, str]],
        solid: np.ndarray | None = None,
        *,
        budget: int = CAPACITANCE_BUDGET,
        ways: dict[str, str] | None = None,
    ):
        """
        Args:
            resolution: Cells per axis, by dimension name.
            spacing: Cell size per axis.
            sides: (lower, upper) per axis, each `open`, `closed` or `periodic`.
            solid: Boolean array in the order of `resolution`, true inside obstacles.
            budget: Bytes that the capacitance matrix may take.
            ways: How axes are treated, instead of the choice by size: `sweep` (one axis at most, not periodic),
                `dense`, `parity` or `fourier`, by dimension name.

        Raises:
            InputError: if no fluid cell is left, axes or shapes do not fit, or a number, side or way is not possible.
        """
        self.dims = tuple(resolution)
        self.shape = tuple(integer(f"The number of cells along {d}", n, 1) for d, n in resolution.items())
        for what, given in (("spacing", spacing), ("sides", sides), ("ways", self.dims if ways is None else ways)):
            if set(given) - set(self.dims) or (what != "ways" and set(given) != set(self.dims)):
                axes = f"{', '.join(self.dims)}, not for {quoted([*given])}"
                raise InputError(f"The {what} of a Poisson problem are for its axes {axes}.")
        solid = np.zeros(self.shape, bool) if solid is None else np.asarray(solid, bool)
        if solid.shape != self.shape:
            raise InputError(f"The obstacle mask has shape {solid.shape} but the grid has {self.shape}.")
        if solid.all():
            raise InputError("The obstacle leaves no fluid cell in the domain.")
        self.fluid = ~solid
        self._fluid = self.fluid.astype(np.float64)
        self.sides = {d: sides[d] for d in self.dims}
        for d, ends in self.sides.items():
            if not (isinstance(ends, tuple | list) and len(ends) == 2):
                raise InputError(f"The sides of axis {d!r} are its lower and its upper one, not {quoted(ends)}.")
            check_sides(*ends, d)
        self.spacing = {d: positive(f"The cell size along {d}", spacing[d]) for d in self.dims}
        self.singular = not any(OPEN in s for s in self.sides.values())
        for d, way in (ways or {}).items():
            if way not in WAYS:
                raise InputError(f"Axis {d!r} can be treated in the ways {', '.join(WAYS)}, not {quoted(way)}.")
        integer("The bytes of a capacitance matrix", budget, 0, LARGEST_BUDGET)
        self._forced_ways = ways or {}
        self._passes = {}
        self._free = CutFaces(solid, self.spacing, self.sides)
        self.cut_faces = self._free.count
        whole = all(s == (PERIODIC, PERIODIC) for s in self.sides.values()) and not (self.cut_faces or ways)
        self.periodic = inverse_eigenvalues(self.shape, tuple(self.spacing.values())) if whole else None
        self.iterative = 8 * len(self._free.cells) ** 2 > budget
        if self.iterative:
            size = f"An obstacle with {len(self._free.cells)} cut cells exceeds the budget of {budget // 2**20} MiB"
            LOG.warning("%s for a direct pressure solve: conjugate gradients take over.", size)

    # --- set-up ---

    def ways(self, sweeps: bool) -> dict[str, str]:
        """How each axis is treated (see `__init__`); `sweeps`: whether loops and Fourier transforms pay."""
        sizes = dict(zip(self.dims, self.shape, strict=True))
        result = {d: choose_way(n, *self.sides[d], sweeps and n >= FOURIER_FROM) for d, n in sizes.items()}
        candidates = [d for d, n in sizes.items() if sweeps and n >= SWEEP_FROM and PERIODIC not in self.sides[d]]
        if candidates:  # first one that is open at one end only, which has no Fourier transform; then the longest
            result[max(candidates, key=lambda d: (len(set(self.sides[d])), sizes[d]))] = "sweep"
        return result | self._forced_ways

    def _passes_of(self, sweeps: bool) -> Passes:
        if sweeps not in self._passes:
            ways = self.ways(sweeps)
            self._passes[sweeps] = Passes(self._axes({d: w for d, w in ways.items() if w != "sweep"}), ways, self._free)
        return self._passes[sweeps]

    def _axes(self, ways: dict[str, str]) -> dict[str, Axis]:
        sizes = zip(self.dims, self.shape, strict=True)
        return {d: Axis(n, self.spacing[d], *self.sides[d], ways.get(d, "dense")) for d, n in sizes}

    @cached_property
    def capacitance(self) -> np.ndarray:
        """`C S⁺ Cᵀ` between the cut cells, with the same bits however many cores there are."""
        with threadpool_limits(1, "blas"):
            return self._capacitance()

    def _capacitance(self) -> np.ndarray:
        C = self._free.columns()
        S = -(C.T @ (C.T @ self._free_inverse()).T)  # C is sparse
        S[np.diag_indices_from(S)] += 1
        # for each region without an open side, the indicator χ of its cells gives a null vector Cᵀ χ of S
        null, _ = np.linalg.qr(C.T @ self._free.regions(self.fluid, self.sides))
        S += null @ null.T
        factor, info = lapack.dpotrf(S, lower=True, overwrite_a=True)
        inverse, info = lapack.dpotri(factor, lower=True, overwrite_c=True) if info == 0 else (factor, info)
        if info:
            raise ArithmeticError(f"The capacitance matrix of {self.cut_faces} cut faces is not positive definite.")
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        inverse -= null @ null.T
        return np.ascontiguousarray(C @ (C @ inverse).T)

    def _free_inverse(self) -> np.ndarray:
        """K₀⁻¹ between the cut cells, row pair by row pair of the first axis."""
        axes = list(self._axes({}).values())
        rows, *columns = self._free.coordinates
        modes, others = np.ones((len(rows), 1)), np.zeros(1)
        for axis, j in zip(axes[1:], columns, strict=True):
            modes = (modes[:, :, None] * axis.basis[j][:, None, :]).reshape(len(rows), -1)
            others = (others[:, None] + axis.eigenvalues).ravel()
        total = axes[0].eigenvalues[:, None] + others
        inverse = np.divide(1, total, out=np.zeros_like(total), where=total > 1e-12 * total.max())
        G, used, first = np.empty((len(rows), len(rows))), np.unique(rows), axes[0].basis
        at = {r: np.flatnonzero(rows == r) for r in used}
        for r in used:
            profile = (first[used] * first[r]) @ inverse  # (rows, modes): K₀⁻¹ from row r to the others, per mode
            for s, p in zip(used, profile, strict=True):
                if s >= r:
                    G[np.ix_(at[r], at[s])] = (modes[at[r]] * p) @ modes[at[s]].T
                    G[np.ix_(at[s], at[r])] = G[np.ix_(at[r], at[s])].T
        return G

    # --- solving ---

    @checked
    def solve(self, b: Tensor) -> Tensor:
        """
        The solution p of `-∇² p = b`, zero in solid cells, in the shape and precision of b.

        Args:
            b: Right-hand side with the spatial dimensions of the grid and any batch dimensions. Values in solid cells
                are ignored. If a region enclosed by obstacles has no open side, `b` must sum to zero over it.

        Raises:
            InputError: if b has other spatial dimensions.
        """
        if (found := b.shape.spatial.untyped_dict) != dict(zip(self.dims, self.shape, strict=True)):
            raise InputError(f"A right-hand side for {dict(zip(self.dims, self.shape, strict=True))} has {found}.")
        batch = b.shape.without(self.dims)
        native = b.native([batch, *self.dims])
        backend = choose_backend(native)
        dtype = backend.dtype(native)
        p = self.solve_native(backend, backend.cast(native, DType(float, 64)))
        return reshaped_tensor(backend.cast(p, dtype), [batch, *[b.shape[d] for d in self.dims]], convert=False)

    def solve_native(self, backend: Backend, b):
        """The same for native right-hand sides of shape (batch, *spatial) in float64."""
        kernels = kernels_for(backend)
        self._passes_of(kernels.sweeps)  # set-up is NumPy's and must not happen inside the function that is traced
        if self.cut_faces and not self.iterative:
            _ = self.capacitance

        def solve(b):
            with precision(64):  # here, since it also serves as the gradient, later
                return self._solve(backend, b)

        return kernels.self_adjoint(backend, solve)(b)

    def _solve(self, backend: Backend, b):
        kernels = kernels_for(backend)
        if kernels.sweeps and self.periodic is not None:
            return kernels.filtered(b, self.periodic)
        fluid = kernels.constant(backend, self._fluid)
        axes = tuple(range(1, b.ndim))
        b = backend.where(backend.cast(fluid, DType(bool)), b, backend.zeros_like(b))
        if self.singular:
            b = b - fluid * (backend.sum(b, axes, keepdims=True) / self.fluid.sum())
        if self.iterative:
            operator, approximate = partial(self.operator, backend), partial(self.solve_without_obstacles, backend)
            recurrence = Recurrence(backend, operator, approximate)
            p = iterate(recurrence, b, None, 1e-13 * norm_of(backend, b, "l2"), 500).p
        else:
            p = self._passes_of(kernels.sweeps).solve(backend, b, self.capacitance if self.cut_faces else None)
        p = p * fluid
        if self.singular:  # with the mean over the fluid, not over all cells, the whole operation is symmetric
            p = p - fluid * (backend.sum(p, axes, keepdims=True) / self.fluid.sum())
        return p

    def solve_without_obstacles(self, backend: Backend, b):
        """The solution for native b (batch, *spatial) in float64 if there were no obstacle, cut to the fluid cells."""
        kernels = kernels_for(backend)
        return kernels.constant(backend, self._fluid) * self._passes_of(kernels.sweeps).solve(backend, b)

    @cached_property
    def operator(self) -> MaskedLaplace:
        """K as a function."""
        return MaskedLaplace(self.fluid, list(self.spacing.values()), list(self.sides.values()))

    def matrix(self) -> sp.csr_matrix:
        """K over all cells in C order, for checks and other solvers; rows of solid cells are zero."""
        return sp.csr_matrix(self.operator.matrix())
