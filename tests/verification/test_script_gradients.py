"""Gradients through PhiFlow states, as scripts take them, against finite differences in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.math import batch

from phi_sol import BuoyantPlume, ForcedAdvection, InputError, IterativeFlow, SmokeBox, WakeFlow
from phi_sol.flows.base import SEED
from phi_sol.stepping.arrays import array_names, native_arrays, pack

FLOWS = {
    "wake": (WakeFlow(y=16, x=8), dict(reynolds=150.0)),
    "plume": (BuoyantPlume(y=16, x=8, inflow=0.1), dict(seed=1, buoyancy=0.1)),
    "smoke box": (SmokeBox(y=12, x=12), dict(seed=2, buoyancy=0.1)),
    "forced": (ForcedAdvection(y=8, x=8), dict(seed=3, viscosity=0.1, amplitude=0.3)),
}
WAYS = {
    "steps": lambda flow, state, dt: flow.step(flow.step(state, dt), dt),
    "rollout": lambda flow, state, dt: flow.rollout(state, 4, keep_every=2)[0],
}


def native(flow, state):
    """The arrays of a state, as a TensorFlow user gets them."""
    return {n: tf.convert_to_tensor(a) for n, a in native_arrays(flow, state, state.batch_shape).items()}


def loss_of(flow, values, dt, way):
    """A sum of all arrays after two steps with fixed random weights."""
    rng = np.random.default_rng(1)
    with math.precision(64):
        arrays = native(flow, WAYS[way](flow, flow.initial_state(**values), dt))
        assert set(arrays) == set(array_names(flow))
        return tf.add_n([tf.reduce_sum(a * rng.standard_normal(a.shape)) for a in arrays.values()])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in ("smoke box", "forced") else n for n in FLOWS]
)
def test_every_parameter_and_the_time_step(name, way):
    flow, values = FLOWS[name]
    free = {n: tf.Variable(v, dtype=tf.float64) for n, v in values.items() if n != SEED}
    free |= {"dt": tf.Variable(flow.dt, dtype=tf.float64)} if way == "steps" else {}

    def loss(given):
        given = values | given
        return loss_of(flow, {n: v for n, v in given.items() if n != "dt"}, given.get("dt"), way)

    with tf.GradientTape() as tape:
        value = loss(free)
    gradients = dict(zip(free, tape.gradient(value, list(free.values())), strict=True))
    for n, variable in free.items():
        here, eps = float(variable), 1e-6 * float(variable)
        difference = [float(loss({k: float(v) for k, v in free.items()} | {n: here + e})) for e in (eps, -eps)]
        expected = (difference[0] - difference[1]) / (2 * eps)
        assert abs(expected) > 1e-6 and float(gradients[n]) == pytest.approx(expected, rel=1e-5, abs=1e-7), n


@pytest.mark.parametrize("name", ["wake", "plume"])
def test_fields(name):
    """A field of which every value is scaled by a variable."""
    flow, values = FLOWS[name]
    with math.NUMPY, math.precision(64):
        start = flow.step(flow.step(flow.initial_state(**values)))
    for field in (f for f in flow.fields if f in ("velocity", "marker")):

        def loss(factor, field=field):
            with math.precision(64):
                grid = start.fields[field]
                scaled = grid.with_values(grid.values * math.wrap(factor))
                return sum(
                    tf.reduce_sum(a**2) for a in native(flow, flow.step(start.with_fields(**{field: scaled}))).values()
                )

        factor = tf.Variable(1.0, dtype=tf.float64)
        with tf.GradientTape() as tape:
            value = loss(factor)
        ends = [float(loss(tf.constant(1 + e, tf.float64))) for e in (1e-6, -1e-6)]
        assert float(tape.gradient(value, factor)) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def total(state):
    values = state.velocity.values[{"~vector": "y"}]
    return tf.reduce_sum(values.native([values.shape]) ** 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda v: v,
        lambda v: tf.constant([1.2, 1.0]) * v,
        lambda v: [v, 300.0],
        lambda v: math.wrap(v * 1.0),
        lambda v: math.wrap(tf.convert_to_tensor(v) * [1.0, 2.0], batch("run")),
    ],
    ids=["variable", "batch", "list", "PhiML tensor", "PhiML batch"],
)
@pytest.mark.parametrize("variable", [tf.Variable, keras.Variable])
def test_every_form_of_a_parameter_keeps_its_gradient(make, variable):
    flow, reynolds = FLOWS["wake"][0], variable(100.0)
    native = reynolds.value if variable is keras.Variable else reynolds
    with tf.GradientTape() as tape:
        _, parameters, _ = pack(flow, flow.initial_state(reynolds=make(reynolds)))
        value = tf.reduce_sum(parameters["reynolds"] ** 2)
    expected = 2 * value / 100 - (0 if float(value) != 1e4 + 9e4 else 2 * 9e4 / 100)  # 300 is no variable
    assert float(tape.gradient(value, native)) == pytest.approx(float(expected))


@pytest.mark.slow
def test_solvers_made_of_solvers():
    flow, buoyancy = FLOWS["smoke box"][0], tf.Variable(0.1)
    solver, found = IterativeFlow(flow, tolerance=1e-6), {}
    for name, used in {"direct": flow, "iterative": solver}.items():
        with tf.GradientTape() as tape:
            value = total(used.rollout(used.step(flow.initial_state(seed=2, buoyancy=buoyancy)), 2).last)
        found[name] = float(tape.gradient(value, buoyancy))
    assert found["iterative"] == pytest.approx(found["direct"], rel=1e-3) and abs(found["direct"]) > 1e-3


def test_a_rollout_that_is_recorded_is_the_compiled_one():
    flow = FLOWS["wake"][0]
    with math.NUMPY:
        start = flow.initial_state(reynolds=math.wrap([100.0], batch("run")))
    plain = flow.rollout(start, 6, 2)
    with tf.GradientTape():
        recorded = flow.rollout(start, 6, 2)
    assert isinstance(plain.arrays["marker"], np.ndarray) and tf.is_tensor(recorded.arrays["marker"])
    assert len(recorded) == 3 and recorded[1:].last.batch_shape == start.batch_shape
    for n, a in plain.arrays.items():
        np.testing.assert_allclose(recorded.arrays[n], a, atol=1e-6)


@pytest.mark.slow
def test_steps_inside_a_function_of_one_s_own():
    flow = FLOWS["wake"][0]
    _ = flow.compiled

    @tf.function(autograph=False)
    def loss(reynolds, dt):
        state = flow.step(flow.initial_state(reynolds=reynolds), dt)
        return total(flow.rollout(state, 2).last)

    reynolds, dt = tf.constant(150.0, tf.float64), tf.constant(1.0, tf.float64)
    with math.precision(64):
        with tf.GradientTape() as tape:
            tape.watch(reynolds)
            inside = loss(reynolds, dt)
        with tf.GradientTape() as outer:
            outer.watch(reynolds)
            outside = loss.python_function(reynolds, dt)
    assert float(inside) == pytest.approx(float(outside), rel=1e-5)
    assert float(tape.gradient(inside, reynolds)) == pytest.approx(float(outer.gradient(outside, reynolds)), rel=1e-3)


@pytest.mark.parametrize("dt", [tf.constant([1.0, 2.0]), tf.Variable(-1.0), "soon", math.wrap([1.0], batch("b"))])
def test_impossible_time_steps_are_refused_as_tensors_too(dt):
    flow = FLOWS["wake"][0]
    state = flow.initial_state(reynolds=tf.constant(100.0))
    with pytest.raises(InputError, match="time step must be"):
        flow.step(state, dt)


def test_impossible_parameters_are_refused_as_tensors_too():
    flow = FLOWS["wake"][0]
    for wrong in (tf.Variable(-1.0), [tf.Variable(1.0), -2.0]):
        with pytest.raises(InputError, match="reynolds must be positive"):
            flow.initial_state(reynolds=wrong)
    for wrong in (tf.zeros([2, 2]), [tf.Variable(1.0), "x"], tf.constant("x")):
        with pytest.raises(InputError, match="reynolds.* must be a number or a list"):
            flow.initial_state(reynolds=wrong)
