"""Precomputed corrections of recorded simulations."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol.tasks.correction.precompute import targets

NAMES = ("velocity.y", "velocity.x")


@pytest.fixture
def data(tiny_train):
    return tiny_train


def mae(result, data):
    errors = [result[f"state:{n}"][:, :-1] + result[f"correction:{n}"][:, :-1] - data.arrays[n][:, 1:] for n in NAMES]
    return np.mean([np.abs(e).mean() for e in errors])


def test_applied_step_by_step_they_reproduce_the_reference(data):
    """
    The states follow from each other by source steps and corrections, and stay as near to the reference as at the
    start.
    """
    result = targets(data, ["velocity"])
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    arrays = {n: tf.constant(a[:, 0]) for n, a in data.arrays.items()}
    source, errors = dict(arrays), []
    for i in range(data.frames):
        arrays = data.pair.source.compiled(arrays, parameters, tf.constant(1.0))
        source = data.pair.source.compiled(source, parameters, tf.constant(1.0))
        for n in NAMES:
            np.testing.assert_allclose(arrays[n], result[f"state:{n}"][:, i], atol=2e-6)
            arrays[n] = arrays[n] + result[f"correction:{n}"][:, i]
        errors.append(
            [np.mean([np.abs(a[n] - data.arrays[n][:, i + 1]).mean() for n in NAMES]) for a in (arrays, source)]
        )
    errors = np.array(errors)
    assert errors[-1, 1] > 3 * errors[0, 1]  # the source drifts away
    assert errors[-1, 0] < 1.2 * errors[0, 0]


def test_temporal_regularisation_makes_them_smoother(data):
    rough, smooth = targets(data, ["velocity"]), targets(data, ["velocity"], temporal=10.0)
    change = [np.diff(r["correction:velocity.y"][:, :-1], axis=1).std() for r in (rough, smooth)]
    assert change[1] < 0.8 * change[0]
    assert mae(smooth, data) < 1.5 * mae(rough, data)


def test_computed_once_and_again_if_damaged(data):
    calls = []

    def show(done, total):
        calls.append(done)

    first = targets(data, ["velocity"], show=show)
    calls.clear()
    again = targets(data, ["velocity"], show=show)
    assert not calls and all(isinstance(a, np.memmap) and not a.flags.writeable for a in again.values())
    [file] = [
        f
        for f in data.folders[0].parent.glob(".packed/*/correction_velocity.y.npy")
        if np.array_equal(np.load(f), first["correction:velocity.y"])
    ]
    expected = {n: a.copy() for n, a in first.items()}
    del first, again
    file.write_bytes(file.read_bytes()[:1000])
    mended = targets(data, ["velocity"], show=show)
    assert calls[-1] == data.frames
    for n, values in expected.items():
        np.testing.assert_allclose(mended[n], values, atol=1e-6)
    assert not list(file.parent.parent.glob("*.part-*"))
