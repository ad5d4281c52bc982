"""
One training iteration (loss, gradient, Adam) of the wake's source, against the same with the solver replaced by the
identity.
"""

from dataclasses import dataclass

from common import row, size_name, skip, wake_flow
from course import measured, measuring
from sides import Case, Effort, Side, SkippedError, alternate, lazily

RESOLUTION = dict(y=64, x=32)
QUICK_UNROLL = 4


@dataclass(frozen=True)
class Iteration:
    """
    What is trained.

    Attributes:
        unroll: Hybrid steps in the loss; 0 for NON, one step without gradient through the solver.
        remat: Whether steps are computed again in the backward pass instead of being kept.
    """

    network: str
    unroll: int
    batch: int
    remat: bool = False

    @property
    def name(self) -> str:
        method = f"SOL-{self.unroll}" if self.unroll else "NON"
        return f"{method} iteration, {self.network}{', remat' if self.remat else ''}"


ITERATIONS = [
    Iteration(network, unroll, batch) for network, batch in (("small", 6), ("resnet", 3)) for unroll in (0, 4, 16, 32)
]


def source_flow(with_solver: bool, resolution: dict[str, int]):
    """The wake's source, or one whose compiled step returns what it is given."""
    flow = wake_flow(resolution)
    if not with_solver:
        flow.__dict__["compiled"] = lambda arrays, *_: arrays  # in place of the cached property
    return flow


def hybrid_solver(flow, network: str, remat: bool):
    """
    A hybrid solver with an untrained corrector and plain normalisation.

    Raises:
        SkippedError: where phi_sol has no `remat`.
    """
    import inspect

    from phi_sol import Corrector, HybridSolver
    from phi_sol.correctors.statistics import Statistics
    from phi_sol.stepping.arrays import array_names

    if remat and "remat" not in inspect.signature(HybridSolver).parameters:
        raise SkippedError("HybridSolver has no argument remat")
    ones = {n: 1.0 for n in array_names(flow)}
    statistics = Statistics(ones, ones, {n: 0.01 for n in ones}, {"reynolds": 6.0}, {"reynolds": 1.0})
    return HybridSolver(flow, Corrector.create(flow, network, statistics), **({"remat": True} if remat else {}))


def iteration(training: Iteration, with_solver: bool, resolution: dict[str, int]) -> Case:
    """One iteration on windows of a uniform stream with noise, compiled in its first call."""
    import keras
    import numpy as np
    import tensorflow as tf
    from phi.math import NUMPY

    from phi_sol import Method
    from phi_sol.stepping.arrays import pack
    from phi_sol.training.optimization import total

    flow = source_flow(with_solver, resolution)
    hybrid = hybrid_solver(flow, training.network, training.remat)
    with NUMPY:
        start, parameters, _ = pack(flow, flow.initial_state([500.0] * training.batch))
    rng, frames = np.random.default_rng(0), max(training.unroll, 1) + 1
    window = {n: np.repeat(a.numpy()[:, None], frames, axis=1) for n, a in start.items()}
    window = {n: tf.constant(w + 0.01 * rng.standard_normal(w.shape), tf.float32) for n, w in window.items()}
    variables = hybrid.corrector.network.trainable_variables
    optimizer = keras.optimizers.Adam(1e-6)
    optimizer.build(variables)
    numbers = tf.range(training.batch, dtype=tf.int64)
    method = Method("sol", training.unroll) if training.unroll else Method("non")

    def step(window, parameters):
        with tf.GradientTape() as tape:
            loss = total(method.losses(hybrid, window, parameters, tf.constant(flow.dt), numbers=numbers))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    compiled = tf.function(step, autograph=False)
    return lambda: {"loss": compiled(window, parameters).numpy()}


def iteration_cases(training: Iteration, with_solver: bool, resolution: dict[str, int]) -> dict[str, Case]:

    return {"iteration": lazily(iteration, training, with_solver, resolution)}


def measure(training: Iteration, effort: Effort, resolution: dict[str, int]) -> dict:
    # a process each: making a network sets Keras's random seed, upon which TensorFlow compiles everything in
    # the process again
    with Side(iteration_cases) as ours, Side(iteration_cases) as alone:
        first = [side.prepare(training, side is ours, resolution)["iteration"] for side in (ours, alone)]
        times = alternate({"ours": (ours, "iteration"), "alone": (alone, "iteration")}, effort)
    seconds = {"first_s": first[0], "baseline_first_s": first[1]}
    return row(
        training.name, size_name(resolution), training.batch, times["ours"], "network alone", times["alone"], **seconds
    )


def run(
    effort: Effort, iterations: list[Iteration] = ITERATIONS, resolution: dict[str, int] = RESOLUTION
) -> list[dict]:
    rows = []
    for training in iterations:
        try:
            if effort.quick and training.unroll > QUICK_UNROLL:
                raise SkippedError("takes too long for --quick")
            measuring(training.name)
            rows += measured([measure(training, effort, resolution)])
        except SkippedError as err:
            skip(training.name, err)
    return rows
