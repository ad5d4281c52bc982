"""Gradients through chains and controls, by finite differences in float64 with random cotangents, over 20 steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.math import spatial

from phi_sol import (
    BuoyantPlume,
    Chain,
    Controlled,
    FunctionControl,
    Link,
    NeuralControl,
    PeriodicBox,
    Probes,
    TimeTable,
    WakeFlow,
)
from phi_sol.stepping.arrays import array_names

pytestmark = pytest.mark.slow

STEPS, LEAST = 20, 0.999999


def projected(solver, state, steps=STEPS):
    """A random weight for every value of the last frame, and for one in the middle."""
    with math.precision(64):
        frames = solver.rollout(state, steps, keep_every=steps // 2)
    rng, total = np.random.default_rng(7), 0.0
    for name in array_names(solver.output):
        total = total + tf.reduce_sum(frames.arrays[name] * rng.standard_normal(frames.arrays[name].shape))
    return total


def check(value, x, h=1e-5):
    """The gradient of a function of a float64 vector, in direction and size."""
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        result = value(variable)
    exact = tf.convert_to_tensor(tape.gradient(result, variable)).numpy()
    found = []
    for i in range(len(x)):
        step = h * np.eye(len(x))[i] * max(abs(x[i]), 0.1)
        ends = [float(value(tf.constant(x + s))) for s in (step, -step)]
        found.append((ends[0] - ends[1]) / (2 * step[i]))
    found = np.array(found)
    cosine = exact @ found / np.linalg.norm(exact) / np.linalg.norm(found)
    print(f"cosine 1 - {1 - cosine:.1e}, size {np.linalg.norm(exact) / np.linalg.norm(found):.8f}")
    assert cosine > LEAST and np.linalg.norm(exact) == pytest.approx(np.linalg.norm(found), rel=1e-4)
    assert (exact != 0).all()


def boxes(back, **options):
    """Two boxes, the second with half the time step, coupled in both ways by rates, values and parameters."""
    links = [
        Link("a", "b", lambda a, b, w: {"velocity": w * a.velocity.values, "viscosity": 0.1 + a.viscosity},
             rates=True, weights=[back]),
        Link("b", "a", lambda b, a: {"velocity": a.velocity.values + 0.01 * b.velocity.values}, lagged=True),
    ]  # fmt: skip
    solvers = {n: PeriodicBox(y=8, x=8, dt=dt) for n, dt in (("a", 0.1), ("b", 0.05))}
    return Chain(solvers | options, links)


def test_fields_parameters_and_weights_through_a_chain():
    weight = tf.Variable(0.3, dtype=tf.float64)
    chain = boxes(weight)
    a, b = chain.solvers.values()
    with math.precision(64), math.NUMPY:
        fixed = a.initial_state(seed=1, viscosity=0.1).velocity

    def value(x):
        with math.precision(64):
            first = a.initial_state(seed=1, viscosity=x[0])
            first = first.with_fields(velocity=fixed.with_values(fixed.values * math.wrap(x[1])))
            state = chain.state(a=first, b=b.initial_state(seed=2, viscosity=np.float64(0.2)))
        return projected(chain, state)

    check(value, np.array([0.1, 1.0]))
    start = value(tf.constant([0.1, 1.0], tf.float64))
    with tf.GradientTape() as tape:
        result = value(tf.constant([0.1, 1.0], tf.float64))
    slope = float(tape.gradient(result, weight))
    ends = []
    for w in (0.3 + 1e-6, 0.3 - 1e-6):
        weight.assign(w)
        ends.append(float(value(tf.constant([0.1, 1.0], tf.float64))))
    assert slope == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5) and float(start) == pytest.approx(float(result))


def test_tables_and_functions_through_a_chain_of_controlled_solvers():
    """The control is in the solver with the shorter steps, so that its variables are read inside of a loop."""
    box = PeriodicBox(y=8, x=8, dt=0.05)
    table, factor = (tf.Variable(v) for v in (np.log([0.1, 0.4, 0.2, 0.3]), np.array([0.5])))
    controls = [{"viscosity": TimeTable(table, [0.0, 0.4, 1.0, 1.7], logarithms=True)}]
    chain = boxes(tf.Variable(0.3, dtype=tf.float64), b=Controlled(box, controls))

    def control(time, state, f):
        swirl = math.mean(state.b_velocity.values[{"~vector": "x"}] ** 2, "y,x")
        return f * (0.3 + 0.1 * math.sin(time) + 0.01 * swirl).native("batch")

    outer = Controlled(chain, {"a_viscosity": FunctionControl(control, [factor])})
    chain.links = chain.links[1:]
    assert len(outer.weights) == 2 and outer.weights[0] is factor

    def value(x):
        table.assign(x[:4])
        factor.assign(x[4:])
        with math.precision(64):
            state = chain.state(**{n: box.initial_state(seed=s, viscosity=np.float64(0.1)) for s, n in enumerate("ab")})
        return projected(outer, state)

    x = np.concatenate([table.numpy(), factor.numpy()])
    with tf.GradientTape() as tape:
        result = value(tf.constant(x))
    parts = tape.gradient(result, [table, factor])
    exact = np.concatenate([tf.convert_to_tensor(p).numpy() for p in parts])
    found = []
    for i in range(5):
        ends = [float(value(tf.constant(x + s * 1e-5 * np.eye(5)[i]))) for s in (1, -1)]
        found.append((ends[0] - ends[1]) / 2e-5)
    cosine = exact @ found / np.linalg.norm(exact) / np.linalg.norm(found)
    print(f"cosine 1 - {1 - cosine:.1e}")
    assert cosine > LEAST and (exact != 0).all()
    np.testing.assert_allclose(exact, found, rtol=1e-4)


@pytest.mark.parametrize("sees", ["velocity", Probes("velocity", [dict(y=1.0, x=2.0), dict(y=4.0, x=5.0)])])
def test_weights_of_a_network_through_many_steps(sees):
    """A float64 network; along random directions of its weights."""
    box, inputs = PeriodicBox(y=8, x=8, dt=0.05), (4,) if isinstance(sees, Probes) else (8, 8, 2)
    keras.utils.set_random_seed(3)
    before = keras.config.dtype_policy()  # which another test may have set
    keras.config.set_dtype_policy("float64")
    try:
        layers = [keras.layers.Flatten(), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input(inputs, dtype="float64"), *layers])
    finally:
        keras.config.set_dtype_policy(before)
    solver = Controlled(box, NeuralControl(model, {"viscosity": (0.05, 0.5)}, sees))
    with math.precision(64):
        state = box.initial_state(seed=[1, 2], viscosity=np.float64([0.1, 0.1]))
    begin = [w.numpy() for w in solver.weights]
    rng = np.random.default_rng(0)
    ways = [[rng.standard_normal(w.shape) for w in begin] for _ in range(4)]
    with tf.GradientTape() as tape:
        result = projected(solver, state)
    gradient = tape.gradient(result, solver.weights)
    exact = [sum(float(tf.reduce_sum(g * w)) for g, w in zip(gradient, way, strict=True)) for way in ways]
    found = []
    for way in ways:
        ends = []
        for s in (1e-5, -1e-5):
            for variable, b, w in zip(solver.weights, begin, way, strict=True):
                variable.assign(b + s * w)
            ends.append(float(projected(solver, state)))
        found.append((ends[0] - ends[1]) / 2e-5)
    np.testing.assert_allclose(exact, found, rtol=1e-4)


@pytest.mark.slow
def test_a_wake_that_carries_smoke_into_a_plume():
    """With lookups, whose gradients have kinks: a developed flow, parameters of both."""
    wake, plume = WakeFlow(y=16, x=8, dt=2.0), BuoyantPlume(y=16, x=8, dt=1.0, top="open")
    bottom = math.concat([math.ones(spatial(y=1)), math.zeros(spatial(y=15))], "y")

    def carried(wake, plume):
        leaving = wake.marker.values.y[-1] * wake.velocity.values[{"~vector": "y"}].y[-1]
        return {"marker": bottom * leaving / 12.5}

    chain = Chain({"wake": wake, "plume": plume}, Link("wake", "plume", carried, rates=True))
    with math.precision(64), math.NUMPY:
        state = chain.state(
            wake=wake.initial_state(reynolds=np.float64(300.0)),
            plume=plume.initial_state(seed=0, buoyancy=np.float64(0.01)),
        )
        developed = chain.rollout(state, 80, 80).last

    def value(x):
        with math.precision(64):
            both = wake.initial_state(reynolds=300.0 * x[0]), plume.initial_state(seed=0, buoyancy=0.01 * x[1])
            parts = zip(("wake", "plume"), both, strict=True)
            states = {n: s.with_fields(**chain.part(n, developed).fields) for n, s in parts}
            return projected(chain, chain.state(**states))

    check(value, np.array([1.0, 1.0]), h=1e-7)
