"""One iteration: losses and gradients on every device, their sum over devices, and the optimizer's step."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from ..kernels.settings import compile_whole
from ..solvers.hybrid import HybridSolver
from ..tasks.correction.methods import Method, total
from .plan import Plan


def make_optimizer(plan: Plan, variables: list[keras.Variable]) -> keras.optimizers.Optimizer:
    """Adam for some weights, with their moving average and the scaled loss of float16 where the plan wants them."""
    optimizer = keras.optimizers.Adam(plan.learning_rate, use_ema=plan.ema is not None, ema_momentum=plan.ema or 0.99)
    if plan.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer


class Optimization:
    """
    The compiled parts of an iteration, for any strategy.

    Gradients and their application are two calls, so that gradients that are not finite are never applied.
    """

    def __init__(self, strategy: tf.distribute.Strategy, hybrid: HybridSolver, plan: Plan):
        """
        Args:
            strategy: Distributes the work; the weights were made in its scope.
            hybrid: Solver with the corrector to train.
            plan: Says how gradients are clipped, and the like.
        """
        self.strategy, self.hybrid, self.plan = strategy, hybrid, plan
        self.variables = hybrid.corrector.network.trainable_variables
        with strategy.scope():
            self.optimizer = make_optimizer(plan, self.variables)
        self.distributed = tf.distribute.has_strategy() or strategy is not tf.distribute.get_strategy()
        # what several devices do together can't be one XLA unit; what each of them does can
        self._outer, self._inner = (None, compile_whole()) if self.distributed else (compile_whole(), None)
        self.apply = tf.function(
            lambda gradients: strategy.run(self._apply, (gradients,)), autograph=False, jit_compile=self._outer
        )

    @property
    def scale(self) -> float:
        """What the loss is multiplied by before its gradient is taken (float16 only)."""
        return float(self.optimizer.dynamic_scale.numpy()) if self.plan.precision == "mixed_float16" else 1.0

    def gradients(self, method: Method):
        """
        A compiled function of (window, parameters, numbers, seconds), as `Windows.batches` delivers them, and
        the seconds that the iteration before took. It returns the loss, the norm of its gradient, the seconds
        as all workers agree on them, the gradients, and the losses of every window and step, of shape (batch,
        n) (on several devices: per device).
        """
        strategy, optimizer = self.strategy, self.optimizer
        replicas, dt = strategy.num_replicas_in_sync, tf.constant(self.hybrid.flow.dt, tf.float32)

        def gradient(window, parameters, numbers):
            with tf.GradientTape() as tape:
                losses = method.losses(self.hybrid, window, parameters, dt, numbers)
                loss = total(losses) / replicas
                scaled = optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.variables)
            return (
                losses,
                loss,
                [tf.zeros(v.shape) if g is None else g for g, v in zip(gradients, self.variables, strict=True)],
            )

        if self._inner:
            gradient = tf.function(gradient, autograph=False, jit_compile=True)

        def replica(window, parameters, numbers, seconds):
            losses, loss, gradients = gradient(window, parameters, numbers)
            gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            return losses, loss, gradients, tf.linalg.global_norm(gradients), seconds

        def run(window, parameters, numbers, seconds):
            losses, loss, gradients, norm, seconds = strategy.run(replica, (window, parameters, numbers, seconds))
            loss = strategy.reduce("SUM", loss, axis=None)
            return (
                loss,
                strategy.reduce("MEAN", norm, axis=None),
                strategy.reduce("MEAN", seconds, axis=None),
                gradients,
                losses,
            )

        return tf.function(run, autograph=False, jit_compile=self._outer)

    def _apply(self, gradients):
        if self.plan.clip is not None:
            scale = self.optimizer.dynamic_scale if self.plan.precision == "mixed_float16" else 1.0
            gradients, _ = tf.clip_by_global_norm(gradients, self.plan.clip * scale)
        # they are sums over devices already; the optimizer sums once more
        self.optimizer.apply([g / self.strategy.num_replicas_in_sync for g in gradients], self.variables)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Within it, the network has the moving average of its weights, if the plan wants one."""
        if self.plan.ema is None or not int(self.optimizer.iterations.numpy()):
            yield
            return
        own = [v.numpy() for v in self.variables]
        inner = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        inner.finalize_variable_values(self.variables)
        try:
            yield
        finally:
            for variable, value in zip(self.variables, own, strict=True):
                variable.assign(np.asarray(value))
