"""The Fourier neural operator and its layer, the spectral convolution."""

from collections.abc import Sequence
from math import prod

import keras
import numpy as np
import tensorflow as tf

from .layers import Crop, Layers

WIDTH = 16
MODES = {1: 16, 2: 8, 3: 4}  # per dimension, so that the parameters stay at a few hundred thousand
EXTENSION = 4  # an axis that is not periodic is extended by a fourth, rounded up


@keras.saving.register_keras_serializable(package="phi_sol")
class SpectralConv(keras.layers.Layer):
    """
    Convolution by products of Fourier coefficients,

        y_o(j) = Re Σ_k c_k Σ_i R_kio x̂_i(k) exp(2π i Σ_d k_d j_d/n_d),
        x̂_i(k) = 1/N Σ_j x_i(j) exp(-2π i Σ_d k_d j_d/n_d)

    over the modes k_1 = 0..m-1 of the first axis (c_k = 2, or 1 where k_1 is 0 or n_1/2: the conjugate half is implied)
    and k_d = -m..m-1 of the others: y = irfftn(R · rfftn(x)) with R = 0 for all other modes. On a grid too small for
    some of them (-n/2 <= k < n/2) the others remain, with the same weights. Shape (batch, *n, channels) -> (batch, *n,
    filters), any n.

    The few coefficients are sums over one axis after the other, as products with matrices exp(-2π i k j/n): for so few
    modes about as fast as full transforms, in any dimension and precision, differentiable (TensorFlow has no gradient
    for 3D real transforms), and defined where c2r transforms are not, for coefficients without Hermitian symmetry.
    Computed in the type of the variables, with mixed precision, too.

    Source: Li et al., ICLR 2021 (arXiv:2010.08895).
    """

    def __init__(self, filters: int, modes: int, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.modes = int(filters), int(modes)

    def build(self, shape):
        channels, m, rank = shape[-1], self.modes, len(shape) - 2
        # keeps the variance of the modes; modes of the other axes in ascending order
        start = keras.initializers.RandomNormal(stddev=(2 * channels) ** -0.5)
        size = (m, *(2 * m,) * (rank - 1), channels, self.filters, 2)
        self.kernel = self.add_weight(name="kernel", shape=size, initializer=start, autocast=False)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        sizes = x.shape[1:-1]
        if not sizes.is_fully_defined():
            raise ValueError("A spectral convolution must know the size of the grid when it is traced.")
        kept = [kept_modes(n, self.modes, half=d == 0) for d, n in enumerate(sizes)]
        waves = [wave_matrices(n, k) for n, k in zip(sizes, kept, strict=True)]
        waves[0] = waves[0][:, :1]  # in: real numbers; out: real parts
        counted = np.where((kept[0] == 0) | (2 * kept[0] == sizes[0]), 1, 2) / prod(sizes)
        # letters: points xyz, modes klm, channels i and o, real and imaginary parts p and q
        points, modes = "xyz"[: len(sizes)], "klm"[: len(sizes)]
        names = [modes[:d] + points[d:] for d in range(len(sizes) + 1)]
        mixed = [(names[d], names[d + 1], f"{points[d]}pq{modes[d]}") for d in range(len(sizes))]
        z = tf.cast(x, self.kernel.dtype)[..., None]
        for wave, (before, after, matrix) in zip(waves, mixed, strict=True):
            z = tf.einsum(f"b{before}ip,{matrix}->b{after}iq", z, tf.constant(wave, z.dtype))
        z = tf.einsum(f"b{modes}ip,{modes}ipoq->b{modes}oq", z, self._matrices(kept))
        waves[0] = waves[0] * counted
        for wave, (before, after, matrix) in zip(waves[::-1], mixed[::-1], strict=True):
            z = tf.einsum(f"b{after}iq,{matrix}->b{before}ip", z, tf.constant(wave, z.dtype))
        return tf.cast(z[..., 0], self.compute_dtype)

    def _matrices(self, kept: list[np.ndarray]) -> tf.Tensor:
        """The kernel of the kept modes, as matrices on real and imaginary parts: shape (*modes, i, 2, o, 2)."""
        first = [k[0] + (self.modes if d else 0) for d, k in enumerate(kept)]
        used = tuple(slice(f, f + len(k)) for f, k in zip(first, kept, strict=True))
        kernel = tf.convert_to_tensor(self.kernel)[used]
        turned = tf.stack([-kernel[..., 1], kernel[..., 0]], -1)  # i R
        return tf.stack([kernel, turned], -3)

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.filters)

    def flops(self, shape: Sequence[int]) -> int:
        """Operations for one input of `shape` (without the batch), two per multiplication and addition."""
        *sizes, channels = shape
        kept = [len(kept_modes(n, self.modes, half=d == 0)) for d, n in enumerate(sizes)]
        transform = 0  # per channel: the first axis turns real numbers into complex ones, the others complex ones
        for d, n in enumerate(sizes):
            transform += 2 * (2 if d == 0 else 4) * prod(kept[:d]) * n * kept[d] * prod(sizes[d + 1 :])
        return (channels + self.filters) * transform + 8 * prod(kept) * channels * self.filters

    def get_config(self):
        return super().get_config() | {"filters": self.filters, "modes": self.modes}


