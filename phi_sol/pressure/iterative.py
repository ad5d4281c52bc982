"""Conjugate gradients for the pressure of any flow's domain, or for an assembled matrix: the public solver."""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from phi.math import DType, Tensor, expand, precision, reshaped_tensor, spatial
from phi.math.backend import Backend, choose_backend

from ..arguments import checked
from ..errors import InputError, integer, is_real, quoted
from ..kernels import kernels_for
from .cg import NORMS, Recurrence, fixed_steps, iterate, norm_of
from .direct import DirectPoisson
from .matrix import MatrixOperator
from .preconditioners import HOST, make_preconditioner
from .regions import ClosedRegions

LOG = logging.getLogger(__name__)
EPSILON = {32: float(np.finfo(np.float32).eps), 64: float(np.finfo(np.float64).eps)}


@dataclass
class Solution:
    """
    What `ConjugateGradients.solve` gives; numbers per sample, in arrays (batch,) or tensors, as the right-hand side is.

    Attributes:
        p: The solution. Where the system leaves constants free (see `ConjugateGradients`), with mean zero.
        iterations: Steps taken.
        residual: Norm of b - K p, computed anew from p.
        converged: Whether the tolerance was reached.
        stagnated: Whether rounding kept the residual from falling further.
        history: Norm after 0, 1, 2, ... steps, shape (batch, max_iterations + 1), NaN where there was none; None if not
            asked for.
    """

    p: Any
    iterations: Any
    residual: Any
    converged: Any
    stagnated: Any
    history: Any = None


def _is_scalar(value: Any) -> bool:
    """Whether a value is a scalar of a backend, which may be being traced."""
    return not isinstance(value, np.ndarray | np.generic) and hasattr(value, "dtype") and value.shape == ()


