"""Ways to train a corrector: what happens inside one training loss."""

from dataclasses import dataclass

import tensorflow as tf

from ..errors import InputError
from ..hybrid import HybridSolver
from ..stepping import Arrays

# Measured with the paper's network, batch 3, on two cores (benchmarks/run.py training memory):
LOOP_FROM = 24  # a loop is 1 to 10 % slower than written-out steps, but SOL-32 starts in 14 s instead of 22 s, and SOL-128 at all
REMAT_FROM = 64  # activations of the paper's network take about 35 MB a step; to compute them again takes a quarter more time


@dataclass(frozen=True)
class Method:
    """
    One way to train.

    Attributes:
        name: `non` or `sol`.
        unroll: Hybrid steps n inside one loss.
        through_solver: Whether gradients flow through the solver from step to step.
        looped: Whether the steps are a loop in the training graph rather than written out; None: by the number of steps.
    """

    name: str
    unroll: int
    through_solver: bool
    looped: bool | None = None

    def loss(self, hybrid: HybridSolver, window: Arrays, parameters: Arrays, dt: tf.Tensor) -> tf.Tensor:
        """
        The training loss of a batch of windows,

            L = Σ_{i=1..n} mean_{batch, faces} Σ_f ((s_i - T r_i) / σ_f)²,   s_0 = T r_0,   s_{i+1} = hybrid step of s_i,

        over the corrected arrays f, with T r the restricted reference and σ_f the standard deviation of f in the training
        data: the paper's squared L2 norm, summed over steps, divided by the number of faces (same minimiser).

        Args:
            hybrid: Source solver with the corrector to train.
            window: Reference frames by array name, shape (batch, n + 1, *spatial).
            parameters: Shape (batch,) each.
            dt: Time step, scalar.

        Returns:
            Scalar.
        """
        looped = self.unroll >= LOOP_FROM if self.looped is None else self.looped
        corrector = hybrid.corrector
        weights = corrector.weights()

        def step(i, arrays, total):
            arrays = hybrid.advance(arrays, parameters, dt, weights)
            for name in corrector.adapter.outputs:
                difference = (arrays[name] - window[name][:, i]) / corrector.statistics.std[name]
                total += tf.reduce_mean(tf.square(difference))
            if not self.through_solver:
                arrays = {n: tf.stop_gradient(a) for n, a in arrays.items()}
            return i + 1, arrays, total

        arrays = {n: w[:, 0] for n, w in window.items()}
        state = (1, arrays, tf.zeros((), next(iter(arrays.values())).dtype))
        if looped:
            return tf.while_loop(lambda i, *_: i <= self.unroll, step, state, maximum_iterations=self.unroll, parallel_iterations=1)[2]
        for _ in range(self.unroll):
            state = step(*state)
        return state[2]


METHODS = {
    "non": "trained on one step, without gradient through the solver",
    "sol": "trained with n unrolled steps and gradients through the solver (--unroll n)",
}


def make_method(name: str, unroll: int) -> Method:
    """
    A method by name.

    NON is one step from recorded frames: nothing before the network depends on its weights, so that no gradient passes
    the solver; SOL-1 is the same thing.

    Raises:
        InputError: for an unknown name or an unroll length below 1.
    """
    if name not in METHODS:
        raise InputError(f"Unknown method {name!r}. Known: {', '.join(METHODS)}.")
    if unroll < 1:
        raise InputError(f"The number of unrolled steps must be at least 1, not {unroll}.")
    if name == "non":
        return Method(name, 1, through_solver=False)
    return Method(name, unroll, through_solver=True)
