"""Losses and gradients of training, in float64, against finite differences and a loop written out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.math import batch
from phi.physics import advect, diffuse

from phi_sol import Corrector, HybridSolver, Method, WakeFlow
from phi_sol.correctors.statistics import Statistics
from phi_sol.stepping.arrays import pack, unpack
from phi_sol.training.optimization import total

N, DT = 4, tf.constant(1.0, tf.float64)
NUMBERS = tf.constant([3, 8], tf.int64)


@pytest.fixture(scope="module")
def problem():
    """Hybrid solver in float64 with random weights, a window of N + 1 frames, and parameters."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float64")
    try:
        flow = WakeFlow(y=16, x=8)
        names = ["velocity.y", "velocity.x", "marker"]
        statistics = Statistics(
            mean=dict(zip(names, (0.9, 0.0, 0.5), strict=True)),
            std=dict(zip(names, (0.5, 0.3, 1.0), strict=True)),
            correction={"velocity.y": 0.05, "velocity.x": 0.05},
            log_mean={"reynolds": 6.0},
            log_std={"reynolds": 1.0},
        )
        corrector = Corrector.create(flow, "small", statistics, seed=1)
    finally:
        keras.config.set_dtype_policy(before)
    rng = np.random.default_rng(0)
    last = corrector.network.layers[-1]
    last.set_weights([0.1 * rng.standard_normal(w.shape) for w in last.get_weights()])
    window = {
        "velocity.y": tf.constant(1 + 0.3 * rng.standard_normal((2, N + 1, 16, 8))),
        "velocity.x": tf.constant(0.3 * rng.standard_normal((2, N + 1, 16, 7))),
        "marker": tf.constant(rng.random((2, N + 1, 16, 8))),
    }
    return HybridSolver(flow, corrector), window, {"reynolds": tf.constant([150.0, 800.0], tf.float64)}


def loss_of(problem, unroll=N, method="sol", **options):
    hybrid, window, parameters = problem
    return lambda w=window: total(Method(method, unroll, **options).losses(hybrid, w, parameters, DT, numbers=NUMBERS))


def assert_directional(value, gradient, variable_shape, evaluate, rng, eps=1e-6):
    """Central difference along a random direction equals gradient · direction."""
    direction = rng.standard_normal(variable_shape)
    direction /= np.linalg.norm(direction)
    difference = (evaluate(eps * direction) - evaluate(-eps * direction)) / (2 * eps)
    assert difference == pytest.approx(float(np.sum(gradient * direction)), rel=1e-5, abs=1e-9)


def test_gradient_with_respect_to_the_weights(problem):
    hybrid = problem[0]
    variables = hybrid.corrector.network.trainable_variables
    loss = tf.function(loss_of(problem), autograph=False)
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, variables)
    rng = np.random.default_rng(1)
    for index in (0, 1, 4, len(variables) - 2, len(variables) - 1):
        variable, start = variables[index], variables[index].numpy()

        def evaluate(change, variable=variable, start=start):
            variable.assign(start + change)
            result = float(loss())
            variable.assign(start)
            return result

        assert np.abs(gradients[index]).max() > 0
        assert_directional(value, gradients[index].numpy(), start.shape, evaluate, rng)


@pytest.mark.parametrize("name", ["velocity.y", "velocity.x"])
def test_gradient_with_respect_to_the_initial_velocity(problem, name):
    window = problem[1]
    loss = tf.function(loss_of(problem), autograph=False)
    with tf.GradientTape() as tape:
        tape.watch(window[name])
        value = loss(window)
    gradient = tape.gradient(value, window[name]).numpy()[:, 0]
    rng = np.random.default_rng(2)
    # only frame 0 is the initial state; frames 1 to N are targets
    start = window[name].numpy()

    def evaluate(change):
        moved = start.copy()
        moved[:, 0] += change
        return float(loss(window | {name: tf.constant(moved)}))

    for _ in range(3):
        assert_directional(value, gradient, gradient.shape, evaluate, rng, eps=1e-7)


