"""A running simulation whose pressure is solved for by conjugate gradients, from a guess."""

import numpy as np
import tensorflow as tf
from phi.field import divergence
from phi.math import batch, reshaped_tensor

from ..errors import InputError
from ..flows import SmokeBox, State
from ..pressure.iterative import ConjugateGradients
from ..stepping import Arrays, field_arrays, pack, unpack, unpack_fields
from .guess import PoissonGuess

GUESSES = ("zero", "previous")


class IterativeFlow:
    """
    The steps of a `SmokeBox` with conjugate gradients, in float64 and to a tolerance, in the place of the direct solve.

    They start at zero, at the pressure of the step before, or at a learned guess. What precedes the solve, and the solve with what follows
    it, are one XLA unit each; the network is none, since XLA is slow with convolutions on CPUs.

    Attributes:
        iterations: Those of the last step, one number per simulation.
    """

    def __init__(self, flow: SmokeBox, guess: PoissonGuess | str = "zero", tolerance: float = 1e-3, max_iterations: int = 1000):
        """
        Args:
            flow: The flow.
            guess: A learned guess, `zero`, or `previous` for the pressure of the step before.
            tolerance: max |∇·u| over cells after the step.
            max_iterations: Iterations at most.

        Raises:
            InputError: for another kind of flow or guess, a guess that was trained for another flow, or a tolerance that is not positive.
        """
        if not isinstance(flow, SmokeBox):
            raise InputError(f"An IterativeFlow needs a SmokeBox, which keeps its pressure, not {type(flow).__name__}.")
        if isinstance(guess, PoissonGuess):
            guess.check_flow(flow)
        elif guess not in GUESSES:
            raise InputError(f"The guess must be a PoissonGuess, 'zero' or 'previous', not {guess!r}.")
        if not (np.isfinite(tolerance) and tolerance > 0):
            raise InputError(f"The tolerance must be positive and finite, not {tolerance!r}.")
        self.flow, self.guess, self.tolerance, self.max_iterations = flow, guess, float(tolerance), max_iterations
        self.iterations = None
        self._names = field_arrays(flow, "velocity")
        self._cg = ConjugateGradients(flow.projection.solver)
        _ = flow.compiled  # fills caches that must not be filled in a trace
        self._before = tf.function(self._until_solve, autograph=False, jit_compile=True)
        self._after = tf.function(self._from_solve, autograph=False, jit_compile=True)

    def step(self, state: State) -> State:
        """One step of a PhiFlow state with any batch dimensions; `iterations` says what it took."""
        arrays, parameters, shape = pack(self.flow, state)
        arrays, iterations = self(arrays, parameters)
        self.iterations = iterations.numpy()
        return unpack(self.flow, arrays, parameters, shape)

    def __call__(self, arrays: Arrays, parameters: Arrays) -> tuple[Arrays, tf.Tensor]:
        """One step of native arrays, and its iterations, shape (batch,)."""
        dt = tf.constant(self.flow.dt, arrays["marker"].dtype)
        arrays, b = self._before(arrays, parameters, dt)
        if isinstance(self.guess, PoissonGuess):
            guess = self.guess.compiled(b)
        else:
            guess = arrays["pressure"] if self.guess == "previous" else tf.zeros_like(b)
        return self._after(arrays, b, guess)

    def _until_solve(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor) -> tuple[Arrays, tf.Tensor]:
        shape = batch(batch=arrays["marker"].shape[0])
        state = unpack(self.flow, arrays, parameters, shape)
        velocity, marker = self.flow.before_projection(state, reshaped_tensor(dt, [], convert=False))
        sources = divergence(velocity)
        after = state.with_fields(velocity=velocity, marker=marker, divergence=state.divergence.with_values(sources.values))
        arrays, _, _ = pack(self.flow, after)
        return arrays, -arrays["divergence"]

    def _from_solve(self, arrays: Arrays, b: tf.Tensor, guess: tf.Tensor) -> tuple[Arrays, tf.Tensor]:
        dtype, shape = b.dtype, batch(batch=b.shape[0])
        b, guess = tf.cast(b, tf.float64), tf.cast(guess, tf.float64)
        found = self._cg.solve(b, guess, self.tolerance, max_iterations=self.max_iterations)
        pressure = tf.cast(found.p, dtype)
        velocity = unpack_fields(self.flow, arrays, ["velocity"], shape)["velocity"]
        values = reshaped_tensor(pressure, [shape, *[self.flow.shape[d] for d in self.flow.resolution]], convert=False)
        velocity, _ = self.flow.projection.subtract_gradient(velocity, values)
        natives = [velocity.values[{"~vector": d}].native([shape, *self.flow.resolution]) for d in self.flow.resolution]
        return arrays | {"pressure": pressure} | dict(zip(self._names, natives, strict=True)), found.iterations
