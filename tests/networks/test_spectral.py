"""The spectral convolution against NumPy's Fourier transforms, and its gradients against finite differences."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol.networks.fourier import Extend, SpectralConv

MODES = 3
GRIDS = [
    (16,),
    (9,),
    (5,),
    (12, 10),
    (13, 7),
    (6, 6),
    (3, 4),
    (4, 3),
    (8, 9, 10),
    (6, 6, 6),
    (4, 3, 5),
]  # the last of each are too small for all modes


def convolution(rank: int, dtype: str = "float64") -> tuple[SpectralConv, np.ndarray]:
    """A layer from 2 to 3 channels, and its complex weights."""
    layer = SpectralConv(3, MODES, dtype=dtype)
    layer.build((None, *(None,) * rank, 2))
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal(layer.kernel.shape)
    layer.kernel.assign(kernel)
    return layer, kernel[..., 0] + 1j * kernel[..., 1]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_against_numpy(grid):
    layer, kernel = convolution(len(grid))
    x = np.random.default_rng(1).standard_normal((2, *grid, 2))
    axes = [*range(2, len(grid) + 1), 1]  # NumPy halves the last axis that it is given, the layer the first of the grid
    before = np.fft.rfftn(x, axes=axes)
    after = np.zeros((*before.shape[:-1], 3), complex)
    for index in np.ndindex(kernel.shape[:-2]):
        k = (index[0], *(i - MODES for i in index[1:]))
        if k[0] <= grid[0] // 2 and all(-n / 2 <= i < n / 2 for i, n in zip(k[1:], grid[1:], strict=True)):
            after[(slice(None), *k)] = before[(slice(None), *k)] @ kernel[index]
    expected = np.fft.irfftn(after, s=[grid[a - 1] for a in axes], axes=axes)
    np.testing.assert_allclose(layer(x), expected, atol=1e-13 * np.abs(expected).max() * len(grid))


@pytest.mark.parametrize("grid", [(9,), (8, 6), (5, 4, 6)], ids=str)
def test_gradients(grid):
    layer, _ = convolution(len(grid))
    rng = np.random.default_rng(2)
    x, direction = (tf.constant(rng.standard_normal((1, *grid, 2))) for _ in range(2))
    cotangent = rng.standard_normal((1, *grid, 3))
    turn = rng.standard_normal(layer.kernel.shape)

    def value(step):  # cubic in its arguments, so that the central difference has an error of order step²
        layer.kernel.assign(start + step * turn)
        return tf.reduce_sum(cotangent * layer(x + step * direction) ** 2)

    start = layer.kernel.numpy()
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(cotangent * layer(x) ** 2)
    of_x, of_kernel = tape.gradient(loss, [x, layer.kernel.value])
    slope = (value(1e-5) - value(-1e-5)) / 2e-5
    np.testing.assert_allclose(np.sum(of_x * direction) + np.sum(of_kernel * turn), slope, rtol=1e-7)


def test_resolution_does_not_matter_for_smooth_functions():
    layer, _ = convolution(2)

    def on(n, m):
        y, x = np.meshgrid(np.arange(n) / n, np.arange(m) / m, indexing="ij")
        wave = 1 + np.sin(2 * np.pi * y) + np.cos(4 * np.pi * y - 2 * np.pi * x)
        return np.asarray(layer(np.stack([wave, wave**2], -1)[None]))

    np.testing.assert_allclose(on(32, 48)[:, ::2, ::3], on(16, 16), atol=1e-12)


def test_mixed_precision_computes_sums_in_32_bits():
    layer, _ = convolution(2, "mixed_bfloat16")
    exact, _ = convolution(2)
    x = tf.cast(np.random.default_rng(3).standard_normal((1, 16, 12, 2)), tf.bfloat16)
    y = layer(x)
    assert y.dtype == tf.bfloat16 and layer.kernel.dtype == "float32"
    expected = exact(tf.cast(x, tf.float64)).numpy()
    assert (
        np.abs(tf.cast(y, tf.float64) - expected).max() < 2**-8 * np.abs(expected).max()
    )  # the rounding of the result


def test_unknown_size():
    layer, _ = convolution(1)
    with pytest.raises(ValueError, match="must know the size of the grid"):
        tf.function(layer, input_signature=[tf.TensorSpec((1, None, 2), tf.float64)])(np.zeros((1, 8, 2)))


def test_extension():
    x = np.ones((1, 6, 8, 4, 1), np.float32)
    y = Extend((False, True, False))(x).numpy()
    assert y.shape == (1, 8, 8, 5, 1)  # 6 + 2, 8, 4 + 1
    assert (y[:, :6, :, :4] == 1).all() and y.sum() == x.sum()