def correction(problem, arrays):
    """The correction of a state, written out: normalisation, channels, network, scale."""
    hybrid, _, parameters = problem
    padded_x = tf.concat([arrays["velocity.x"], tf.zeros((2, 16, 1), tf.float64)], 2) / 0.3
    re = (tf.math.log(parameters["reynolds"]) - 6.0)[:, None, None] * tf.ones((2, 16, 8), tf.float64)
    output = hybrid.corrector.network(tf.stack([(arrays["velocity.y"] - 0.9) / 0.5, padded_x, re], -1))
    return {"velocity.y": 0.05 * output[..., 0], "velocity.x": 0.05 * output[..., :7, 1]}


def after_the_step(problem, arrays):
    after = problem[0].flow.compiled(arrays, problem[2], DT)
    return after | {n: after[n] + c for n, c in correction(problem, after).items()}


def projected(problem, arrays):
    """`after_the_step`, then the projection as PhiFlow fields."""
    flow, arrays = problem[0].flow, after_the_step(problem, arrays)
    with math.precision(64):
        state = unpack(flow, arrays, problem[2], batch(sample=2))
        velocity, _ = flow.projection(state.velocity)
        return pack(flow, state.with_fields(velocity=velocity))[0]


def inside_the_step(problem, arrays):
    """The wake's step written out, with the correction before its projection."""
    flow, parameters = problem[0].flow, problem[2]
    with math.precision(64):
        state = unpack(flow, arrays, parameters, batch(sample=2))
        increment = unpack(
            flow, correction(problem, arrays) | {"marker": arrays["marker"]}, parameters, batch(sample=2)
        ).velocity
        velocity = flow.projection.block(diffuse.explicit(state.velocity, 10 / state.reynolds, 1.0))
        marker = advect.semi_lagrangian(state.marker + flow.inflow, velocity, 1.0)
        velocity = advect.semi_lagrangian(velocity, velocity, 1.0)
        velocity, _ = flow.projection(velocity.with_values(velocity.values + increment.values))
        return pack(flow, state.with_fields(velocity=velocity, marker=marker))[0]


def in_place_of_the_step(problem, arrays):
    after = problem[0].flow.compiled(arrays, problem[2], DT)
    return {n: arrays[n] + c for n, c in correction(problem, arrays).items()} | {"marker": after["marker"]}


def by_runge_kutta(problem, arrays):
    """The classical method written out, with the network as the rate within one time step."""
    after, state = problem[0].flow.compiled(arrays, problem[2], DT), dict(arrays)

    def moved(k, part):
        return arrays | {n: arrays[n] + part * c for n, c in k.items()}

    k1 = correction(problem, state)
    k2 = correction(problem, moved(k1, 0.5))
    k3 = correction(problem, moved(k2, 0.5))
    k4 = correction(problem, moved(k3, 1.0))
    return moved({n: (k1[n] + 2 * k2[n] + 2 * k3[n] + k4[n]) / 6 for n in k1}, 1.0) | {"marker": after["marker"]}


def by_heun(problem, arrays):
    after, k1 = problem[0].flow.compiled(arrays, problem[2], DT), correction(problem, arrays)
    k2 = correction(problem, arrays | {n: arrays[n] + k for n, k in k1.items()})
    return {n: arrays[n] + (k1[n] + k2[n]) / 2 for n in k1} | {"marker": after["marker"]}


def noisy(arrays):
    """
    The first state with noise of a tenth of the standard deviations, as seed 5 and the numbers of the windows give it.
    """
    result = dict(arrays)
    for k, (name, std) in enumerate((("velocity.y", 0.5), ("velocity.x", 0.3))):
        shape = arrays[name].shape[1:]
        draws = [tf.random.stateless_normal(shape, [int(n), 5000 + k], dtype=tf.float64) for n in NUMBERS]
        result[name] = arrays[name] + 0.1 * std * tf.stack(draws)
    return result


def fixed(arrays):
    return {n: tf.stop_gradient(a) for n, a in arrays.items()}


