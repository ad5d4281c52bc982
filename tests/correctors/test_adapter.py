"""Grids <-> channels."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol.correctors import Adapter

ADAPTER = Adapter((4, 3), ("u.y", "u.x", "d"), ("u.y", "u.x"), ("re",))


def arrays(dtype=np.float32):
    rng = np.random.default_rng(0)
    return {
        "u.y": rng.random((2, 4, 3)).astype(dtype),
        "u.x": rng.random((2, 4, 2)).astype(dtype),
        "d": rng.random((2, 4, 3)).astype(dtype),
    }


def test_channels_hold_the_stored_values():
    values = arrays()
    channels = ADAPTER.to_channels({n: tf.constant(a) for n, a in values.items()}, {"re": tf.constant([5.0, 7.0])})
    assert channels.shape == (2, 4, 3, ADAPTER.input_channels) == (2, 4, 3, 4)
    np.testing.assert_array_equal(channels[..., 0], values["u.y"])
    np.testing.assert_array_equal(channels[..., :2, 1], values["u.x"])
    assert (channels[..., 2, 1].numpy() == 0).all()  # the wall
    np.testing.assert_array_equal(channels[..., 2], values["d"])
    np.testing.assert_array_equal(channels[0, ..., 3], 5.0)
    np.testing.assert_array_equal(channels[1, ..., 3], 7.0)


def test_back_from_channels_is_the_inverse_on_stored_faces():
    values = {n: tf.constant(a) for n, a in arrays().items()}
    channels = ADAPTER.to_channels(values, {"re": tf.constant([5.0, 7.0])})
    back = ADAPTER.from_channels(channels, values)
    assert set(back) == {"u.y", "u.x"}
    for name, array in back.items():
        np.testing.assert_array_equal(array, values[name])


def test_open_sides_leave_the_last_face_uncorrected():
    adapter = Adapter((4, 3), ("u.y",), ("u.y",), ())
    values = {"u.y": tf.random.stateless_uniform((2, 5, 3), (0, 1))}
    channels = adapter.to_channels(values, {})
    assert channels.shape == (2, 4, 3, 1)
    back = adapter.from_channels(channels, values)["u.y"]
    assert back.shape == (2, 5, 3) and (back[:, -1].numpy() == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(dtype):
    values = {n: tf.constant(a) for n, a in arrays(dtype).items()}
    assert ADAPTER.to_channels(values, {"re": tf.constant([5.0, 7.0], dtype)}).dtype == dtype
