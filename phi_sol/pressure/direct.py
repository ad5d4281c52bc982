"""
Direct solution of the discrete Poisson equation on a box-shaped grid with static obstacles.

The operator is that of PhiFlow's `masked_laplace`: minus the finite-volume Laplacian, in which faces between a fluid
and a solid cell, and the faces of closed sides, carry no flux.
"""

import numpy as np
from phi.math import DType, Tensor, precision, reshaped_tensor
from phi.math.backend import choose_backend

OPEN, CLOSED, PERIODIC = "open", "closed", "periodic"


def axis_operator(size: int, spacing: float, lower: str, upper: str) -> np.ndarray:
    """
    Minus the 1D Laplacian, `(K p)_i = (2 p_i - p_{i-1} - p_{i+1}) / spacing²`, as a dense symmetric matrix.

    Args:
        size: Number of cells.
        spacing: Cell size.
        lower: Side at the first cell: `open` (p = 0 in the cell beyond), `closed` (no gradient) or `periodic`.
        upper: Side at the last cell.
    """
    if (lower == PERIODIC) != (upper == PERIODIC):
        raise ValueError(f"An axis is periodic on both sides or on none, not {lower!r} and {upper!r}.")
    off = np.eye(size, k=1)
    if lower == PERIODIC:
        off[-1, 0] += 1  # also right for one and two cells
    K = 2 * np.eye(size) - off - off.T
    if lower == CLOSED:
        K[0, 0] -= 1
    if upper == CLOSED:
        K[-1, -1] -= 1
    return K / spacing**2


