"""Native arrays, tracing, and rollouts."""

import numpy as np
import pytest
import tensorflow as tf
from phi import field, math
from phi.math import batch, expand, wrap

from phi_sol import InputError, WakeFlow
from phi_sol.stepping.arrays import array_names, pack, unpack, unpack_fields


@pytest.fixture(scope="module")
def flow():
    return WakeFlow(y=16, x=8)


def test_pack_and_unpack_are_inverse(flow):
    with math.NUMPY:
        state = flow.step(flow.initial_state(reynolds=[100.0, 400.0, 900.0]))
        arrays, parameters, shape = pack(flow, state)
        assert list(arrays) == array_names(flow) == ["velocity.y", "velocity.x", "marker"]
        assert [tuple(a.shape) for a in arrays.values()] == [(3, 16, 8), (3, 16, 7), (3, 16, 8)]
        again = unpack(flow, arrays, parameters, shape)
        assert again.batch_shape == state.batch_shape
        for d in "yx":
            expected = state.velocity.values[{"~vector": d}].numpy("batch,y,x")
            np.testing.assert_array_equal(again.velocity.values[{"~vector": d}].numpy("batch,y,x"), expected)
        np.testing.assert_array_equal(again.reynolds.numpy("batch"), [100, 400, 900])


def test_several_batch_dimensions_and_none(flow):
    with math.NUMPY:
        many = flow.initial_state(reynolds=expand(wrap([100.0, 400.0], batch("re")), batch(copies=2)))
        arrays, _, shape = pack(flow, many)
        assert arrays["marker"].shape[0] == 4 and set(shape.names) == {"re", "copies"}
        single = flow.initial_state(reynolds=100.0)
        arrays, parameters, shape = pack(flow, single)
        assert arrays["marker"].shape == (1, 16, 8) and not shape
        assert not unpack(flow, arrays, parameters, shape).batch_shape


def test_one_trace_for_ten_reynolds_numbers():
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY:
        for reynolds in np.geomspace(50, 5000, 10):
            arrays, parameters, _ = pack(flow, flow.initial_state(reynolds=float(reynolds)))
            for dt in (1.0, 0.5):
                result = flow.compiled(arrays, parameters, tf.constant(dt))
    assert np.isfinite(result["marker"]).all()
    assert flow.compiled.traces == 1


def test_float64_fields_are_stepped_in_float64():
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(reynolds=200.0)
        expected = flow.physics(state, wrap(1.0)).velocity.values[{"~vector": "y"}].numpy("y,x")
        arrays, parameters, _ = pack(flow, state)
    assert arrays["marker"].dtype == tf.float64
    result = flow.compiled(arrays, parameters, tf.constant(1.0, tf.float64))
    np.testing.assert_allclose(result["velocity.y"][0], expected, atol=1e-13)


def test_rollout_is_repeated_stepping(flow):
    with math.NUMPY:
        arrays, parameters, _ = pack(flow, flow.initial_state(reynolds=[100.0]))
    kept = list(flow.frames(arrays, parameters, steps=7, keep_every=3))
    assert len(kept) == 2
    for _ in range(6):
        arrays = flow.compiled(arrays, parameters, tf.constant(1.0))
    np.testing.assert_array_equal(kept[1]["velocity.x"], arrays["velocity.x"])


def test_rollouts_of_any_length_share_one_trace_and_split_into_loops(monkeypatch):
    from phi_sol.stepping import solver as stepping

    monkeypatch.setattr(stepping, "LOOP_FRAMES", 4)
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY:
        arrays, parameters, _ = pack(flow, flow.initial_state(reynolds=[100.0, 300.0]))
    frames = {steps: list(flow.frames(arrays, parameters, steps, 1)) for steps in (3, 4, 11)}
    assert [len(f) for f in frames.values()] == [3, 4, 11]
    assert flow.compiled.traces == 1
    for kept in frames.values():
        np.testing.assert_array_equal(kept[2]["velocity.y"], frames[11][2]["velocity.y"])
    dt = tf.constant(1.0)
    last = flow.loop.steps(arrays, parameters, dt, 11)
    for name, array in last.items():
        np.testing.assert_allclose(array, frames[11][10][name], atol=1e-6)
    again = flow.loop.steps(arrays, parameters, dt, 0)
    np.testing.assert_array_equal(again["marker"], arrays["marker"])


