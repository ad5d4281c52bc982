"""What enters a wake by simulation: the same as an inlet of the flow's own, with gradients."""

import numpy as np
import pytest
import tensorflow as tf
import xarray
from phi import math
from phi.field import divergence
from phi.math import precision

from phi_sol import InputError, WakeFlow, load_state, write
from phi_sol.metrics import series
from phi_sol.stepping.arrays import pack, unpack


def profile(x):
    return 0.06 * x * (1 - x / 100)


def largest(a, b) -> float:
    pairs = zip(a.velocity.vector, b.velocity.vector, strict=True)
    return max(float(np.abs(p.values.numpy("y,x") - q.values.numpy("y,x")).max()) for p, q in pairs)


@pytest.mark.parametrize(
    "advection", ["semi_lagrangian", *(pytest.param(n, marks=pytest.mark.slow) for n in ("mac_cormack", "central"))]
)
def test_simulations_with_inlets_of_their_own(advection):
    """Against flows whose inlet is that of all simulations."""
    flow = WakeFlow(y=32, x=16, dt=0.5, advection=advection)
    own = WakeFlow(y=32, x=16, dt=0.5, advection=advection, inlet=lambda p: profile(p.vector["x"]))
    several = [own.entering.numpy("x"), np.ones(16)]
    both = flow.rollout(flow.initial_state(reynolds=[300.0, 200.0], inlet=several), 10).last
    for i, (other, reynolds) in enumerate(((own, 300.0), (flow, 200.0))):
        assert largest(other.rollout(other.initial_state(reynolds=reynolds), 10).last, both.batch[i]) < 3e-6


def test_what_enters_leaves():
    """The projected velocity is divergence-free with the inlet that the state has, not with the flow's own."""
    flow = WakeFlow(y=32, x=16, dt=1.0)
    state = flow.rollout(flow.initial_state(reynolds=300.0, inlet=np.linspace(0.5, 1.5, 16)), 5).last
    velocity = flow.bounded(state).velocity
    assert float(math.max(math.abs(divergence(velocity).values))) < 1e-6
    assert float(math.max(math.abs(divergence(state.velocity).values))) > 1e-3


def test_gradient_with_respect_to_the_inlet():
    rng = np.random.default_rng(0)
    with precision(64):
        flow = WakeFlow(y=16, x=8, dt=2.0)
        inlet = 1 + 0.2 * rng.random(8)
        arrays, parameters, _shape = pack(flow, flow.rollout(flow.initial_state(reynolds=300.0, inlet=inlet), 5).last)
        cotangent = rng.normal(size=arrays["velocity.y"].shape)

        def end(values):
            now, given = arrays, parameters | {"inlet": tf.convert_to_tensor(values)[None]}
            for _ in range(20):
                now = flow(now, given)
            return tf.reduce_sum(now["velocity.y"] * cotangent)

        point = tf.constant(inlet)
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = end(point)
        found = tape.gradient(value, point).numpy()
        step = 1e-5 * np.eye(8)
        expected = [float(end(inlet + s) - end(inlet - s)) / 2e-5 for s in step]
    assert found @ expected / np.linalg.norm(found) / np.linalg.norm(expected) > 0.9999
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_states_carry_it(tmp_path):
    flow = WakeFlow(y=16, x=8)
    state = flow.initial_state(reynolds=300.0, inlet=np.linspace(0.5, 1.5, 8))
    arrays, parameters, shape = pack(flow, state)
    assert parameters["inlet"].shape == (1, 8) and parameters["reynolds"].shape == (1,)
    np.testing.assert_allclose(unpack(flow, arrays, parameters, shape).inlet.numpy("x"), np.linspace(0.5, 1.5, 8))
    assert flow.step(state).inlet.shape == state.inlet.shape
    state.save(tmp_path / "state.npz")
    for found in (load_state(tmp_path / "state.npz", flow), flow.rollout(state, 3).last):
        assert np.array_equal(found.inlet.numpy("x"), state.inlet.numpy("x"))
    frames = flow.rollout(flow.initial_state(reynolds=[300.0, 200.0], inlet=np.ones((2, 8))), 3)
    assert frames.parameters["inlet"].shape == (2, 8)
    assert all(len(v) == 3 for v in series(frames).values())
    write(frames, tmp_path / "frames.nc")
    with xarray.open_dataset(tmp_path / "frames.nc") as data:
        assert data["inlet"].dims == ("batch", "x") and data["inlet"].shape == (2, 8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.ones(7), r"has one value per face, of shape \(8,\) along x, or \(batch, ...\), not of shape \(7,\)"),
        (np.ones((0, 8)), "not of shape"),
        ("fast", "not 'fast'"),
        ([np.nan] * 8, "The inlet must be finite everywhere"),
        (math.vec(y=1.0, x=1.0), "has one value per face"),
    ],
)
def test_refused(given, message):
    with pytest.raises(InputError, match=message):
        WakeFlow(y=16, x=8).initial_state(reynolds=300.0, inlet=given)
