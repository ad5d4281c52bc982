"""One iteration: losses and gradients on every device, their sum over devices, and the optimizer's step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import keras
import numpy as np
import tensorflow as tf

from ..kernels.settings import compile_whole, traced
from .plan import Plan


class Optimization:
    """
    The compiled parts of an iteration, for any strategy, in whose scope the variables were made.

    Gradients and their application are two calls, so that gradients that are not finite are never applied.
    """

    def __init__(self, strategy: tf.distribute.Strategy, variables: list[keras.Variable], plan: Plan):
        self.strategy, self.variables, self.plan = strategy, variables, plan
        with strategy.scope():
            self.optimizer = plan.make_optimizer(self.variables)
        self.distributed = tf.distribute.has_strategy() or strategy is not tf.distribute.get_strategy()
        # what several devices do together can't be one XLA unit; what each of them does can
        self._outer, self._inner = (None, compile_whole()) if self.distributed else (compile_whole(), None)
        self.apply = traced(lambda gradients: strategy.run(self._apply, (gradients,)), self._outer)

    @property
    def scale(self) -> float:
        """What the loss is multiplied by before its gradient is taken (float16 only)."""
        return float(self.optimizer.dynamic_scale.numpy()) if self.plan.precision == "mixed_float16" else 1.0

    def gradients(self, losses_of: Callable):
        """
        A compiled function of (window, parameters, numbers), as `Windows.batches` delivers them, and the seconds that
        the iteration before took. It returns the loss, the norm of its gradient, the seconds as all workers agree on
        them, the gradients, and the losses of every window and step, which `losses_of` (see `Task.losses`) gives, of
        shape (batch, n) (on several devices: per device).
        """
        strategy, optimizer = self.strategy, self.optimizer
        replicas = strategy.num_replicas_in_sync

        def gradient(window, parameters, numbers):
            with tf.GradientTape() as tape:
                losses = losses_of(window, parameters, numbers)
                loss = total(losses) / replicas
                scaled = optimizer.scale_loss(loss)
            gradients = tape.gradient(scaled, self.variables)
            zeros = [tf.zeros(v.shape) for v in self.variables]
            return losses, loss, [z if g is None else g for g, z in zip(gradients, zeros, strict=True)]

        if self._inner:
            gradient = traced(gradient)

        def replica(window, parameters, numbers, seconds):
            losses, loss, gradients = gradient(window, parameters, numbers)
            gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
            return losses, loss, gradients, tf.linalg.global_norm(gradients), seconds

        def run(window, parameters, numbers, seconds):
            losses, loss, gradients, norm, seconds = strategy.run(replica, (window, parameters, numbers, seconds))
            loss = strategy.reduce("SUM", loss, axis=None)
            norm, seconds = (strategy.reduce("MEAN", v, axis=None) for v in (norm, seconds))
            return loss, norm, seconds, gradients, losses

        return traced(run, self._outer)

    def compile(self, gradients_of: Callable, window, parameters, numbers):
        """Compiles what an iteration needs, by one on such a batch that changes nothing."""
        *_, gradients, losses = gradients_of(window, parameters, numbers, tf.constant(0.0, tf.float64))
        tf.nest.map_structure(np.asarray, self.strategy.experimental_local_results(losses))  # until it is done
        self.apply.get_concrete_function(gradients)

    def renew(self):
        """
        Begins the optimizer anew, as at a change of stage: its moments of the gradient are forgotten and its iterations
        counted from 0. Longer unrolls have larger gradients; Adam's moment of their square, made of many small ones,
        would let it take steps several times its learning rate just there. A moving average of the weights begins at
        the weights after the next iteration, and a scale of float16 stays.
        """
        made = self.plan.make_optimizer(self.variables)
        inner, fresh = (getattr(o, "inner_optimizer", o) for o in (self.optimizer, made))
        averages = {id(v) for v in getattr(inner, "_model_variables_moving_average", ())}
        for own, value in zip(inner.variables, fresh.variables, strict=True):
            if id(own) not in averages:
                own.assign(np.asarray(value))

    def _apply(self, gradients):
        if self.plan.clip is not None:
            scale = self.optimizer.dynamic_scale if self.plan.precision == "mixed_float16" else 1.0
            gradients, _ = tf.clip_by_global_norm(gradients, self.plan.clip * scale)
        # they are sums over devices already; the optimizer sums once more
        self.optimizer.apply([g / self.strategy.num_replicas_in_sync for g in gradients], self.variables)

    @contextmanager
    def averaged(self, begun: bool) -> Iterator[None]:
        """Within it, the variables have their moving average, if the plan wants one and the training has begun."""
        if self.plan.ema is None or not begun:
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


def total(losses: tf.Tensor) -> tf.Tensor:
    """The training loss of a batch: the mean over windows of `Task.losses`, summed over terms."""
    return tf.reduce_sum(tf.reduce_mean(losses, 0))
