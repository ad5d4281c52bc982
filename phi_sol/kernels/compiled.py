"""Functions of native TensorFlow tensors, compiled by XLA as one unit with their gradients."""

from collections.abc import Callable

import tensorflow as tf
from phi.tf import TENSORFLOW  # noqa: F401  registers the backend without making it the default

from . import settings  # noqa: F401

try:
    from tensorflow.python.eager.record import could_possibly_record
except ImportError:  # not public; without it nothing but a little time is lost

    def could_possibly_record() -> bool:
        """Whether a gradient tape may be listening."""
        return True


Arrays = dict[str, tf.Tensor]


def differentiable(function: Callable) -> Callable:
    """
    `function`, compiled by XLA as one unit, and so is its gradient.

    The gradient computes the values of `function` again instead of keeping what happened inside: for a solver step this
    is faster than to write all intermediate arrays to memory, and they don't accumulate over many steps. Gradients of
    gradients are made in the same way.

    Args:
        function: Of floating-point tensors, returns a list of tensors.
    """
    compiled = tf.function(function, autograph=False, jit_compile=True)
    backward = None  # made when it is first needed

    def gradient(*given: tf.Tensor) -> list[tf.Tensor]:
        values, upstream = given[: len(given) - outputs], given[len(given) - outputs :]
        with tf.GradientTape() as tape:
            tape.watch(values)
            results = function(*values)
        return tape.gradient(results, values, list(upstream), unconnected_gradients=tf.UnconnectedGradients.ZERO)

    outputs = 0

    @tf.custom_gradient
    def recorded(*values):
        nonlocal backward, outputs
        results = compiled(*values)
        outputs = len(results)

        def grad(*upstream):
            nonlocal backward
            backward = backward or differentiable(gradient)
            return backward(*values, *upstream)

        return results, grad

    def result(*values):
        if tf.executing_eagerly() and not could_possibly_record():
            return compiled(*values)  # a custom gradient costs 0.15 ms a call
        return recorded(*values)

    return result
