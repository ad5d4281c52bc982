"""Networks on coarser grids: cheap enough to pay beside a coarse solver."""

import keras
import tensorflow as tf

from .layers import Crop, Layers


@keras.saving.register_keras_serializable(package="phi_sol")
class Fold(keras.layers.Layer):
    """
    Space to depth: each block of `factor` cells along every axis becomes one cell with all of their channels. Where the
    number of cells is no multiple, zeros are added at the upper end.

    Shape (batch, *n, channels) -> (batch, *⌈n / factor⌉, factor^d · channels).
    """

    def __init__(self, factor: int, **kwargs):
        super().__init__(**kwargs)
        self.factor = int(factor)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        f, sizes = self.factor, _sizes(x)
        if missing := [(0, 0), *((0, -n % f) for n in sizes), (0, 0)]:
            x = tf.pad(x, missing) if any(not isinstance(m, int) or m for _, m in missing) else x
        coarse = [-(-n // f) for n in sizes]
        rank = len(sizes)
        x = tf.reshape(x, [-1, *(k for n in coarse for k in (n, f)), x.shape[-1]])
        order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
        return tf.reshape(tf.transpose(x, order), [-1, *coarse, f**rank * x.shape[-1]])

    def compute_output_shape(self, shape):
        coarse = (None if n is None else -(-n // self.factor) for n in shape[1:-1])
        return (shape[0], *coarse, self.factor ** (len(shape) - 2) * shape[-1])

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


@keras.saving.register_keras_serializable(package="phi_sol")
class Unfold(keras.layers.Layer):
    """Depth to space, the inverse of `Fold`: (batch, *n, factor^d · channels) -> (batch, *(factor · n), channels)."""

    def __init__(self, factor: int, **kwargs):
        super().__init__(**kwargs)
        self.factor = int(factor)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        f, sizes = self.factor, _sizes(x)
        rank, channels = len(sizes), x.shape[-1] // self.factor ** len(sizes)
        x = tf.reshape(x, [-1, *sizes, *[f] * rank, channels])
        order = [0, *(a for d in range(rank) for a in (1 + d, 1 + rank + d)), 2 * rank + 1]
        return tf.reshape(tf.transpose(x, order), [-1, *(f * n for n in sizes), channels])

    def compute_output_shape(self, shape):
        fine = (None if n is None else self.factor * n for n in shape[1:-1])
        return (shape[0], *fine, shape[-1] // self.factor ** (len(shape) - 2))

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


def _sizes(x: tf.Tensor) -> list:
    """Cells per axis: numbers where they are known, else tensors."""
    return [tf.shape(x)[a] if n is None else n for a, n in enumerate(x.shape[1:-1], 1)]


def coarse(layers: Layers, x, outputs: int, factor: int, features: int, blocks: int):
    """
    A residual network on a grid of 1/`factor` of the resolution: `Fold`, 3x3 convolution to `features`, `blocks`
    residual blocks of two 3x3 convolutions with leaky ReLU, 3x3 convolution to the outputs of all cells of a block,
    `Unfold`. An upper end that the factor does not divide is filled up with zeros, and cut off again; along a periodic
    axis that it divides the network commutes with shifts by `factor` cells.
    """
    start = x
    x = layers.activate(layers.conv(Fold(factor, dtype=layers.policy)(x), features, 3))
    for _ in range(blocks):
        y = layers.activate(layers.conv(x, features, 3))
        x = layers.activate(layers.add(x, layers.conv(y, features, 3)))
    x = layers.last(x, factor**layers.rank * outputs, 3)
    return Crop(dtype=layers.policy.variable_dtype)([Unfold(factor, dtype=layers.policy.variable_dtype)(x), start])


def fast(layers: Layers, x, outputs: int):
    """
    On half the resolution: 32 features, two residual blocks. In 2D with 3 inputs and 2 outputs (9·12 + 1)·32 + 4·(9·32
    + 1)·32 + (9·32 + 1)·8 = 42 792 parameters; receptive field 26 cells.
    """
    return coarse(layers, x, outputs, 2, 32, 2)


def faster(layers: Layers, x, outputs: int):
    """
    On a quarter of the resolution: 32 features, two residual blocks. In 2D with 3 inputs and 2 outputs (9·48 + 1)·32 +
    4·(9·32 + 1)·32 + (9·32 + 1)·32 = 60 096 parameters; receptive field 52 cells.
    """
    return coarse(layers, x, outputs, 4, 32, 2)


def fastest(layers: Layers, x, outputs: int):
    """
    On a quarter of the resolution: 32 features, one residual block. In 2D with 3 inputs and 2 outputs (9·48 + 1)·32 +
    2·(9·32 + 1)·32 + (9·32 + 1)·32 = 41 600 parameters; receptive field 36 cells.
    """
    return coarse(layers, x, outputs, 4, 32, 1)
