"""Functions of native TensorFlow tensors, compiled by XLA as one unit with their gradients."""

from collections.abc import Callable
from functools import cache
from typing import Any

import tensorflow as tf
from phi.tf import TENSORFLOW  # noqa: F401  registers the backend without making it the default

from .settings import traced

try:
    from tensorflow.python.eager.record import could_possibly_record
except ImportError:  # not public; without it nothing but a little time is lost

    def could_possibly_record() -> bool:
        """Whether a gradient tape may be listening."""
        return True


Arrays = dict[str, tf.Tensor]


def recording() -> bool:
    """Whether operations may be recorded for gradients: a gradient tape listens, or a `tf.function` is traced."""
    return not tf.executing_eagerly() or could_possibly_record()


def upstream_product(function: Callable, count: int) -> Callable:
    """Upstream gradients times the Jacobian of `function` of `count` tensors: a function of these and of those."""

    def gradient(*given: tf.Tensor):
        inputs, upstream = given[:count], given[count:]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            results = function(*inputs)
        flowing: Any = list(upstream) if isinstance(results, list | tuple) else upstream[0]
        return tape.gradient(results, inputs, flowing, unconnected_gradients="zero")

    return gradient


def differentiable(function: Callable) -> Callable:
    """
    `function`, compiled by XLA as one unit, and so is its gradient.

    The gradient computes the values of `function` again instead of keeping what happened inside: for a solver step this
    is faster than to write all intermediate arrays to memory, and they don't accumulate over many steps. Gradients of
    gradients are made in the same way.

    Args:
        function: Of floating-point tensors, returns a list of tensors.
    """
    compiled = traced(function)
    backward = cache(lambda inputs: differentiable(upstream_product(function, inputs)))  # made when it is first needed

    @tf.custom_gradient
    def recorded(*values):
        unseen = [tf.stop_gradient(v) for v in values]  # of what a tape sees, TensorFlow keeps all that happens inside
        return compiled(*unseen), lambda *upstream: backward(len(values))(*values, *upstream)

    def result(*values):
        return recorded(*values) if recording() else compiled(*values)  # a custom gradient costs 0.15 ms a call

    return result
