"""Conjugate gradients for the pressure of any flow's domain, or for an assembled matrix: the public solver."""

import logging
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from phi.math import DType, Tensor, expand, precision, reshaped_tensor, spatial
from phi.math.backend import Backend, choose_backend
from scipy.sparse.csgraph import connected_components

from ..errors import InputError
from ..kernels import kernels_for
from .cg import NORMS, Recurrence, fixed_steps, iterate, norm_of
from .direct import DirectPoisson
from .preconditioners import HOST, make_preconditioner

LOG = logging.getLogger(__name__)
EPSILON = {32: float(np.finfo(np.float32).eps), 64: float(np.finfo(np.float64).eps)}
INCOMPATIBLE = 1e-4  # of the sum of magnitudes; a divergence in float32 sums to some 1e-7 of it


@dataclass
class Solution:
    """
    What `ConjugateGradients.solve` gives; numbers per sample, as arrays (batch,) or tensors, as the right-hand side was given.

    Attributes:
        p: The solution. Where the system leaves constants free (see `ConjugateGradients`), with mean zero.
        iterations: Steps taken.
        residual: Norm of b - K p, computed anew from p.
        converged: Whether the tolerance was reached.
        stagnated: Whether rounding kept the residual from falling further.
        history: Norm after 0, 1, 2, ... steps, shape (batch, max_iterations + 1), NaN where there was none; None if not asked for.
    """

    p: object
    iterations: object
    residual: object
    converged: object
    stagnated: object
    history: object = None


class MatrixOperator:
    """A sparse matrix as an operator on NumPy arrays (batch, n)."""

    def __init__(self, matrix):
        """
        Raises:
            InputError: for a matrix that is not square, not finite or not symmetric.
        """
        matrix = sp.csr_matrix(matrix)
        if matrix.shape[0] != matrix.shape[1]:
            raise InputError(f"Conjugate gradients need a square matrix, not one of shape {matrix.shape}.")
        if not np.isfinite(matrix.data).all():
            raise InputError("The matrix has entries that are not finite.")
        difference = abs(matrix - matrix.T).tocoo()
        self.norm = float(abs(matrix).sum(1).max())
        if difference.nnz and difference.data.max() > 1e-10 * self.norm:
            i, j = (int(index[difference.data.argmax()]) for index in (difference.row, difference.col))
            raise InputError(
                f"Conjugate gradients need a symmetric matrix: its entries at ({i}, {j}) and ({j}, {i}) are {matrix[i, j]:g} and {matrix[j, i]:g}."
            )
        self._matrix = matrix
        self.fluid = np.asarray(abs(matrix).sum(1)).ravel() > 0

    def __call__(self, backend: Backend, p):
        if backend.name != "numpy":
            raise InputError("An assembled matrix is for NumPy arrays; for TensorFlow give the domain's DirectPoisson.")
        return (self._matrix @ p.T).T.astype(p.dtype)

    def matrix(self):
        return self._matrix


