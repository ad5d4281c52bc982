"""Folding of cells into channels, and networks on coarser grids."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol.networks import build_network
from phi_sol.networks.coarse import Fold, Unfold


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("grid", [(8,), (8, 12), (5, 7), (4, 8, 4), (3, 2, 5)], ids=str)
def test_every_cell_has_its_place(factor, grid):
    """Cell f i + j of an axis is part j of coarse cell i; beyond the end there are zeros."""
    rank, rng = len(grid), np.random.default_rng(0)
    x = rng.standard_normal((2, *grid, 3)).astype(np.float32)
    folded = np.asarray(Fold(factor)(x))
    coarse = tuple(-(-n // factor) for n in grid)
    assert folded.shape == (2, *coarse, factor**rank * 3) == Fold(factor).compute_output_shape(x.shape)
    parts = folded.reshape(2, *coarse, *[factor] * rank, 3)
    full = np.zeros((2, *(n * factor for n in coarse), 3), np.float32)
    for cell in np.ndindex(*full.shape[1:-1]):
        full[(slice(None), *cell)] = parts[(slice(None), *(c // factor for c in cell), *(c % factor for c in cell))]
    inside = (slice(None), *(slice(0, n) for n in grid))
    np.testing.assert_array_equal(full[inside], x)
    assert np.abs(full).sum() == pytest.approx(np.abs(x).sum(), rel=1e-5)
    np.testing.assert_array_equal(np.asarray(Unfold(factor)(folded)), full)
    assert Unfold(factor).compute_output_shape(folded.shape) == full.shape


def test_first_two_layers_are_a_strided_convolution():
    """Space to depth with a 3x3 convolution is one of 6x6 cells that moves by two: computed by SciPy's correlation."""
    from scipy.signal import correlate

    network = build_network("fast", 1, 1, 2)
    conv = next(layer for layer in network.layers if layer.weights)
    x = np.random.default_rng(1).standard_normal((1, 12, 8, 1)).astype(np.float32)
    kernel, bias = conv.get_weights()
    wide = kernel.reshape(3, 3, 2, 2, 1, 32).transpose(0, 2, 1, 3, 4, 5).reshape(6, 6, 32)
    padded = np.pad(x[0, ..., 0], 2)
    expected = np.stack([correlate(padded, wide[..., k], "valid")[::2, ::2] for k in range(32)], -1) + bias
    np.testing.assert_allclose(conv(Fold(2)(x))[0], expected, atol=1e-5)


def test_sizes_that_are_not_known_when_it_is_traced():
    network = build_network("fast", 2, 2, 2)
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([w + 0.1 for w in layer.get_weights()])
    x = np.random.default_rng(2).standard_normal((1, 7, 10, 2)).astype(np.float32)
    free = tf.function(network, input_signature=[tf.TensorSpec((None, None, None, 2))], autograph=False)
    np.testing.assert_allclose(free(x), network(x), rtol=1e-5, atol=1e-5)
