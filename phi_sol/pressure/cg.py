"""The iteration of preconditioned conjugate gradients, on native arrays of any backend."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from phi.math.backend import Backend

NORMS = {"max": "largest magnitude over cells", "l2": "square root of the sum of squares over cells"}


def norm_of(backend: Backend, x, norm: str):
    """Norm of each sample of x, shape (batch, *spatial) -> (batch, 1, ..., 1)."""
    axes = tuple(range(1, x.ndim))
    if norm == "max":
        return backend.max(backend.abs(x), axes, keepdims=True)
    return backend.sqrt(_dot(backend, x, x))


@dataclass
class Iterations:
    """
    What a run of conjugate gradients gives, per sample.

    Attributes:
        p: Approximate solution, shape (batch, *spatial).
        size: Norm of its residual as the recurrence has it, shape (batch, 1, ..., 1).
        count: Iterations until the sample rested, as floats, shape (batch, 1, ..., 1).
        history: See `phi_sol.pressure.iterative.Solution`.
    """

    p: Any
    size: Any
    count: Any
    history: Any = None


class Recurrence:
    """
    One step of conjugate gradients for `K p = b`, with a preconditioner M⁻¹ and z = M⁻¹ r:

        α = r·z / d·K d,   p ← p + α d,   r' = r - α K d,   d ← z' + (r'·z' / r·z) d

    for a symmetric, positive semi-definite operator and consistent right-hand sides; each sample for itself. Where a
    sample has converged exactly, α is zero.

    Source: M. R. Hestenes and E. Stiefel, J. Res. Natl. Bur. Stand. 49 (1952).
    """

    def __init__(self, backend: Backend, operator: Callable, preconditioner: Callable = lambda r: r):
        """`operator`: K on arrays of shape (batch, *spatial); `preconditioner`: M⁻¹, symmetric, positive, near K⁻¹."""
        self.backend, self.operator, self.preconditioner = backend, operator, preconditioner

    def start(self, b, guess=None):
        """(p, r, d, r·z) for the initial guess, None for zero."""
        p = self.backend.zeros_like(b) if guess is None else guess
        r = b if guess is None else b - self.operator(p)
        z = self.preconditioner(r)
        return p, r, z, _dot(self.backend, r, z)

    def step(self, p, r, d, rz, active=1.0):
        """One step of the samples for which `active` is 1; the others keep p and r."""
        ratio = self.backend.divide_no_nan
        K_d = self.operator(d)
        alpha = ratio(rz, _dot(self.backend, d, K_d)) * active
        p, r = p + alpha * d, r - alpha * K_d
        z = self.preconditioner(r)
        rz_next = _dot(self.backend, r, z)
        return p, r, z + ratio(rz_next, rz) * active * d, rz_next


def fixed_steps(recurrence: Recurrence, b, guess, steps: int):
    """p after so many steps, written out, so that its gradient is the gradient of every step."""
    state = recurrence.start(b, guess)
    for _ in range(steps):
        state = recurrence.step(*state)
    return state[0]


def iterate(
    recurrence: Recurrence,
    b,
    guess,
    bound,
    max_iterations: int,
    norm: str = "l2",
    rounding: float = 0.0,
    keep_history: bool = False,
) -> Iterations:
    """
    Steps until every sample rests: when the norm of its residual is at most `bound`, or below what rounding allows. The
    loop has no gradient.

    In floating-point numbers the residual of the recurrence falls on when the true one no longer does, at about ε ‖K‖
    max_j ‖p_j‖ (A. Greenbaum, SIAM J. Matrix Anal. Appl. 18, 1997); a sample rests there, too.

    Args:
        b: Right-hand side, shape (batch, *spatial), as `guess` (None: zero).
        bound: Shape (batch, 1, ..., 1).
        norm: A key of `NORMS`.
        rounding: ε ‖K‖; 0: samples rest at `bound` only.
        keep_history: Whether to keep the norm after every step.
    """
    backend, axes = recurrence.backend, tuple(range(1, b.ndim))
    cells = float(np.prod(b.shape[1:])) ** 0.5 if norm == "l2" else 1.0
    numbers = np.arange(max_iterations + 1)

    def largest(p):
        return backend.max(backend.abs(p), axes, keepdims=True)

    def moving(size, peak):
        return (size > bound) & (size > rounding * cells * peak)

    def loop(_, number, size, peak, count, history, *state):
        active = backend.cast(moving(size, peak), backend.dtype(b))
        state = recurrence.step(*state, active)
        size, number = norm_of(backend, state[1], norm), number + 1
        if rounding:
            peak = backend.maximum(peak, largest(state[0]))
        if keep_history:
            now = backend.equal(backend.as_tensor(numbers), number)[None] & (backend.reshape(active, (-1, 1)) > 0)
            history = backend.where(now, backend.reshape(size, (-1, 1)), history)
        return backend.any(moving(size, peak)), number, size, peak, count + active, history, *state

    state = recurrence.start(b, guess)
    size, peak = norm_of(backend, state[1], norm), largest(state[0])
    history = backend.zeros_like(size)
    if keep_history:
        history = backend.cast(backend.as_tensor(np.where(numbers == 0, 0.0, np.nan))[None], backend.dtype(b))
        history = history + backend.reshape(size, (-1, 1))
    first = backend.as_tensor(np.int64(0)), size, peak, backend.zeros_like(size), history
    values = backend.any(moving(size, peak)), *first, *state
    _, _, size, _, count, history, p, *_ = backend.while_loop(loop, values, max_iterations)
    return Iterations(p, size, count, history if keep_history else None)


def _dot(backend: Backend, x, y):
    return backend.sum(x * y, tuple(range(1, x.ndim)), keepdims=True)
