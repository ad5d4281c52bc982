"""Gradients of conjugate gradients in float64 against finite differences, with random cotangents."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import ConjugateGradients, DirectPoisson

SHAPE = (8, 6)


@pytest.fixture(scope="module")
def setting():
    """Solver of a closed box with an obstacle, and random right-hand sides, guesses, directions and cotangents."""
    rng = np.random.default_rng(0)
    solid = np.zeros(SHAPE, bool)
    solid[3:5, 2:4] = True
    closed = ("closed", "closed")
    problem = DirectPoisson(
        dict(zip("yx", SHAPE, strict=True)), {"y": 1.0, "x": 1.0}, {"y": closed, "x": closed}, solid
    )
    K = problem.matrix()

    def possible():
        return (K @ rng.standard_normal((48, 2))).T.reshape(2, *SHAPE)

    arrays = {
        "b": possible(),
        "direction": possible(),
        "guess": rng.standard_normal((2, *SHAPE)),
        "w": rng.standard_normal((2, *SHAPE)),
    }
    return ConjugateGradients(problem), arrays | {"to guess": rng.standard_normal((2, *SHAPE))}


def slope(function, x: np.ndarray, direction: np.ndarray, h: float = 1e-5) -> float:
    """Directional derivative by central differences, second order in h."""
    return (function(x + h * direction) - function(x - h * direction)) / (2 * h)


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_fixed_steps(setting, steps):
    solver, a = setting

    def value(b, guess):
        return float(np.sum(solver.steps(b, guess, steps) * a["w"]))

    b, guess = tf.constant(a["b"]), tf.constant(a["guess"])
    with tf.GradientTape() as tape:
        tape.watch([b, guess])
        total = tf.reduce_sum(solver.steps(b, guess, steps) * a["w"])
    of_b, of_guess = (g.numpy() for g in tape.gradient(total, [b, guess]))
    assert np.sum(of_b * a["direction"]) == pytest.approx(
        slope(lambda x: value(x, a["guess"]), a["b"], a["direction"]), rel=1e-6
    )
    assert np.sum(of_guess * a["to guess"]) == pytest.approx(
        slope(lambda x: value(a["b"], x), a["guess"], a["to guess"]), rel=1e-6
    )


def test_implicit_gradient(setting):
    """
    One more solve: to the tolerance of the solve, relative to the size of the right-hand side; none with respect to the
    guess.
    """
    solver, a = setting
    exact = slope(lambda x: float(np.sum(solver.solve(x, tolerance=1e-11).p * a["w"])), a["b"], a["direction"])
    for tolerance in (1e-10, 1e-4):
        b, guess = tf.constant(a["b"]), tf.constant(a["guess"])
        with tf.GradientTape() as tape:
            tape.watch([b, guess])
            total = tf.reduce_sum(solver.solve(b, guess, tolerance).p * a["w"])
        of_b, of_guess = (g.numpy() for g in tape.gradient(total, [b, guess]))
        assert np.sum(of_b * a["direction"]) == pytest.approx(exact, rel=max(1e-7, 10 * tolerance))
        assert (of_guess == 0).all()
