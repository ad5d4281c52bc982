"""One network for flows that are periodic along other axes: same weights, other padding."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from phi_sol.networks import NETWORKS, build_network, continued


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_it_is_the_network_that_would_have_been_built(name):
    """With the same weights the one that is built for these boundaries gives the same."""
    x = tf.constant(np.random.default_rng(0).normal(size=(2, 32, 32, 3)), tf.float32)
    for before, after in itertools.permutations([(False, False), (True, False), (True, True)], 2):
        first = build_network(name, 3, 2, 2, periodic=before, apart=True)
        rng = np.random.default_rng(1)
        first.set_weights([0.2 * rng.normal(size=w.shape).astype(np.float32) for w in first.get_weights()])
        built = build_network(name, 3, 2, 2, periodic=after)
        built.set_weights(first.get_weights())
        other = continued(first, after)
        np.testing.assert_allclose(other(x), built(x), rtol=1e-4, atol=1e-5)
        assert [id(v) for v in other.trainable_variables] == [id(v) for v in first.trainable_variables]
        assert continued(other, after) is other


def test_it_differs_only_near_the_ends():
    x = tf.constant(np.random.default_rng(0).normal(size=(1, 64, 64, 3)), tf.float32)
    first = build_network("small", 3, 2, 2, periodic=False, apart=True)
    rng = np.random.default_rng(1)
    first.set_weights([0.2 * rng.normal(size=w.shape).astype(np.float32) for w in first.get_weights()])
    off = np.abs(continued(first, (True, False))(x) - first(x))[0].max(-1)
    reach = 16
    assert off[reach:-reach].max() == 0 and off[0].min() > 0 and off[-1].min() > 0


def test_a_network_of_ones_own_stays_as_it_is():
    import keras

    x = keras.Input((None, None, 3))
    own = keras.Model(x, keras.layers.Conv2D(2, 3, padding="same")(x))
    network = build_network(own, 3, 2, 2, apart=True)
    assert continued(network, (True, True)) is network