@pytest.mark.slow
def test_second_derivative_of_a_step():
    """Hessian times direction of a cubic function of the next state, against a difference of gradients."""
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY, math.precision(64):
        arrays, parameters, _ = pack(flow, flow.initial_state(reynolds=[100.0]))
    dt = tf.constant(1.0, tf.float64)
    arrays = flow.compiled(arrays, parameters, dt)
    direction = tf.constant(np.random.default_rng(0).standard_normal(arrays["velocity.y"].shape))

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            value = tf.reduce_sum(flow.compiled(arrays | {"velocity.y": x}, parameters, dt)["velocity.y"] ** 3)
        return tape.gradient(value, x)

    x = arrays["velocity.y"]
    with tf.GradientTape() as tape:
        tape.watch(x)
        slope = tf.reduce_sum(gradient(x) * direction)
    hessian = tape.gradient(slope, x)
    eps = 1e-5
    expected = (gradient(x + eps * direction) - gradient(x - eps * direction)) / (2 * eps)
    np.testing.assert_allclose(tf.reduce_sum(hessian * direction), tf.reduce_sum(expected * direction), rtol=1e-6)


def test_wrong_states_are_named(flow):
    with math.NUMPY:
        other = WakeFlow(y=32, x=16).initial_state(reynolds=100.0)
        with pytest.raises(InputError, match="'velocity' does not belong to .* of resolution y=32, x=16"):
            pack(flow, other)
        with pytest.raises(InputError, match="not Field"):
            pack(flow, other.velocity)
        state = flow.initial_state(reynolds=100.0)
        with pytest.raises(InputError, match="needs 'reynolds'"):
            pack(flow, type(state)(state.fields))


@pytest.fixture(scope="module")
def native(flow):
    with math.NUMPY:
        arrays, parameters, _ = pack(flow, flow.initial_state(reynolds=[200.0, 500.0]))
    return flow.compiled(arrays, parameters, tf.constant(1.0)), parameters


def test_some_arrays_only(flow, native):
    arrays, parameters = native
    part, all_of_them = (
        flow.compiled(arrays, parameters, tf.constant(1.0), only=names) for names in (["marker"], None)
    )
    assert list(part) == ["marker"]
    np.testing.assert_allclose(part["marker"], all_of_them["marker"], atol=1e-6)


def test_correction_inside_the_step_equals_the_physics(flow, native):
    arrays, parameters = native
    rng = np.random.default_rng(0)
    correction = {
        n: tf.constant(0.1 * rng.standard_normal(arrays[n].shape), tf.float32) for n in ("velocity.y", "velocity.x")
    }
    result = flow.compiled(arrays, parameters, tf.constant(1.0), correction)
    with math.NUMPY:
        shape = batch(case=2)
        state = unpack(
            flow, {n: a.numpy() for n, a in arrays.items()}, {n: p.numpy() for n, p in parameters.items()}, shape
        )
        fields = unpack_fields(flow, {n: c.numpy() for n, c in correction.items()}, ["velocity"], shape)
        expected = flow.physics(state, wrap(1.0), fields)
    for d in "yx":
        np.testing.assert_allclose(
            result[f"velocity.{d}"], expected.velocity.values[{"~vector": d}].numpy("case,y,x"), atol=2e-5
        )


def test_projection_of_native_arrays(flow, native):
    arrays, parameters = native
    noisy = arrays | {n: arrays[n] + 0.1 for n in ("velocity.x",)}
    result = flow.compiled.project(noisy)
    np.testing.assert_array_equal(result["marker"], arrays["marker"])
    state = unpack(
        flow, {n: a.numpy() for n, a in result.items()}, {n: p.numpy() for n, p in parameters.items()}, batch(case=2)
    )
    div = field.divergence(state.velocity).values.numpy("case,y,x")
    before = unpack(
        flow, {n: a.numpy() for n, a in noisy.items()}, {n: p.numpy() for n, p in parameters.items()}, batch(case=2)
    )
    assert np.abs(div).max() < 1e-5 < np.abs(field.divergence(before.velocity).values.numpy("case,y,x")).max()
