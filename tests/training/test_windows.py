"""Training windows."""

import copy
import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import InputError
from phi_sol.tasks.correction.precompute import one_step_corrections
from phi_sol.training.windows import Windows


def batches(data, length=4, batch=5, seed=1, start=0, stop=4, names=None, **kwargs):
    stream = Windows(data, length, seed, names or list(data.arrays), **kwargs)
    return [
        ({n: a.numpy() for n, a in w.items()}, {n: a.numpy() for n, a in p.items()})
        for w, p, _ in stream.batches(batch, start, stop)
    ]


def place(data, window, i):
    """(simulation, first frame) at which a window was cut."""
    for simulation in range(len(data)):
        for first in range(data.frames + 2 - window["marker"].shape[1]):
            if all(
                np.array_equal(w[i], data.arrays[n][simulation, first : first + w.shape[1]]) for n, w in window.items()
            ):
                return simulation, first
    raise AssertionError("not a window of the data")


def test_an_epoch_visits_every_window_once(tiny_train):
    found = batches(tiny_train)  # 2 simulations x 10 windows of 4 frames = 4 batches of 5
    places = [place(tiny_train, w, i) for w, _ in found for i in range(5)]
    assert sorted(places) == [(s, f) for s in range(2) for f in range(10)]
    assert places != sorted(places)
    reynolds = [p["reynolds"][i] for _, p in found for i in range(5)]
    assert reynolds == [tiny_train.parameters["reynolds"][s] for s, _ in places]


def test_order_depends_on_seed_and_epoch_alone(tiny_train):
    def places(**kwargs):
        return [place(tiny_train, w, i) for w, _ in batches(tiny_train, **kwargs) for i in range(5)]

    whole = places(stop=8)
    assert whole[25:35] == places(start=5, stop=7)  # goes on anywhere
    assert whole[:20] != whole[20:] and sorted(whole[:20]) == sorted(whole[20:])  # the next epoch, in another order
    assert whole[:20] != places(seed=2)


def test_too_short_simulations(tiny_train):
    with pytest.raises(
        InputError, match="13 unrolled steps needs simulations of at least 13 frames, but these have 12"
    ):
        Windows(tiny_train, 14, 0, ["marker"])
    assert batches(tiny_train, length=13, batch=2, stop=1)[0][0]["marker"].shape == (2, 13, 24, 12)


def test_devices_share_a_batch(tiny_train):
    """Two machines with two devices each: their shares in order are the batch of one device."""
    stream = Windows(tiny_train, 4, 1, ["marker"], simulations=[1])
    whole = [(w["marker"].numpy(), n.numpy()) for w, _, n in stream.batches(8, 2, 4)]
    assert [n.tolist() for _, n in whole] == [list(range(16, 24)), list(range(24, 32))]
    parts = []
    for worker in range(2):
        part = tf.distribute.InputContext(num_input_pipelines=2, input_pipeline_id=worker, num_replicas_in_sync=4)
        parts.append([(w["marker"].numpy(), n.numpy()) for w, _, n in stream.batches(8, 2, 4, part)])
    for k, (windows, numbers) in enumerate(whole):
        shares = [parts[worker][2 * k + device] for worker in range(2) for device in range(2)]
        np.testing.assert_array_equal(np.concatenate([w for w, _ in shares]), windows)
        np.testing.assert_array_equal(np.concatenate([n for _, n in shares]), numbers)


def test_simulations_held_out_and_further_arrays(tiny_train):
    extra = {"number": np.arange(2 * 13, dtype=np.float32).reshape(2, 13)}
    stream = Windows(tiny_train, 3, 1, ["marker"], extra, simulations=[1])
    for window, parameters, numbers in stream.batches(4, 0, 5):
        assert set(parameters["reynolds"].numpy()) == {600}
        for i, number in enumerate(numbers):
            simulation, first = (int(v) for v in stream.locate(number))
            assert simulation == 1
            np.testing.assert_array_equal(window["marker"][i], tiny_train.arrays["marker"][1, first : first + 3])
            np.testing.assert_array_equal(window["number"][i], extra["number"][1, first : first + 3])


def test_windows_are_read_one_by_one(tmp_path, tiny_train):
    """200 MB of frames (a sparse file of zeros), of which no more than some windows are ever in memory."""
    data = copy.copy(tiny_train)
    data.frames = 24999
    data.arrays = {"u": np.lib.format.open_memmap(tmp_path / "u.npy", "w+", np.float32, (2, 25000, 1000))}
    stream = Windows(data, 9, 0, ["u"])
    tracemalloc.start()
    shapes = {w["u"].shape.as_list()[1:][0] for w, _, _ in stream.batches(6, 0, 30)}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shapes == {9} and peak < 10e6


def test_one_step_corrections(tiny, tiny_train):
    corrections = one_step_corrections(tiny_train, ["velocity.y"])["velocity.y"]
    flow = tiny.pair.source
    arrays = {n: tf.constant(a[:, 3]) for n, a in tiny_train.arrays.items()}
    after = flow.compiled(arrays, {n: tf.constant(p) for n, p in tiny_train.parameters.items()}, tf.constant(1.0))
    expected = tiny_train.arrays["velocity.y"][:, 4] - after["velocity.y"].numpy()
    np.testing.assert_allclose(corrections[[3, 12 + 3]], expected, atol=1e-6)