class ConjugateGradients:
    """
    Solves `K p = b` with K = -∇², the masked Laplacian of a domain, from any initial guess.

    A connected region of the fluid without an open side leaves its pressure free up to a constant, and b must sum to
    zero over it. What rounding leaves of the sum is removed, and the solution has mean zero there.

    Samples of a batch come to rest one by one. With TensorFlow all is compiled as one unit, and the gradient of `solve`
    by b is implicit: the same solve for the upstream gradient, to the same relative accuracy; the guess has none.
    Multigrid runs on the host, in NumPy. Equal to `scipy.sparse.linalg.cg`, step by step, for the same preconditioner.

    Examples:
        >>> cg = ps.ConjugateGradients(np.array([[2.0, -1.0], [-1.0, 2.0]]))
        >>> cg.solve(np.array([[1.0, 0.0]])).p.round(3)
        array([[0.667, 0.333]])
    """

    @checked
    def __init__(self, problem, preconditioner: str = "none"):
        """
        Args:
            problem: `DirectPoisson` of a domain (`flow.projection.solver`), or a symmetric, positive semi-definite
                matrix, dense or sparse.
            preconditioner: `none`, `direct` (the direct solve without the obstacles) or `multigrid` (PyAMG).

        Raises:
            InputError: for a matrix that is not symmetric, an unknown preconditioner, or multigrid without PyAMG.
        """
        self.domain = problem if isinstance(problem, DirectPoisson) else None
        self.operator = self.domain.operator if self.domain else MatrixOperator(problem)
        self.preconditioner = preconditioner
        self._precondition = make_preconditioner(preconditioner, self.operator, self.domain)
        self._regions = ClosedRegions(self.operator)
        self._functions = {}

    @checked
    def solve(
        self,
        b,
        guess=None,
        tolerance: Any = 1e-6,
        *,
        relative: Any = 0.0,
        max_iterations: int = 1000,
        norm: str = "max",
        history: bool = False,
    ) -> Solution:
        """
        Iterates until the norm of each sample's residual is at most `max(tolerance, relative · norm of b)`.

        Args:
            b: Right-hand side: a tensor with the spatial dimensions of the domain and any batch dimensions, or an array
                (batch, *spatial). For a velocity it is minus its divergence.
            guess: Initial guess of the same form; None: zero.
            tolerance: Absolute tolerance, in the units of b; a number, or a scalar of the backend.
            relative: Relative tolerance, likewise.
            max_iterations: Steps at most.
            norm: `max`, the largest magnitude over cells, or `l2`, the square root of the sum of squares.
            history: Whether to keep the norm after every step.

        Raises:
            InputError: for options that are not possible, b or a guess of another shape or (unless traced) not finite,
                or b that does not sum to zero over a closed region.
        """
        if norm not in NORMS:
            raise InputError(f"Unknown norm {quoted(norm)}. Known: {', '.join(NORMS)}.")
        for name, value in (("tolerance", tolerance), ("relative tolerance", relative)):
            if not (is_real(value) and value >= 0) and not _is_scalar(value):
                raise InputError(f"The {name} must be finite and at least 0, not {quoted(value)}.")
        max_iterations = integer("The number of iterations", max_iterations, 1)
        if isinstance(b, Tensor):
            return self._solve_tensor(b, guess, tolerance, relative, max_iterations, norm, history)
        backend, b, guess = self._checked(b, guess)
        key = backend.name, max_iterations, norm, history, 8 * backend.dtype(b).itemsize
        if key not in self._functions:
            run = self._runner(backend, *key[1:])
            self._functions[key] = run if self.preconditioner in HOST else kernels_for(backend).compiled(run)
        limits = [np.float64(v) if isinstance(v, int | float) else v for v in (tolerance, relative)]
        limits = [backend.cast(backend.as_tensor(v), backend.dtype(b)) for v in limits]
        guess = backend.zeros_like(b) if guess is None else guess
        p, *numbers, kept = self._functions[key](b, guess, *limits)
        residual, size, count, bound = (backend.reshape(x, (-1,)) for x in numbers)
        stagnated = (size > bound) & (count < max_iterations)
        self._report(backend, residual, bound, stagnated)
        count = backend.cast(count, DType(int, 32))
        return Solution(p, count, residual, size <= bound, stagnated, kept if history else None)

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
        steps = integer("The number of steps of conjugate gradients", steps, 1)
        backend, b, guess = self._checked(b, guess)
        with precision(8 * backend.dtype(b).itemsize):
            b, guess = (None if x is None else self._regions.remove(backend, x) for x in (b, guess))
            return fixed_steps(self._recurrence(backend), b, guess, steps)

    def _solve_tensor(
        self, b: Tensor, guess: Tensor | None, tolerance, relative, max_iterations, norm, history
    ) -> Solution:
        dims = list(self.domain.dims) if self.domain else []
        if b.shape.spatial.untyped_dict != dict(zip(dims, self.operator.fluid.shape, strict=False)):
            names = self.domain.dims if self.domain else ["n"]
            own = ", ".join(f"{d}={n}" for d, n in zip(names, self.operator.fluid.shape, strict=True))
            raise InputError(f"The right-hand side has the spatial dimensions {b.shape.spatial}, but the domain {own}.")
        if guess is not None and not isinstance(guess, Tensor):
            raise InputError(f"The guess must be a tensor as the right-hand side is, not {type(guess).__name__}.")
        others = b.shape.without(dims) if guess is None else (b.shape & guess.shape).without(dims)
        natives = [x if x is None else expand(x, others).native([others, *dims]) for x in (b, guess)]
        backend = choose_backend(*[n for n in natives if n is not None])
        natives = [n if n is None else backend.as_tensor(n) for n in natives]
        found = self.solve(
            natives[0],
            natives[1],
            tolerance,
            relative=relative,
            max_iterations=max_iterations,
            norm=norm,
            history=history,
        )
        shapes = {"p": [b.shape[d] for d in dims], "history": [spatial(iterations=max_iterations + 1)]}
        values = {n: v for n, v in vars(found).items() if v is not None}
        return Solution(
            **{n: reshaped_tensor(v, [others, *shapes.get(n, [])], convert=False) for n, v in values.items()}
        )

    def _checked(self, b, guess):
        """Backend and arrays in one precision; on the host where multigrid works."""
        given = [x for x in (b, guess) if x is not None]
        for x in given:
            if not hasattr(x, "shape") or choose_backend(x).dtype(x).kind is not float:
                raise InputError(f"A right-hand side or guess is an array of floating-point numbers, not {quoted(x)}.")
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
                needed = f"(batch, {', '.join(map(str, shape))})"
                raise InputError(f"The {name} has shape {tuple(x.shape)}, but the system needs {needed}.")
            if backend.is_available(x):
                self._regions.check(name, backend.numpy(x))
        return backend, b, None if guess is None else backend.cast(guess, backend.dtype(b))

    def _recurrence(self, backend: Backend) -> Recurrence:
        functions = [f for f in (self.operator, self._precondition) if f is not None]
        return Recurrence(backend, *[partial(f, backend) for f in functions])

    def _runner(self, backend: Backend, max_iterations: int, norm: str, keep_history: bool, bits: int):
        recurrence, rounding = self._recurrence(backend), EPSILON[bits] * self.operator.norm

        @precision(bits)  # here, since it is traced later
        def run(b, guess, tolerance, relative):
            b, guess = self._regions.remove(backend, b), self._regions.remove(backend, guess)
            bound = backend.maximum(tolerance, relative * norm_of(backend, b, norm))
            found = iterate(recurrence, b, guess, bound, max_iterations, norm, rounding, keep_history)
            p = self._regions.remove(backend, found.p)
            residual = norm_of(backend, b - recurrence.operator(p), norm)
            return p, residual, found.size, found.count, bound, found.size if found.history is None else found.history

        @precision(bits)
        def gradient(b, guess, tolerance, relative, upstream, *_):
            g = self._regions.remove(backend, upstream)
            size = norm_of(backend, self._regions.remove(backend, b), norm)
            share = backend.divide_no_nan(backend.maximum(tolerance, relative * size), size)
            found = iterate(recurrence, g, None, share * norm_of(backend, g, norm), max_iterations, norm, rounding)
            return self._regions.remove(backend, found.p), *map(backend.zeros_like, (guess, tolerance, relative))

        return kernels_for(backend).with_gradient(run, gradient)

    @staticmethod
    def _report(backend: Backend, residual, bound, stagnated):
        """One line in the log about samples that rounding stopped."""
        if not backend.is_available(residual):
            return
        residual, bound, stagnated = (backend.numpy(x) for x in (residual, bound, stagnated))
        which = np.flatnonzero(stagnated)
        if len(which):
            worst = which[np.argmax(residual[which])]
            allowed = f"a residual of {residual[worst]:.2g}, not of {np.broadcast_to(bound, residual.shape)[worst]:.2g}"
            stopped = f"Conjugate gradients stagnated for {len(which)} samples"
            LOG.warning("%s: rounding in this precision allows %s.", stopped, allowed)
