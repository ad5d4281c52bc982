"""Gradients through many steps: compiled loops forward and back, with checkpoints in time where memory is short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from ..errors import DivergedError
from ..kernels.settings import traced
from ..limits import memory, size

if TYPE_CHECKING:
    from ..kernels.compiled import Arrays
    from .solver import Solver

BUDGET = 2**30  # bytes of states that are kept at once, at most, and the share of the memory that there is
SHARE = 8
KEPT = 3  # arrays of each state: before, after, and its gradient

Cost = Callable[[list[int], dict, dict], Any]
"""
Of the numbers of some frames, what the solver keeps of the arrays then, of shape (frames, batch, ...), and the
parameters: a scalar tensor, the sum of their costs.
"""


def flattened(arrays: Arrays, parameters: Arrays) -> tuple[Arrays, Arrays]:
    """Arrays of frames, shape (frames, batch, ...), and parameters, shape (batch, ...), of states along one axis."""
    count = int(next(iter(arrays.values())).shape[0])
    flat = {n: tf.reshape(a, [-1, *a.shape[2:]]) for n, a in arrays.items()}
    return flat, {n: tf.tile(p, [count] + [1] * (len(p.shape) - 1)) for n, p in parameters.items()}


class Adjoint:
    """
    The gradient of a sum of costs of frames with respect to the state at the start, parameters and variables:

        L = Σ_k c_k(s_k, p),   s_{i+1} = f(s_i, p, w),   λ_i = (∂f/∂s_i)ᵀ λ_{i+1} + ∂c_i/∂s_i,
        dL/dp = Σ_i (∂f/∂p)ᵀ λ_{i+1} + Σ_k ∂c_k/∂p,   dL/dw = Σ_i (∂f/∂w)ᵀ λ_{i+1}

    Exact, as that of a tape over all steps, but in compiled loops: states are kept, and each step is computed again on
    the way back. Where all states don't fit, only those at checkpoints are kept, and the rest is computed once more.
    """

    def __init__(self, solver: Solver, variables: Sequence[Any] = (), budget: int | None = None):
        """
        Args:
            solver: Whatever steps states.
            variables: Of the solver (weights of terms, networks, controllers), as TensorFlow's or Keras's.
            budget: Bytes that kept states may take; None: an eighth of the memory that there is, at most 1 GiB.
        """
        self.solver = solver
        self.variables = [getattr(v, "value", v) if not isinstance(v, tf.Variable) else v for v in variables]
        self.budget = min(BUDGET, memory() // SHARE) if budget is None else budget
        self._forward = cache(self._make_forward)
        # networks in XLA have slow gradients; loops inside of a step can't be differentiated there
        self._back = traced(self._backward, None if solver.by_units else solver.jit_compile)

    def length(self, arrays: Arrays, steps: int) -> int:
        """Steps between checkpoints: all, or as many as the budget allows, at least about the root of their number."""
        state = sum(a.dtype.size * int(np.prod(a.shape)) for a in arrays.values())
        for parts in range(1, steps + 1):
            each = -(-steps // parts)
            if (KEPT * each + parts) * state <= self.budget or parts >= (2 * steps) ** 0.5:
                return each
        return 1

    def __call__(
        self,
        arrays: Arrays,
        parameters: Arrays,
        frames: Sequence[int],
        cost: Cost,
        show: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[float, Arrays, Arrays, list]:
        """
        Args:
            arrays: At the start.
            parameters: Of the simulations.
            frames: After how many steps there is a cost, increasing.
            cost: See `Cost`.
            show: Called with (steps that the gradient has passed, all).

        Returns:
            The sum of all costs, and its gradients: by array name, by parameter name, and by variable, in order.

        Raises:
            DivergedError: where the gradient is not finite, with the step.
        """
        solver, steps = self.solver, frames[-1]
        arrays = solver.begin(arrays)
        names = [n for n, a in arrays.items() if a.dtype.is_floating]
        dt = tf.constant(solver.dt, arrays[names[0]].dtype)
        length = self.length(arrays, steps)
        begins, starts = list(range(0, steps, length)), [arrays]
        for _ in begins[1:]:
            starts.append(solver.loop.steps(starts[-1], parameters, dt, length))
        value = 0.0
        back: Any = {n: tf.zeros_like(arrays[n]) for n in names}
        by_parameter = {n: tf.zeros_like(p) for n, p in parameters.items()}
        by_variable = [tf.zeros_like(v) for v in self.variables]
        for begin in reversed(begins):
            count = min(length, steps - begin)
            kept, end = self._forward(length)(starts.pop(), parameters, dt, tf.constant(count))
            here = [(k, s - begin - 1) for k, s in enumerate(frames) if begin < s <= begin + count]
            upstream = {n: tf.zeros_like(kept[n]) for n in names}
            if here:
                ends = {n: tf.concat([k[1:count], end[n][None]], 0) for n, k in kept.items()}
                found = self._cost(here, ends, parameters, cost, names)
                value += found[0]
                by_parameter = {n: g + found[2][n] for n, g in by_parameter.items()}
                where = tf.constant([[i] for _, i in here])
                upstream = {n: tf.tensor_scatter_nd_update(u, where, found[1][n]) for n, u in upstream.items()}
            if not np.isfinite(value):
                return value, back, by_parameter, by_variable
            back, of_parameters, of_variables, bad = self._back(
                kept, parameters, dt, upstream, back, tf.constant(count)
            )
            if int(bad) >= 0:
                raise DivergedError(f"The gradient is not finite before step {begin + int(bad) + 1} of {steps}.")
            by_parameter = {n: g + of_parameters[n] for n, g in by_parameter.items()}
            by_variable = [g + h for g, h in zip(by_variable, of_variables, strict=True)]
            show(steps - begin, steps)
        return value, back, by_parameter, by_variable

    def _cost(self, here: list[tuple[int, int]], ends: Arrays, parameters: Arrays, cost: Cost, names: list[str]):
        """The costs of frames, at their places, together: as one large batch for what the solver keeps."""
        frames, places = [k for k, _ in here], [i for _, i in here]
        seen = {n: tf.gather(e, places) for n, e in ends.items()}
        count = len(frames)
        with tf.GradientTape() as tape:
            tape.watch([*(seen[n] for n in names), *parameters.values()])
            kept = self.solver.keep(*flattened(seen, parameters))
            value = cost(frames, {n: tf.reshape(a, [count, -1, *a.shape[1:]]) for n, a in kept.items()}, parameters)
        sources = [{n: seen[n] for n in names}, dict(parameters)]
        return float(value), *tape.gradient(value, sources, unconnected_gradients="zero")

    def _make_forward(self, room: int) -> Callable:
        def forward(arrays, parameters, dt, count):
            stores = {n: tf.TensorArray(a.dtype, room, element_shape=a.shape) for n, a in arrays.items()}

            def body(i, arrays, stores):
                stores = {n: s.write(i, arrays[n]) for n, s in stores.items()}
                return i + 1, self.solver.advance(arrays, parameters, dt), stores

            state = 0, arrays, stores
            _, arrays, stores = tf.while_loop(lambda i, *_: i < count, body, state, parallel_iterations=1)
            return {n: s.stack() for n, s in stores.items()}, arrays

        return traced(forward, self.solver.jit_compile)

    def _backward(self, kept, parameters, dt, upstream, back, count):
        def body(i, back, of_parameters, of_variables, bad):
            before = {n: k[i] for n, k in kept.items()}
            floating = {n: before[n] for n in back}
            with tf.GradientTape() as tape:
                tape.watch([*floating.values(), *parameters.values()])
                after = self.solver.advance(before | floating, parameters, dt)
                ends = [after[n] for n in back]
            given = [back[n] + upstream[n][i] for n in back]
            sources = [floating, dict(parameters), list(self.variables)]
            found = tape.gradient(ends, sources, given, unconnected_gradients="zero")
            flat = [*found[0].values(), *found[1].values(), *found[2]]
            finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in flat])
            bad = tf.where(tf.logical_or(finite, bad >= 0), bad, i)
            of_parameters = {n: g + found[1][n] for n, g in of_parameters.items()}
            of_variables = [g + h for g, h in zip(of_variables, found[2], strict=True)]
            return i - 1, found[0], of_parameters, of_variables, bad

        zero = {n: tf.zeros_like(p) for n, p in parameters.items()}
        state = count - 1, dict(back), zero, [tf.zeros_like(v) for v in self.variables], tf.constant(-1)
        return tf.while_loop(lambda i, *_: i >= 0, body, state, parallel_iterations=1)[1:]

    def __repr__(self):
        return f"Adjoint({self.solver}, {size(self.budget)})"
