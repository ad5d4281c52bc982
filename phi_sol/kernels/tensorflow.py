"""Kernels for TensorFlow tensors."""

import weakref

import tensorflow as tf

from .compiled import upstream_product
from .generic import Kernels
from .settings import traced

LARGE = 2**18  # bytes
TRANSFORMS = (
    (tf.signal.rfft, tf.signal.irfft),
    (tf.signal.rfft2d, tf.signal.irfft2d),
    (tf.signal.rfft3d, tf.signal.irfft3d),
)


class TensorFlowKernels(Kernels):
    """Loops and branches of the graph, compiled by XLA; on GPUs, where a loop launches a kernel a row, no sweeps."""

    def __init__(self):
        self._constants = {}
        self.sweeps = not tf.config.list_physical_devices("GPU")

    def constant(self, backend, array):
        # graphs capture large ones instead of holding copies (graphs end at 2 GB, and XLA tries to fold them)
        if array.nbytes < LARGE:
            return tf.constant(array)
        key = id(array)
        if key not in self._constants:
            with tf.init_scope():
                self._constants[key] = tf.constant(array)
            weakref.finalize(array, self._constants.pop, key, None)
        return self._constants[key]

    def branch(self, backend, condition, yes, no, *inputs):
        # the gradient of tf.cond keeps what happened inside, as XLA refuses it across units; this one chooses anew
        @tf.custom_gradient
        def result(*inputs):
            fixed = _fixed(inputs)
            value = tf.cond(condition, lambda: yes(*fixed), lambda: no(*fixed))
            return value, lambda *upstream: self.branch(
                backend, condition, *[upstream_product(way, len(inputs)) for way in (yes, no)], *inputs, *upstream
            )

        return result(*inputs)

    def gather(self, backend, values, index):
        # one flat gather is faster than a batched one
        offset = tf.range(values.shape[0])[:, None] * values.shape[1]
        return tf.gather(tf.reshape(values, [-1]), index + offset)

    def scatter_add(self, backend, index, values, size):
        count = index.shape[0]
        index = tf.reshape(index + tf.range(count)[:, None] * size, [-1])
        sums = tf.math.unsorted_segment_sum(tf.reshape(values, [-1]), index, count * size)
        return tf.reshape(sums, (count, size))

    def with_gradient(self, function, gradient):
        @tf.custom_gradient
        def result(*inputs):
            return function(*_fixed(inputs)), lambda *upstream: gradient(*inputs, *upstream)

        return result

    def compiled(self, function):
        return traced(function)

    def self_adjoint(self, backend, function):
        @tf.custom_gradient
        def result(x):
            return function(*_fixed([x])), result  # the gradient can be differentiated in turn

        return result

    def sweep(self, b, lower, upper):
        rows = b.shape[0]

        def down(i, above, p):
            above = b[i] + lower[i] * above
            return i + 1, above, tf.tensor_scatter_nd_update(p, [[i]], above[None])

        def up(i, below, p):
            below = p[i] + upper[i] * below
            return i - 1, below, tf.tensor_scatter_nd_update(p, [[i]], below[None])

        zero = tf.zeros_like(b[0])
        _, last, p = tf.while_loop(lambda i, *_: i < rows, down, (0, zero, tf.zeros_like(b)), maximum_iterations=rows)
        return tf.while_loop(lambda i, *_: i >= 0, up, (rows - 2, last, p), maximum_iterations=rows)[2]

    def rfft(self, x):
        spectrum = tf.signal.rfft(x)
        return tf.math.real(spectrum), tf.math.imag(spectrum)

    def irfft(self, real, imaginary, size):
        return tf.signal.irfft(tf.complex(real, imaginary), [size])

    def filtered(self, x, factors):
        there, back = TRANSFORMS[len(x.shape) - 2]
        modes = there(x)
        return back(modes * tf.cast(factors, modes.dtype), x.shape[1:])


def _fixed(inputs):
    """The same values, unknown to gradient tapes: what happens inside a custom gradient must not be recorded, too."""
    return [tf.stop_gradient(x) for x in inputs]