class DirectPoisson:
    """
    Solves `-∇² p = b` exactly (to round-off), without iterations.

    Without obstacle the operator is a sum over the axes, `K₀ = Σ_d K_d`, and is diagonal in the product of the axes'
    eigenbases `K_d = V_d Λ_d V_dᵀ`: `p = V (Σ Λ_d)⁻¹ Vᵀ b`, dense products of cost `O(N Σ n_d)` for N cells.

    The faces between fluid and solid cells ("cut faces") carry no flux: with one column of C per cut face, 1/dx in one
    cell and -1/dx in the other, `K = K₀ - C Cᵀ`. The Woodbury identity gives

        p = K₀⁻¹ (b + C S⁺ Cᵀ K₀⁻¹ b),      S = I - Cᵀ K₀⁻¹ C   (the capacitance matrix).

    Only the block of cells around the obstacle takes part in the inner product, so that this costs about as much as
    one solve without obstacle. S is singular once per enclosed region (its pressure is free up to a constant); the
    pseudo-inverse leaves these constants out.

    A domain without an open side is singular as a whole: the mean of `b` is removed per solve and `p` has mean zero
    over all cells.

    Set-up: an eigenproblem per axis, and for m cut faces O(m N Σ n_d) operations and m² numbers of memory.

    All solves run in float64 inside, whatever the precision of `b`: in float32 the rounding of p alone, amplified by
    1/dx², would leave a divergence near 1e-4 after an impulsive start. The result has the precision of `b`.

    The operator is symmetric, so the reverse-mode gradient with respect to `b` is one more such solve; any PhiML
    backend differentiates it.

    Source: B. L. Buzbee, F. W. Dorr, J. A. George, G. H. Golub, "The direct solution of the discrete Poisson equation
    on irregular regions", SIAM J. Numer. Anal. 8 (1971).
    """

    def __init__(self, resolution: dict[str, int], spacing: dict[str, float], sides: dict[str, tuple[str, str]], solid: np.ndarray | None = None):
        """
        Args:
            resolution: Cells per axis, by dimension name.
            spacing: Cell size per axis.
            sides: (lower, upper) per axis, each `open`, `closed` or `periodic`.
            solid: Boolean array in the order of `resolution`, true inside obstacles.

        Raises:
            ValueError: if no fluid cell is left or the shapes do not fit.
        """
        self.dims = tuple(resolution)
        self.shape = tuple(resolution.values())
        solid = np.zeros(self.shape, bool) if solid is None else np.asarray(solid, bool)
        if solid.shape != self.shape:
            raise ValueError(f"The obstacle mask has shape {solid.shape} but the grid has {self.shape}.")
        if solid.all():
            raise ValueError("The obstacle leaves no fluid cell in the domain.")
        self.fluid = ~solid
        operators = [axis_operator(n, spacing[d], *sides[d]) for d, n in resolution.items()]
        eigen = [np.linalg.eigh(K) for K in operators]
        self.bases = [basis for _, basis in eigen]
        eigenvalues = sum(np.reshape(w, [-1 if i == j else 1 for j in range(len(eigen))]) for i, (w, _) in enumerate(eigen))
        self.singular = not any(OPEN in sides[d] for d in self.dims)
        if self.singular:  # the constant mode: K₀ + 1 1ᵀ/N has the same solutions of mean zero
            eigenvalues.flat[np.argmin(np.abs(eigenvalues))] = 1.0
        self.inverse_eigenvalues = 1.0 / eigenvalues
        self._set_up_obstacle(solid, [spacing[d] for d in self.dims], [sides[d][0] == PERIODIC for d in self.dims])

    def _set_up_obstacle(self, solid: np.ndarray, spacing: list[float], periodic: list[bool]):
        index = np.arange(solid.size).reshape(solid.shape)
        cut = []
        for axis, (h, wrap) in enumerate(zip(spacing, periodic, strict=True)):
            last = None if wrap else -1
            a, b = np.moveaxis(index, axis, 0)[:last].ravel(), np.moveaxis(np.roll(index, -1, axis), axis, 0)[:last].ravel()
            is_cut = solid.flat[a] != solid.flat[b]
            cut += [(i, j, 1 / h) for i, j in zip(a[is_cut], b[is_cut], strict=True)]
        self.cut_faces = len(cut)
        if not cut:
            return
        cells = np.unique([(i, j) for i, j, _ in cut])
        position = {cell: k for k, cell in enumerate(cells)}
        C = np.zeros((len(cells), len(cut)))
        for k, (i, j, g) in enumerate(cut):
            C[position[i], k], C[position[j], k] = g, -g
        # block of cells around the cut faces, and the positions of the cut cells in it
        coordinates = np.array(np.unravel_index(cells, solid.shape))
        lower, upper = coordinates.min(1), coordinates.max(1) + 1
        self.block_shape = tuple(int(n) for n in upper - lower)
        self.block_bases = [V[lo:up] for V, lo, up in zip(self.bases, lower, upper, strict=True)]
        self.cells_in_block = np.ravel_multi_index(coordinates - lower[:, None], self.block_shape).astype(np.int32)
        self.block_to_cells = np.full(int(np.prod(self.block_shape)), len(cells), np.int32)  # default: a zero appended below
        self.block_to_cells[self.cells_in_block] = np.arange(len(cells))
        # K₀⁻¹ between cut cells
        inverse = np.empty((len(cells), len(cells)))
        for k, cell in enumerate(coordinates.T):
            unit = self.inverse_eigenvalues
            for axis, V in enumerate(self.bases):
                unit = unit * V[cell[axis]].reshape([-1 if i == axis else 1 for i in range(len(self.shape))])
            for V in self.block_bases:  # contracting the first axis moves the result to the end: the order comes back
                unit = np.tensordot(unit, V, ([0], [1]))
            inverse[:, k] = unit.ravel()[self.cells_in_block]
        w, U = np.linalg.eigh(np.eye(len(cut)) - C.T @ inverse @ C)
        w_inverse = np.where(np.abs(w) > 1e-10, 1 / np.where(w == 0, 1, w), 0)
        self.capacitance = C @ (U * w_inverse) @ U.T @ C.T

    def solve(self, b: Tensor) -> Tensor:
        """
        The solution p of `-∇² p = b`, zero in solid cells.

        Args:
            b: Right-hand side with the spatial dimensions of the grid and any batch dimensions. Values in solid cells
                are ignored. If a region of fluid has no open side, `b` must sum to zero over it.

        Returns:
            Tensor of the shape and precision of `b`.
        """
        batch = b.shape.without(self.dims)
        native = b.native([batch, *self.dims])
        backend = choose_backend(native)
        dtype = backend.dtype(native)
        with precision(64):
            p = self._solve_native(backend, backend.cast(native, DType(float, 64)))
        return reshaped_tensor(backend.cast(p, dtype), [batch, *[b.shape[d] for d in self.dims]], convert=False)

    def _solve_native(self, backend, b):
        fluid = backend.as_tensor(self.fluid.astype(np.float64))
        b = b * fluid
        if self.singular:
            b = b - fluid * (backend.sum(b, tuple(range(1, b.ndim)), keepdims=True) / self.fluid.sum())
        inverse_eigenvalues = backend.as_tensor(self.inverse_eigenvalues)
        spectrum = self._transform(backend, b, self.bases, 0) * inverse_eigenvalues
        if self.cut_faces:
            block = backend.reshape(self._transform(backend, spectrum, self.block_bases, 1), (-1, len(self.block_to_cells)))
            at_cells = backend.gather(block, backend.as_tensor(self.cells_in_block), 1)
            at_cells = backend.tensordot(at_cells, (1,), backend.as_tensor(self.capacitance), (0,))
            at_cells = backend.pad(at_cells, ((0, 0), (0, 1)), "constant", 0)
            block = backend.gather(at_cells, backend.as_tensor(self.block_to_cells), 1)
            block = backend.reshape(block, (-1, *self.block_shape))
            spectrum = spectrum + self._transform(backend, block, self.block_bases, 0) * inverse_eigenvalues
        return self._transform(backend, spectrum, self.bases, 1) * fluid

    def _transform(self, backend, x, bases, contract: int):
        for V in bases:  # each product moves the contracted axis to the end, so that the order comes back
            x = backend.tensordot(x, (1,), backend.as_tensor(V), (contract,))
        return x
