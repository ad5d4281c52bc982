"""Many steps in one compiled loop."""

from collections.abc import Callable

import tensorflow as tf

from .compiled import Arrays

Advance = Callable[[Arrays, Arrays, tf.Tensor], Arrays]


class Loop:
    """Many steps in one compiled loop, traced once per batch size, precision and number of kept frames."""

    def __init__(self, advance: Advance, jit_compile: bool | None, keep: Callable[[Arrays, Arrays], Arrays]):
        """
        Args:
            advance: One step: arrays, from arrays, parameters and dt.
            jit_compile: Whether XLA compiles the loop as a whole.
            keep: What `frames` keeps of the arrays and parameters after a step, such as their restriction.
        """
        from phi.tf import TENSORFLOW  # noqa: F401  registers the backend, not as the default: in a trace this fails

        self.advance, self.keep = advance, keep
        self._steps = tf.function(self._advance, autograph=False, jit_compile=jit_compile)
        self._frames = tf.function(self._keep, autograph=False, jit_compile=jit_compile)
        self._kept = tf.function(keep, autograph=False, jit_compile=jit_compile)

    def steps(self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, steps: int) -> Arrays:
        """The arrays after `steps` steps."""
        return self._steps(arrays, parameters, dt, tf.constant(steps))

    def kept(self, arrays: Arrays, parameters: Arrays) -> Arrays:
        """What `keep` makes of arrays, compiled."""
        return self._kept(arrays, parameters)

    def frames(
        self, arrays: Arrays, parameters: Arrays, dt: tf.Tensor, count: int, every: int, room: int
    ) -> tuple[Arrays, Arrays]:
        """
        The arrays after `count * every` steps, and what `keep` makes of them after every `every` of these, of shape
        (room, batch, *spatial); entries from `count` on mean nothing.
        """
        return self._frames(arrays, parameters, dt, tf.constant(count), tf.constant(every), room)

    def _advance(self, arrays, parameters, dt, steps):
        def body(i, arrays):
            return i + 1, self.advance(arrays, parameters, dt)

        return tf.while_loop(lambda i, _: i < steps, body, (0, arrays), parallel_iterations=1)[1]

    def _keep(self, arrays, parameters, dt, count, every, room: int):
        likes = self.keep(arrays, parameters)
        kept = {n: tf.TensorArray(a.dtype, room, element_shape=a.shape) for n, a in likes.items()}

        def body(i, arrays, kept):
            arrays = self._advance(arrays, parameters, dt, every)
            return i + 1, arrays, {n: kept[n].write(i, a) for n, a in self.keep(arrays, parameters).items()}

        _, arrays, kept = tf.while_loop(lambda i, *_: i < count, body, (0, arrays, kept), parallel_iterations=1)
        return arrays, {n: k.stack() for n, k in kept.items()}
