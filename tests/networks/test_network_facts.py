"""Facts about networks, against what gradients and hand counts say."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol import InputError
from phi_sol.cli import main
from phi_sol.networks import NETWORKS, Network, NetworkFacts, build_network, describe

FIELDS = {"resnet": 49, "small": 25, "convnet": 13, "unet": 100, "deep-unet": 204, "dilated": 181, "fno": None}
FIELDS |= {"fast": 26, "faster": 52, "fastest": 36}


@pytest.mark.parametrize("name, periodic", [*((n, False) for n in NETWORKS), ("convnet", True), ("unet", True)])
def test_receptive_field_is_the_footprint_of_the_gradient(name, periodic):
    """
    The cells of a line with a gradient, for each of sixteen neighbouring outputs (a U-Net's depend on their place in a
    block).
    """
    network = build_network(name, 1, 1, 1, periodic=periodic)
    last = [layer for layer in network.layers if layer.weights][-1]
    last.set_weights([np.ones_like(w) for w in last.get_weights()])
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
    # half the resolution: a fourth of the cells, of 2x2 cells with 3 channels each
    assert flops("fast", 2, (16, 8)) == 2 * 9 * (12 * 32 + 4 * 32 * 32 + 32 * 8) / 4
    assert flops("fast", 2, (5, 3)) == pytest.approx(2 * 9 * (12 * 32 + 4 * 32 * 32 + 32 * 8) * 6 / 15)
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


class Own(keras.layers.Layer):
    def call(self, x):
        return 2 * x


START = keras.Input((None, None, 1))
CONV = keras.layers.Conv2D(1, 3, padding="same")
WHERE_PARTS_ARE_NOT_KNOWN = {
    "a layer of one's own": lambda x: Own()(x),
    "strides": lambda x: keras.layers.Conv2DTranspose(1, 2, strides=2)(keras.layers.Conv2D(1, 2, strides=2)(x)),
    "an even number of taps": lambda x: keras.layers.Conv2D(1, 4, padding="same")(x),
    "overlapping means": lambda x: keras.layers.AveragePooling2D(3, strides=1, padding="same")(x),
    "a layer used twice": lambda x: CONV(CONV(x)),
    "a model inside": lambda x: keras.Sequential([keras.layers.Conv2D(1, 3, padding="same")])(x),
}


@pytest.mark.parametrize("case", WHERE_PARTS_ARE_NOT_KNOWN)
def test_what_is_not_known_is_none(case):
    """Parameters are known of everything, and nothing that is only for show raises."""
    network = keras.Model(START, WHERE_PARTS_ARE_NOT_KNOWN[case](START))
    facts = describe(network, (16, 8))
    assert facts == NetworkFacts(network.count_params(), None, None, (16, 8)) and facts.sight == "?"
    assert str(facts) == f"{facts.parameters} parameters"


def test_what_is_said_of_the_receptive_field():
    assert describe(build_network("small", 3, 2, 2)).sight == "25 cells"
    facts = describe(build_network("fno", 3, 2, 2))
    assert facts.sight == "whole domain" and str(facts) == "264514 parameters, receptive field the whole domain"


def test_resolution_of_another_dimension():
    with pytest.raises(InputError, match="for 2D grids, not for 8x8x8"):
        describe(build_network("small", 3, 2, 2), (8, 8, 8))


def test_command_with_a_network_of_unknown_layers(capsys, monkeypatch):
    def normed(layers, x, outputs):
        return layers.last(keras.layers.LayerNormalization()(x), outputs, 3)

    monkeypatch.setitem(NETWORKS, "normed", Network(normed, "of a layer that is not known"))
    assert main(["networks", "--no-timing"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "normed" in line]
    assert [cell.strip() for cell in line.split("│")[3:6]] == ["62", "?", "?"]


def test_command_with_a_wrong_dimension(capsys):
    assert main(["networks", "--rank", "4"]) == 2
    assert capsys.readouterr().err.startswith("phi-sol: Invalid value for '--rank': ")
