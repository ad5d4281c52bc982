"""The networks: size, layout, and a start that corrects nothing."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import InputError
from phi_sol.correctors import NETWORKS, build_network


def test_parameter_counts():
    assert build_network("resnet", 3, 2, 2).count_params() == 260_354  # the paper's
    assert build_network("small", 3, 2, 2).count_params() == 93_954


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_any_grid_and_zero_at_the_start(name, rank):
    network = build_network(name, 3, 2, rank)
    x = np.random.default_rng(0).random((2, *(7, 6, 5)[:rank], 3), np.float32)
    y = np.asarray(network(x))
    assert y.shape == (2, *(7, 6, 5)[:rank], 2)
    assert (y == 0).all()


@pytest.mark.parametrize("name, field", [("resnet", 49), ("small", 25)])
def test_receptive_field(name, field):
    network = build_network(name, 1, 1, 1)
    last = network.layers[-1]
    last.set_weights([np.ones_like(w) for w in last.get_weights()])
    base, changed = np.zeros((1, 101, 1), np.float32), np.zeros((1, 101, 1), np.float32)
    changed[0, 50] = 100.0
    reached = np.flatnonzero(np.abs(np.asarray(network(changed)) - np.asarray(network(base)))[0, :, 0] > 0)
    assert reached.max() - reached.min() + 1 == field


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("compiled", [dict(), dict(jit_compile=True)], ids=["graph", "xla"])
def test_compiled_network_computes_the_same(name, compiled):
    """TensorFlow's fused convolutions are known to lose the slope of a leaky ReLU."""
    network = build_network(name, 3, 2, 2)
    rng = np.random.default_rng(0)
    network.set_weights([w + 0.1 * rng.standard_normal(w.shape) for w in network.get_weights()])
    x = tf.constant(rng.standard_normal((2, 16, 8, 3)), tf.float32)
    eager = np.asarray(network(x))
    graph = tf.function(network, autograph=False, **compiled)(x)
    np.testing.assert_allclose(graph, eager, atol=1e-5 * np.abs(eager).max())


def test_seeds():
    def weights(seed):
        return build_network("small", 3, 2, 2, seed).get_weights()[0]

    np.testing.assert_array_equal(weights(1), weights(1))
    assert np.abs(weights(1) - weights(2)).max() > 0.01


def test_unknown_network():
    with pytest.raises(InputError, match=r"Unknown network 'resnte'. Did you mean 'resnet'\? Known: resnet, small"):
        build_network("resnte", 3, 2, 2)