class ConjugateGradients:
    """
    Solves `K p = b` with K = -∇², the masked Laplacian of a domain, from any initial guess.

    A connected region of the fluid without an open side leaves its pressure free up to a constant, and b must sum to zero over it. What rounding
    leaves of the sum is removed, and the solution has mean zero there.

    Samples of a batch come to rest one by one. With TensorFlow all is compiled as one unit, and the gradient of `solve` with
    respect to b is implicit: the same solve for the upstream gradient, to the same relative accuracy; the guess has none. `steps` takes a
    fixed number of steps and has the gradient of each of them. Multigrid runs on the host, in NumPy.

    Equal to `scipy.sparse.linalg.cg`, step by step, for the same preconditioner.
    """

    def __init__(self, problem, preconditioner: str = "none"):
        """
        Args:
            problem: `DirectPoisson` of a domain (`flow.projection.solver`), or a symmetric, positive semi-definite matrix, dense or sparse.
            preconditioner: `none`, `direct` (the direct solve without the obstacles) or `multigrid` (PyAMG).

        Raises:
            InputError: for a matrix that is not symmetric, an unknown preconditioner, or multigrid without PyAMG.
        """
        self.domain = problem if isinstance(problem, DirectPoisson) else None
        self.operator = self.domain.operator if self.domain else MatrixOperator(problem)
        self.preconditioner = preconditioner
        self._precondition = make_preconditioner(preconditioner, self.operator, self.domain)
        self._fluid = self.operator.fluid.astype(np.float64)
        self._regions = self._closed_regions()
        self._functions = {}

    def _closed_regions(self) -> np.ndarray:
        """Indicators of the regions of fluid in which constants are free, shape (regions, cells)."""
        matrix = sp.csr_matrix(self.operator.matrix())
        matrix.eliminate_zeros()  # blocked faces connect nothing
        fluid = self.operator.fluid.ravel()
        count, label = connected_components(matrix, directed=False)
        closed = np.ones(count, bool)
        closed[label[~fluid]] = False
        closed[label[np.abs(np.asarray(matrix.sum(1))).ravel() > 1e-9 * self.operator.norm]] = False
        return np.array([label == region for region in np.flatnonzero(closed)], float).reshape(-1, len(label))

    def solve(
        self,
        b,
        guess=None,
        tolerance: float = 1e-6,
        relative: float = 0.0,
        max_iterations: int = 1000,
        norm: str = "max",
        history: bool = False,
    ) -> Solution:
        """
        Iterates until the norm of each sample's residual is at most `max(tolerance, relative · norm of b)`.

        Args:
            b: Right-hand side: a tensor with the spatial dimensions of the domain and any batch dimensions, or an array (batch, *spatial). For
                a velocity it is minus its divergence.
            guess: Initial guess of the same form; None: zero.
            tolerance: Absolute tolerance, in the units of b.
            relative: Relative tolerance.
            max_iterations: Steps at most.
            norm: `max`, the largest magnitude over cells, or `l2`, the square root of the sum of squares.
            history: Whether to keep the norm after every step.

        Raises:
            InputError: for options that are not possible, b or a guess of another shape or not finite, or b that does not sum to zero over a
                closed region. (Values are not looked at inside a function that is being traced.)
        """
        if norm not in NORMS:
            raise InputError(f"Unknown norm {norm!r}. Known: {', '.join(NORMS)}.")
        for name, value in (("tolerance", tolerance), ("relative tolerance", relative)):
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"The {name} must be finite and at least 0, not {value!r}.")
        if isinstance(max_iterations, bool) or not isinstance(max_iterations, int | np.integer) or max_iterations < 1:
            raise InputError(f"The number of iterations must be an integer of at least 1, not {max_iterations!r}.")
        if isinstance(b, Tensor):
            return self._solve_tensor(b, guess, tolerance, relative, max_iterations, norm, history)
        backend, b, guess = self._checked(b, guess)
        key = backend.name, int(max_iterations), norm, history, 8 * backend.dtype(b).itemsize
        if key not in self._functions:
            kernels, run = kernels_for(backend), self._runner(backend, *key[1:])
            self._functions[key] = run if self.preconditioner in HOST else kernels.compiled(run)
        limits = [backend.cast(backend.as_tensor(np.float64(v)), backend.dtype(b)) for v in (tolerance, relative)]
        p, residual, size, count, bound, *kept = self._functions[key](b, backend.zeros_like(b) if guess is None else guess, *limits)
        flat = [x.reshape(-1) if isinstance(x, np.ndarray) else backend.reshape(x, (-1,)) for x in (residual, size, count, bound)]
        residual, size, count, bound = flat
        converged = size <= bound
        stagnated = (size > bound) & (count < max_iterations)
        self._report(backend, residual, bound, stagnated)
        count = backend.cast(count, DType(int, 32))
        return Solution(p, count, residual, converged, stagnated, kept[0] if kept else None)

    def steps(self, b, guess=None, steps: int = 1):
        """
        p after a fixed number of steps, with the gradient of each of them with respect to b and the guess.

        Args:
            b: Array (batch, *spatial).
            guess: Of the same shape; None: zero.
            steps: k, at least 1.

        Raises:
            InputError: as `solve` does, and for less than one step.
        """
        if isinstance(steps, bool) or not isinstance(steps, int | np.integer) or steps < 1:
            raise InputError(f"The number of steps of conjugate gradients must be an integer of at least 1, not {steps!r}.")
        backend, b, guess = self._checked(b, guess)
        with precision(8 * backend.dtype(b).itemsize):
            b, guess = self._consistent(backend, b), None if guess is None else self._consistent(backend, guess)
            return fixed_steps(self._recurrence(backend), b, guess, steps)

    def _solve_tensor(self, b: Tensor, guess: Tensor | None, tolerance, relative, max_iterations, norm, history) -> Solution:
        dims = list(self.domain.dims) if self.domain else []
        if b.shape.spatial.untyped_dict != dict(zip(dims, self.operator.fluid.shape, strict=False)):
            raise InputError(f"The right-hand side has the spatial dimensions {b.shape.spatial}, but the domain {self._shape}.")
        if guess is not None and not isinstance(guess, Tensor):
            raise InputError(f"The guess must be a tensor as the right-hand side is, not {type(guess).__name__}.")
        others = b.shape.without(dims) if guess is None else (b.shape & guess.shape).without(dims)
        natives = [x if x is None else expand(x, others).native([others, *dims]) for x in (b, guess)]
        backend = choose_backend(*[n for n in natives if n is not None])
        natives = [n if n is None else backend.as_tensor(n) for n in natives]
        found = self.solve(*natives, tolerance, relative, max_iterations, norm, history)
        shapes = [[others, *[b.shape[d] for d in dims]], [others], [others], [others], [others], [others, spatial(iterations=max_iterations + 1)]]
        values = [found.p, found.iterations, found.residual, found.converged, found.stagnated, found.history]
        return Solution(*[None if v is None else reshaped_tensor(v, s, convert=False) for v, s in zip(values, shapes, strict=True)])

    @property
    def _shape(self) -> str:
        sizes = self.operator.fluid.shape
        names = self.domain.dims if self.domain else ["n"]
        return ", ".join(f"{d}={n}" for d, n in zip(names, sizes, strict=True))

    def _checked(self, b, guess):
        """Backend and arrays in one precision; on the host where multigrid works."""
        given = [x for x in (b, guess) if x is not None]
        backend = choose_backend(*given)
        if self.preconditioner in HOST and backend.name != "numpy":
            if not all(backend.is_available(x) for x in given):
                raise InputError("Multigrid runs on the host and can't be part of a function that is being traced.")
            b, guess = (None if x is None else backend.numpy(x) for x in (b, guess))
            backend = choose_backend(b)
        shape = tuple(self.operator.fluid.shape)
        for name, x in (("right-hand side", b), ("guess", guess)):
            if x is None:
                continue
            if tuple(x.shape[1:]) != shape or len(x.shape) != len(shape) + 1:
                raise InputError(f"The {name} has shape {tuple(x.shape)}, but the system needs (batch, {', '.join(map(str, shape))}).")
            if backend.is_available(x):
                self._check_values(name, backend.numpy(x))
        dtype = backend.dtype(b)
        if guess is not None:
            guess = backend.cast(guess, dtype)
        return backend, b, guess

    def _check_values(self, name: str, values: np.ndarray):
        values = np.where(self.operator.fluid.ravel(), values.reshape(len(values), -1), 0)
        bad = np.flatnonzero(~np.isfinite(values).all(1))
        if len(bad):
            raise InputError(f"The {name} of sample {bad[0]} is not finite.")
        if name == "guess":
            return
        sums, sizes = np.abs(values @ self._regions.T), np.abs(values) @ self._regions.T
        wrong = np.argwhere(sums > INCOMPATIBLE * sizes)
        if len(wrong):
            sample, region = wrong[0]
            raise InputError(
                f"The right-hand side of sample {sample} has no solution: over the closed region of {int(self._regions[region].sum())} cells it must "
                f"sum to zero, but it sums to {values[sample] @ self._regions[region]:.3g}. Subtract its mean, or open a side."
            )

    def _consistent(self, backend: Backend, x):
        """x with zeros in solid cells and mean zero in every closed region: a symmetric projection."""
        dtype = backend.dtype(x)

        def constant(array):
            return backend.cast(kernels_for(backend).constant(backend, array), dtype)

        x = x * constant(self._fluid)
        if len(self._regions):
            flat = backend.reshape(x, (-1, self._fluid.size))
            sums = backend.tensordot(flat, (1,), constant(self._regions), (1,))
            means = backend.tensordot(sums, (1,), constant(self._regions / self._regions.sum(1, keepdims=True)), (0,))
            x = backend.reshape(flat - means, tuple(x.shape))
        return x

    def _recurrence(self, backend: Backend) -> Recurrence:
        def operator(p):
            return self.operator(backend, p)

        return (
            Recurrence(backend, operator) if self._precondition is None else Recurrence(backend, operator, lambda r: self._precondition(backend, r))
        )

    def _runner(self, backend: Backend, max_iterations: int, norm: str, keep_history: bool, bits: int):
        recurrence, rounding = self._recurrence(backend), EPSILON[bits] * self.operator.norm

        def solve(b, guess, tolerance, relative):
            with precision(bits):  # here, since it is traced later
                return run(b, guess, tolerance, relative)

        def gradient(*given):
            with precision(bits):
                return run_gradient(*given)

        def run(b, guess, tolerance, relative):
            b, guess = self._consistent(backend, b), self._consistent(backend, guess)
            bound = backend.maximum(tolerance, relative * norm_of(backend, b, norm))
            found = iterate(recurrence, b, guess, bound, max_iterations, norm, rounding, keep_history)
            p = self._consistent(backend, found.p)
            residual = norm_of(backend, b - recurrence.operator(p), norm)
            return (p, residual, found.size, found.count, bound, *([found.history] if keep_history else []))

        def run_gradient(b, guess, tolerance, relative, upstream, *_):
            g = self._consistent(backend, upstream)
            size = norm_of(backend, self._consistent(backend, b), norm)
            share = backend.divide_no_nan(backend.maximum(tolerance, relative * size), size)
            found = iterate(recurrence, g, None, share * norm_of(backend, g, norm), max_iterations, norm, rounding)
            zero = backend.zeros_like(guess)
            return self._consistent(backend, found.p), zero, backend.zeros_like(tolerance), backend.zeros_like(relative)

        return kernels_for(backend).with_gradient(solve, gradient)

    @staticmethod
    def _report(backend: Backend, residual, bound, stagnated):
        """One line in the log about samples that rounding stopped."""
        if not backend.is_available(residual):
            return
        which = np.flatnonzero(backend.numpy(stagnated))
        if len(which):
            worst = which[np.argmax(backend.numpy(residual)[which])]
            LOG.warning(
                "Conjugate gradients stagnated for %d samples: rounding in this precision allows a residual of %.2g, not of %.2g.",
                len(which),
                float(backend.numpy(residual)[worst]),
                float(np.broadcast_to(backend.numpy(bound), backend.numpy(residual).shape)[worst]),
            )
