"""Facts about networks, against what gradients and hand counts say."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol import InputError
from phi_sol.correctors import NETWORKS, build_network, describe

FIELDS = {"resnet": 49, "small": 25, "convnet": 13, "unet": 100, "deep-unet": 204, "dilated": 181, "fno": None}


@pytest.mark.parametrize("name, periodic", [*((n, False) for n in NETWORKS), ("convnet", True), ("unet", True)])
def test_receptive_field_is_the_footprint_of_the_gradient(name, periodic):
    """
    The cells of a line with a gradient, for each of sixteen neighbouring outputs (a U-Net's depend on their
    place in a block).
    """
    network = build_network(name, 1, 1, 1, periodic=periodic)
    network.layers[-1].set_weights([np.ones_like(w) for w in network.layers[-1].get_weights()])
    x = tf.random.stateless_normal((16, 256, 1), (0, 0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = network(x)
        outputs = tf.add_n([y[i, 120 + i, 0] for i in range(16)])
    reached = [np.flatnonzero(row) for row in np.asarray(tape.gradient(outputs, x))[..., 0]]
    widest = max(r.max() - r.min() + 1 for r in reached)
    assert describe(network).receptive_field == FIELDS[name]
    assert widest == (FIELDS[name] or 256)


def test_flops_counted_by_hand():
    def flops(name, rank, resolution=None, **kwargs):
        return describe(build_network(name, rank + 1, rank, rank, **kwargs), resolution).flops_per_cell

    assert flops("resnet", 2) == 2 * 25 * (3 * 32 + 10 * 32 * 32 + 32 * 2)
    assert flops("small", 3) == 2 * 27 * (4 * 32 + 10 * 32 * 32 + 32 * 3)
    assert flops("convnet", 1) == 2 * 5 * (2 * 32 + 32 * 64 + 64)
    # U-Net: levels of 1/4 of the cells of the one before; on 8x4 cells the coarsest is a single cell
    levels = [
        (3 + 16) * 16 + (48 + 16) * 16 + 16 * 2,
        (16 + 32) * 32 + (96 + 32) * 32,
        (32 + 64) * 64 + (128 + 64) * 64,
        2 * 64 * 64,
    ]
    assert flops("unet", 2, (16, 8)) == pytest.approx(2 * 9 * sum(n / 4**i for i, n in enumerate(levels)))
    # 5x3 cells: levels of 15, 3x2, 2x1 and 1 cells
    assert flops("unet", 2, (5, 3)) == pytest.approx(
        2 * 9 * sum(n * c / 15 for n, c in zip(levels, (15, 6, 2, 1), strict=True))
    )


def test_flops_of_periodic_networks():
    """A periodic convolution sees the padded grid, but is evaluated on the same cells; an FNO saves the extension."""
    same = [describe(build_network("small", 3, 2, 2, periodic=p), (16, 8)).flops_per_cell for p in (False, True)]
    assert same[0] == same[1]
    # periodic 16x8: 8 modes of 16 cells (real to complex), then 8 modes (-4..3) of 8 cells (complex to
    # complex), there and back, for 16 channels
    sums = 2 * 16 * (2 * 2 * 16 * 8 * 8 + 2 * 4 * 8 * 8 * 8) + 8 * 8 * 8 * 16 * 16
    pointwise = 2 * (3 * 16 + 4 * 16 * 16 + 16 * 64 + 64 * 2)
    assert describe(build_network("fno", 3, 2, 2, periodic=True), (16, 8)).flops_per_cell == pytest.approx(
        4 * sums / 128 + pointwise
    )


def test_facts_of_a_loaded_network(tmp_path):
    network = build_network("unet", 3, 2, 2, periodic=(True, False))
    network.save(tmp_path / "unet.keras")
    assert describe(keras.models.load_model(tmp_path / "unet.keras")) == describe(network)


def test_what_has_no_facts():
    start = keras.Input((None, None, 1))
    with pytest.raises(InputError, match="layer of type MaxPooling2D are not known"):
        describe(keras.Model(start, keras.layers.MaxPooling2D()(start)))
    with pytest.raises(InputError, match="for 2D grids, not for 8x8x8"):
        describe(build_network("small", 3, 2, 2), (8, 8, 8))