def kept_modes(n: int, modes: int, half: bool) -> np.ndarray:
    """Wave numbers, ascending, that an axis of `n` cells represents and a spectral convolution uses."""
    return np.arange(0 if half else -min(modes, n // 2), min(modes, n // 2 + 1 if half else (n + 1) // 2))


def wave_matrices(n: int, k: np.ndarray) -> np.ndarray:
    """exp(-2π i k j/n) as matrices from (real, imaginary) of point j to those of mode k: shape (n, 2, 2, modes)."""
    angle = 2 * np.pi * (np.outer(np.arange(n), k) % n) / n
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([c, -s], 1), np.stack([s, c], 1)], 1)


@keras.saving.register_keras_serializable(package="phi_sol")
class Extend(keras.layers.Layer):
    """Adds zeros at the upper end of every axis that is not periodic: a fourth of its cells, rounded up."""

    def __init__(self, periodic: Sequence[bool], **kwargs):
        super().__init__(**kwargs)
        self.periodic = tuple(bool(p) for p in periodic)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        more = [b - a for a, b in zip(x.shape[1:-1], self.compute_output_shape(x.shape)[1:-1], strict=True)]
        return tf.pad(x, [(0, 0), *((0, m) for m in more), (0, 0)])

    def compute_output_shape(self, shape):
        sizes = [n if p or n is None else n - -n // EXTENSION for n, p in zip(shape[1:-1], self.periodic, strict=True)]
        return (shape[0], *sizes, shape[-1])

    def get_config(self):
        return super().get_config() | {"periodic": list(self.periodic)}


def fno(layers: Layers, x, outputs: int):
    """
    Fourier neural operator: pointwise map to 16 features, 4 layers x <- σ(W x + b + K x) with a spectral convolution K
    (`SpectralConv`) and a pointwise map, pointwise maps to 64 features and to the output; σ is the leaky ReLU. Kept
    modes per axis: 8 in 2D, 4 in 3D, 16 in 1D. In 2D with 3 inputs and 2 outputs (3 + 1)·16 + 4·(8·16·16²·2 + (16 +
    1)·16) + (16 + 1)·64 + (64 + 1)·2 = 264 514 parameters. Every cell sees the whole domain.

    Fourier series are periodic. An axis that is not is extended by zeros, a fourth of its cells at the upper end,
    behind the first map and cut off before the last two, so that what leaves at one side has a way to go to the other.

    Source: Li et al., ICLR 2021 (arXiv:2010.08895), with leaky ReLU in place of ReLU, without coordinates as inputs
    (which would break the symmetry under shifts; zeros tell where the sides are), and with a relative padding.
    """
    x = layers.conv(x, WIDTH, 1)
    if layers.apart or not all(layers.periodic):
        inside, x = x, Extend(layers.periodic, dtype=layers.policy)(x)
    for _ in range(4):
        spectral = SpectralConv(WIDTH, MODES[layers.rank], dtype=layers.policy)(x)
        x = layers.activate(layers.add(layers.conv(x, WIDTH, 1), spectral))
    if layers.apart or not all(layers.periodic):
        x = Crop(dtype=layers.policy)([x, inside])
    return layers.last(layers.activate(layers.conv(x, 64, 1)), outputs, 1)
