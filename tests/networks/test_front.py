"""Networks as functions of their weights: the same numbers, with the first convolution in one part or two."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol.networks import NETWORKS, build_network, continued
from phi_sol.networks.front import Front


def built(name, periodic=(True, False), inputs=7):
    network = build_network(name, inputs, 2, 2, periodic=periodic, apart=True)
    rng = np.random.default_rng(1)
    network.set_weights([0.2 * rng.normal(size=w.shape).astype(np.float32) for w in network.get_weights()])
    return network, tf.constant(rng.normal(size=(2, 32, 32, inputs)), tf.float32)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_two_parts_give_the_same(name):
    network, x = built(name)
    front = Front(network, 3)
    assert front.splits
    values = [tf.convert_to_tensor(v) for v in network.trainable_variables]
    expected = network(x)
    for given in (None, values):
        np.testing.assert_allclose(front(x, given), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    doubled = [2 * v for v in values]
    other = network.stateless_call(doubled, network.non_trainable_variables, x)[0]
    np.testing.assert_allclose(front(x, doubled), other, rtol=1e-3, atol=1e-4 * np.abs(other).max())


def test_layers_that_others_share():
    """A network and its continuation have one set of layers; each is split where it applies them itself."""
    network, x = built("faster", (False, False))
    other = continued(network, (True, True))
    for each in (network, other):
        front = Front(each, 3)
        assert front.splits
        expected = each(x)
        np.testing.assert_allclose(front(x), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert np.any(network(x) != other(x))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_network_can_be_saved_and_continued_as_before(name, tmp_path):
    network, x = built(name)
    expected = network(x)
    Front(network, 3)(x)
    network.save(tmp_path / "a.keras")
    again = keras.models.load_model(tmp_path / "a.keras", compile=False)
    np.testing.assert_allclose(again(x), expected, rtol=1e-4, atol=1e-5)
    other = continued(network, (True, True))
    Front(other, 3)(x)
    for each in (network, other, keras.models.clone_model(network)):
        each.save(tmp_path / "b.keras")
    np.testing.assert_array_equal(network(x), expected)


def test_gradients_reach_all_weights():
    network, x = built("faster")
    gradients = []
    for call in (network, Front(network, 2)):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(call(x) ** 2)
        gradients.append(tape.gradient(loss, network.trainable_variables))
    for whole, split in zip(*gradients, strict=True):
        np.testing.assert_allclose(split, whole, rtol=1e-3, atol=1e-5 * np.abs(whole).max())


def test_it_is_done_only_where_something_stays():
    network, x = built("fast")
    assert not Front(network).splits and not Front(network, 7).splits
    np.testing.assert_array_equal(Front(network)(x), network(x))


def test_others_are_applied_as_they_are():
    """What is no plain convolution at the start, or one that is used twice."""
    x = keras.Input((None, None, 7))
    pooled = keras.Model(x, keras.layers.UpSampling2D()(keras.layers.Conv2D(2, 2, strides=2)(x)))
    active = keras.Model(x, keras.layers.Conv2D(2, 3, padding="same", activation="relu")(x))
    for network in (pooled, active):
        front = Front(network, 1)
        value = tf.random.normal((1, 16, 16, 7))
        assert not front.splits
        np.testing.assert_array_equal(front(value), network(value))


def test_sixteen_bits():
    network = build_network("fast", 7, 2, 2, policy="mixed_bfloat16", apart=True)
    rng = np.random.default_rng(1)
    network.set_weights([0.2 * rng.normal(size=w.shape).astype(np.float32) for w in network.get_weights()])
    x = tf.constant(rng.normal(size=(2, 32, 32, 7)), tf.float32)
    front = Front(network, 3)
    expected = np.asarray(network(x))
    assert front.splits
    np.testing.assert_allclose(front(x), expected, atol=0.03 * np.abs(expected).max())