CASES = [
    *[("sol", n, {}, after_the_step, ()) for n in (1, 2, 4)],
    ("nog", 4, {}, after_the_step, (1, 2, 3)),
    ("sol", 4, dict(truncate=2), after_the_step, (2,)),
    ("sol", 2, dict(push_forward=2), after_the_step, (1, 2)),
    ("sol", 2, dict(noise=0.1, seed=5), after_the_step, ()),
    ("sol", 2, dict(project=True), projected, ()),
    ("sol", 2, dict(placement="inside"), inside_the_step, ()),
    ("pure", 3, {}, in_place_of_the_step, ()),
    ("node", 2, {}, by_runge_kutta, ()),
    ("node", 2, dict(integrator="heun"), by_heun, ()),
    ("non", 8, {}, after_the_step, ()),
]
LONG = [
    ("sol", 3, {}, after_the_step, ()),
    *[("nog", n, {}, after_the_step, (1, 2, 3)) for n in (1, 2, 3)],
    *[("sol", n, dict(placement="inside"), inside_the_step, ()) for n in (1, 3, 4)],
    *[("pure", n, {}, in_place_of_the_step, ()) for n in (1, 2, 4)],
]
PLACES = {inside_the_step: "inside", in_place_of_the_step: "instead", by_runge_kutta: "rate", by_heun: "rate"}
CASES += [pytest.param(*case, marks=pytest.mark.slow) for case in LONG]


@pytest.mark.parametrize(("method", "n", "options", "step", "cuts"), CASES)
def test_losses_and_gradients_equal_a_hand_written_loop(problem, method, n, options, step, cuts):
    """`cuts`: the steps after which the gradient is stopped."""
    hybrid, window, parameters = problem
    placement = PLACES.get(step, "after")
    hybrid = placed(hybrid, placement, options.get("project", False), integrator=options.get("integrator", "rk4"))
    variables = hybrid.corrector.network.trainable_variables
    n, skipped = (1 if method == "non" else n), options.get("push_forward", 0)
    with tf.GradientTape() as tape:
        arrays = {name: w[:, 0] for name, w in window.items()}
        arrays = noisy(arrays) if "noise" in options else arrays
        expected = []
        for i in range(1, skipped + n + 1):
            arrays = step(problem, arrays)
            if i > skipped:
                errors = {
                    c: (arrays[c] - window[c][:, i]) / std for c, std in (("velocity.y", 0.5), ("velocity.x", 0.3))
                }
                expected.append(sum(tf.reduce_mean(e**2, [1, 2]) for e in errors.values()))
            arrays = fixed(arrays) if i in cuts else arrays
        mean = sum(tf.reduce_mean(e) for e in expected)
    expected_gradients = tape.gradient(mean, variables)
    with tf.GradientTape() as tape:
        losses = Method(method, n, **options).losses(hybrid, window, parameters, DT, numbers=NUMBERS)
        value = total(losses)
    np.testing.assert_allclose(losses, tf.stack(expected, 1), rtol=1e-10)
    for a, b in zip(tape.gradient(value, variables), expected_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-12)


def placed(hybrid, placement, project=False, **facts):
    """The same corrector at another place."""
    corrector = hybrid.corrector
    description = corrector.description | {"placement": placement, "project": project} | facts
    return HybridSolver(hybrid.flow, Corrector(corrector.network, corrector.adapter, corrector.statistics, description))


def test_sol_1_equals_non_and_longer_unrolls_do_not(problem):
    """... and NOG has the loss of SOL with another gradient."""
    variables = problem[0].corrector.network.trainable_variables
    results = []
    for method, n in (("non", 1), ("sol", 1), ("sol", 2), ("nog", 2)):
        with tf.GradientTape() as tape:
            value = loss_of(problem, n, method)()
        results.append((float(value), tape.gradient(value, variables)))
    assert results[2][0] == results[3][0]
    assert np.abs(results[2][1][0] - results[3][1][0]).max() > 1e-3 * np.abs(results[2][1][0]).max()
    assert results[0][0] == results[1][0] != results[2][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert Method("non", 8).unroll == 1
