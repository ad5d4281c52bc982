"""One training iteration, against the same unrolled network with the solver replaced by the identity."""

import keras
import numpy as np
import tensorflow as tf
from common import report, row, side_by_side

from phi_sol import Corrector, HybridSolver, WakeFlow
from phi_sol.data.statistics import Statistics
from phi_sol.stepping import array_names
from phi_sol.training import make_method


class WithoutSolver(HybridSolver):
    def advance(self, arrays, parameters, dt):
        return arrays | {n: arrays[n] + c for n, c in self.corrector(arrays, parameters).items()}


def iteration(kind: type[HybridSolver], network: str, unroll: int, batch: int):
    flow = WakeFlow(y=64, x=32)
    ones = {n: 1.0 for n in array_names(flow)}
    statistics = Statistics(ones, ones, {n: 0.01 for n in ones}, {"reynolds": 6.0}, {"reynolds": 1.0})
    hybrid = kind(flow, Corrector.create(flow, network, statistics))
    rng = np.random.default_rng(0)
    shapes = {"velocity.y": (64, 32), "velocity.x": (64, 31), "marker": (64, 32)}
    window = {n: tf.constant(rng.random((batch, unroll + 1, *s)), tf.float32) for n, s in shapes.items()}
    parameters = {"reynolds": tf.fill([batch], 500.0)}
    variables = hybrid.corrector.network.trainable_variables
    optimizer = keras.optimizers.Adam(1e-6)
    optimizer.build(variables)
    method = make_method("sol", unroll)

    def step(window, parameters):
        with tf.GradientTape() as tape:
            loss = method.loss(hybrid, window, parameters, tf.constant(1.0))
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    compiled = tf.function(step, autograph=False)
    return lambda: float(compiled(window, parameters))


def main():
    rows = []
    for network, batch, unrolls in (("small", 6, (1, 4, 8)), ("resnet", 3, (1, 4, 16))):
        for unroll in unrolls:
            cases = {k.__name__: iteration(k, network, unroll, batch) for k in (HybridSolver, WithoutSolver)}
            times = side_by_side(cases, seconds=8)
            name = f"SOL-{unroll} iteration, {network}"
            rows.append(row(name, "64x32", batch, times["HybridSolver"], "network alone", times["WithoutSolver"]))
    report("training", rows)


if __name__ == "__main__":
    main()
