"""Losses and gradients of training, in float64, against finite differences and a loop written out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, HybridSolver, WakeFlow
from phi_sol.data.statistics import Statistics
from phi_sol.training import make_method
from phi_sol.training.methods import total

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
    return lambda w=window: total(make_method(method, unroll, **options).losses(hybrid, w, parameters, DT, NUMBERS))


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


@pytest.mark.parametrize("n", [1, 2, 3])
def test_loss_and_gradient_equal_a_hand_written_loop(problem, n):
    hybrid, window, parameters = problem
    flow, corrector = hybrid.flow, hybrid.corrector
    variables = corrector.network.trainable_variables
    s = corrector.statistics
    with tf.GradientTape() as tape:
        u_y, u_x, d = window["velocity.y"][:, 0], window["velocity.x"][:, 0], window["marker"][:, 0]
        expected = 0.0
        for i in range(1, n + 1):
            after = flow.compiled({"velocity.y": u_y, "velocity.x": u_x, "marker": d}, parameters, DT)
            u_y, u_x, d = after["velocity.y"], after["velocity.x"], after["marker"]
            padded_x = tf.concat([u_x, tf.zeros((2, 16, 1), tf.float64)], 2)
            re = (tf.math.log(parameters["reynolds"]) - 6.0)[:, None, None] * tf.ones((2, 16, 8), tf.float64)
            padded_x = (padded_x - tf.constant([[[0.0]]], tf.float64)) / s.std["velocity.x"]
            output = corrector.network(tf.stack([(u_y - 0.9) / 0.5, padded_x, re], -1))
            u_y, u_x = u_y + 0.05 * output[..., 0], u_x + 0.05 * output[..., :7, 1]
            expected += tf.reduce_mean(((u_y - window["velocity.y"][:, i]) / 0.5) ** 2)
            expected += tf.reduce_mean(((u_x - window["velocity.x"][:, i]) / 0.3) ** 2)
    expected_gradients = tape.gradient(expected, variables)
    with tf.GradientTape() as tape:
        value = loss_of(problem, n)()
    assert float(value) == pytest.approx(float(expected), rel=1e-10)
    for a, b in zip(tape.gradient(value, variables), expected_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-12)


def test_sol_1_equals_non_and_longer_unrolls_do_not(problem):
    variables = problem[0].corrector.network.trainable_variables
    results = []
    for method, n in (("non", 1), ("sol", 1), ("sol", 2)):
        with tf.GradientTape() as tape:
            value = loss_of(problem, n, method)()
        results.append((float(value), tape.gradient(value, variables)))
    assert results[0][0] == results[1][0] != results[2][0]
    for a, b in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert make_method("non", 8).unroll == 1
