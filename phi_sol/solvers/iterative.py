"""A solver whose pressure is found by conjugate gradients, from a guess."""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

import tensorflow as tf
from phi.field import divergence
from phi.math import batch, reshaped_tensor

from ..arguments import checked
from ..errors import InputError, integer, positive, quoted
from ..flows import SmokeBox
from ..kernels.compiled import Arrays
from ..kernels.settings import compile_whole, traced
from ..pressure.iterative import ConjugateGradients
from ..stepping.arrays import pack, unpack
from ..stepping.solver import Solver
from ..stepping.state import State

GUESSES = ("zero", "previous")


class Guess(Protocol):
    """What an iterative solver asks of a learned guess (`phi_sol.PoissonGuess` is one)."""

    @property
    def fingerprint(self) -> str:
        """Short hash of all that decides its guesses."""

    def check_flow(self, flow):
        """Raises InputError if the guess does not belong to a flow."""

    def native(self, b: tf.Tensor) -> tf.Tensor:
        """The guess of the pressure for right-hand sides of shape (batch, *spatial)."""


class IterativeFlow(Solver):
    """
    The steps of a `SmokeBox` with conjugate gradients, in float64 and to a tolerance, in the place of the direct solve.

    They start at zero, at the pressure of the step before, or at a learned guess. What precedes the solve, and the
    solve with what follows it, are one XLA unit each; the network is none, since XLA is slow with convolutions on CPUs.

    Attributes:
        guess: What the iterations start from; may be changed at any time.
        tolerance: max |∇·u| over cells after the step; may be changed at any time.
        iterations: Those of the last `step`, one number per simulation. Rollouts have them among their `diagnostics`.

    Examples:
        >>> ps.IterativeFlow(ps.SmokeBox(y=16, x=16), "zero", tolerance=1e-4)
        IterativeFlow(SmokeBox(y=16, x=16, dt=1, advection='semi_lagrangian'), guess=zero, tolerance=0.0001)
    """

    flow: SmokeBox
    diagnostics = ("iterations",)
    _made_anew = ("loop", "_tolerance", "_cg", "_before", "_after")

    @checked
    def __init__(
        self, flow: SmokeBox, guess: Guess | str = "zero", tolerance: float = 1e-3, max_iterations: int = 1000
    ):
        """
        Args:
            flow: The flow.
            guess: A learned guess, `zero`, or `previous` for the pressure of the step before.
            tolerance: max |∇·u| over cells after the step.
            max_iterations: Iterations at most.

        Raises:
            InputError: for another kind of flow or guess, a guess that was trained for another flow, or a tolerance
                that is not positive.
        """
        if not isinstance(flow, SmokeBox):
            raise InputError(f"An IterativeFlow needs a SmokeBox, which keeps its pressure, not {type(flow).__name__}.")
        self.flow, self.dt = flow, flow.dt
        self.max_iterations = integer("The number of iterations", max_iterations, 1)
        self.jit_compile = compile_whole()
        self.guess, self.tolerance = guess, tolerance
        self.iterations = None
        self._prepare()

    def __setstate__(self, state: dict):
        vars(self).update(state)
        self._prepare()

    def _prepare(self):
        """Makes what must not be made in a trace."""
        _ = self._tolerance, self._cg, self.flow.compiled

    @cached_property
    def _cg(self) -> ConjugateGradients:
        return ConjugateGradients(self.flow.projection.solver)

    @cached_property
    def _before(self) -> Callable:
        return traced(self._until_solve)

    @cached_property
    def _after(self) -> Callable:
        return traced(self._from_solve)

    def config(self) -> dict:
        guess = self.guess if isinstance(self.guess, str) else self.guess.fingerprint
        limits = {"tolerance": self.tolerance, "max_iterations": self.max_iterations}
        return super().config() | {"guess": guess} | limits

    @property
    def guess(self) -> Guess | str:
        return self._guess

    @guess.setter
    def guess(self, guess: Guess | str):
        if not (guess in GUESSES if isinstance(guess, str) else hasattr(guess, "native")):
            raise InputError(f"The guess must be a PoissonGuess, 'zero' or 'previous', not {quoted(guess)}.")
        if not isinstance(guess, str):
            guess.check_flow(self.flow)
        self._guess = guess
        self.__dict__.pop("loop", None)  # it holds the guess that was there when it was traced

    @cached_property
    def _tolerance(self) -> tf.Variable:
        """The tolerance as compiled functions read it."""
        return tf.Variable(self._limit, dtype=tf.float64, trainable=False)

    @property
    def tolerance(self) -> float:
        return self._limit

    @tolerance.setter
    def tolerance(self, tolerance: float):
        self._limit = positive("The tolerance", tolerance)
        self._tolerance.assign(tolerance)

    def step(self, state: State, dt: Any = None) -> State:
        """As `Solver.step`; `iterations` says what it took."""
        arrays, parameters, shape = pack(self.flow, state)
        arrays = self(arrays, parameters, self._native_dt(arrays, dt))
        self.iterations = arrays["iterations"].numpy()
        return unpack(self.flow, arrays, parameters, shape)

    def advance(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> Arrays:
        """One step of native arrays; `iterations` among them, shape (batch,), says what it took."""
        arrays, b = self._before({n: a for n, a in arrays.items() if n not in self.diagnostics}, parameters, dt)
        chosen = {"zero": lambda: tf.zeros_like(b), "previous": lambda: arrays["pressure"]}
        guess = chosen[self.guess]() if isinstance(self.guess, str) else self.guess.native(b)
        return self._after(arrays, b, guess, self._tolerance.read_value())

    def _until_solve(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> tuple[Arrays, tf.Tensor]:
        shape = batch(batch=arrays["marker"].shape[0])
        state = unpack(self.flow, arrays, parameters, shape)
        velocity, marker = self.flow.before_projection(state, reshaped_tensor(dt, [], convert=False))
        sources = state.divergence.with_values(divergence(velocity).values)
        after = state.with_fields(velocity=velocity, marker=marker, divergence=sources)
        arrays, _, _ = pack(self.flow, after, own=True)
        return arrays, -arrays["divergence"]

    def _from_solve(self, arrays: Arrays, b: tf.Tensor, guess: tf.Tensor, tolerance: tf.Tensor) -> Arrays:
        dtype, shape = b.dtype, batch(batch=b.shape[0])
        b, guess = tf.cast(b, tf.float64), tf.cast(guess, tf.float64)
        found = self._cg.solve(b, guess, tolerance, max_iterations=self.max_iterations)
        pressure = tf.cast(found.p, dtype)
        layout = self.flow.layouts["velocity"]
        values = reshaped_tensor(pressure, [shape, *[self.flow.shape[d] for d in layout.dims]], convert=False)
        velocity, _ = self.flow.projection.subtract_gradient(layout.to_field(arrays, shape), values)
        solved = {"pressure": pressure, "iterations": found.iterations}
        return arrays | layout.to_arrays(velocity, shape) | solved

    def __repr__(self):
        guess = self.guess if isinstance(self.guess, str) else "learned"
        return f"IterativeFlow({self.flow}, guess={guess}, tolerance={self.tolerance:g})"
