"""Conjugate gradients against SciPy's, against the direct solver, and at the limits of its input."""

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf
from phi import math
from phi.math import NUMPY, batch, spatial
from scipy.sparse.linalg import LinearOperator, cg, spsolve

from phi_sol import ConjugateGradients, DirectPoisson, InputError, WakeFlow

SIDES = {
    "open": (("closed", "open"), ("closed", "closed")),
    "closed": (("closed", "closed"), ("closed", "closed")),
    "periodic": (("periodic", "periodic"), ("closed", "closed")),
}
SHAPE = (16, 12)


def domain(sides: str, obstacle: bool = True) -> DirectPoisson:
    solid = np.zeros(SHAPE, bool)
    solid[4:8, 3:6] = obstacle
    return DirectPoisson(
        dict(zip("yx", SHAPE, strict=True)), {"y": 1.0, "x": 0.5}, dict(zip("yx", SIDES[sides], strict=True)), solid
    )


def right_hand_sides(problem: DirectPoisson, count: int = 3) -> np.ndarray:
    """Random, with sums of zero over each enclosed region: the operator of random values."""
    p = np.random.default_rng(0).standard_normal((count, *SHAPE))
    return (problem.matrix() @ p.reshape(count, -1).T).T.reshape(p.shape)


def scipy_history(K, b: np.ndarray, iterations: int, guess: np.ndarray, preconditioner=None) -> np.ndarray:
    """max |b - K x| after every iteration of SciPy's conjugate gradients."""
    found = []
    cg(
        K,
        b,
        guess,
        rtol=0,
        atol=0,
        maxiter=iterations,
        M=preconditioner,
        callback=lambda x: found.append(np.abs(b - K @ x).max()),
    )
    return np.array(found)


@pytest.mark.parametrize("sides", SIDES)
def test_equal_to_scipy_step_by_step(sides):
    problem = domain(sides)
    b, K = right_hand_sides(problem), problem.matrix()
    guess = np.random.default_rng(1).standard_normal(b.shape) * problem.fluid
    for start in (None, guess):
        found = ConjugateGradients(problem).solve(b, start, tolerance=1e-8, history=True)
        assert found.converged.all() and not found.stagnated.any()
        for i in range(len(b)):
            count, first = int(found.iterations[i]), np.zeros(b[i].size) if start is None else start[i].ravel()
            expected = scipy_history(K, b[i].ravel(), count + 5, first)
            np.testing.assert_allclose(found.history[i, 1:40], expected[:39], rtol=1e-5)
            assert abs(count - (1 + np.argmax(expected <= 1e-8))) <= 1
            assert np.isfinite(found.history[i, : count + 1]).all() and np.isnan(found.history[i, count + 1 :]).all()
    np.testing.assert_allclose((K @ found.p.reshape(3, -1).T).T.reshape(b.shape), b, atol=2e-8)
    np.testing.assert_allclose(found.residual, found.history[range(3), found.iterations], rtol=1e-3)
    np.testing.assert_allclose(found.p, problem.solve_native(NUMPY, b), atol=1e-6)


def test_assembled_matrix():
    rng = np.random.default_rng(0)
    A = sp.random(40, 40, 0.2, random_state=0)
    A = (A @ A.T + 0.1 * sp.eye(40)).tocsr()
    b = rng.standard_normal((2, 40))
    found = ConjugateGradients(A).solve(b, tolerance=0, relative=1e-9, norm="l2")
    for i in range(2):
        steps = []
        _, info = cg(A, b[i], rtol=1e-9, callback=steps.append)
        assert info == 0 and abs(len(steps) - found.iterations[i]) <= 1
        np.testing.assert_allclose(found.p[i], spsolve(A.tocsc(), b[i]), atol=1e-6)


@pytest.mark.parametrize("preconditioner", ["direct", "multigrid"])
@pytest.mark.parametrize("sides", SIDES)
def test_preconditioners(sides, preconditioner):
    if preconditioner == "multigrid":
        pytest.importorskip("pyamg")
    problem = domain(sides)
    b, K = right_hand_sides(problem), problem.matrix()
    solver = ConjugateGradients(problem, preconditioner)
    found, plain = solver.solve(b, tolerance=1e-9, history=True), ConjugateGradients(problem).solve(b, tolerance=1e-9)
    np.testing.assert_allclose(found.p, plain.p, atol=1e-8)
    assert found.converged.all() and (found.iterations < plain.iterations / 4).all()
    M = LinearOperator(K.shape, lambda r: solver._precondition(NUMPY, r.reshape(1, *SHAPE)).ravel())
    expected = scipy_history(K, b[0].ravel(), 6, np.zeros(b[0].size), M)
    np.testing.assert_allclose(found.history[0, 1:7], expected[:6], rtol=1e-4)


def test_direct_preconditioner_is_exact_without_obstacles():
    problem = domain("closed", obstacle=False)
    assert (
        ConjugateGradients(problem, "direct").solve(right_hand_sides(problem), tolerance=1e-9).iterations == 1
    ).all()


def test_samples_rest_one_by_one():
    problem = domain("closed")
    b = right_hand_sides(problem) * np.array([1.0, 1e-3, 1e-6])[:, None, None]
    together = ConjugateGradients(problem).solve(b, tolerance=1e-5)
    for i in range(3):
        alone = ConjugateGradients(problem).solve(b[i : i + 1], tolerance=1e-5)
        assert alone.iterations[0] == together.iterations[i]
        np.testing.assert_allclose(alone.p[0], together.p[i], atol=1e-9)
    assert together.iterations[0] > together.iterations[1] > together.iterations[2]
    exact = ConjugateGradients(problem).solve(b, together.p, tolerance=2e-5)
    assert (exact.iterations == 0).all()


def test_fixed_steps_are_the_iterates_of_scipy():
    problem = domain("open")
    b, K = right_hand_sides(problem), problem.matrix()
    guess = np.random.default_rng(1).standard_normal(b.shape) * problem.fluid
    p = ConjugateGradients(problem).steps(b, guess, 5)
    for i in range(3):
        expected, _ = cg(K, b[i].ravel(), guess[i].ravel(), rtol=0, atol=0, maxiter=5)
        np.testing.assert_allclose(p[i].ravel(), expected, rtol=1e-10, atol=1e-10)


def test_norms_and_relative_tolerance():
    problem = domain("open")
    b = right_hand_sides(problem)
    found = ConjugateGradients(problem).solve(b, tolerance=0, relative=1e-4, norm="l2")
    left = np.linalg.norm((b.reshape(3, -1).T - problem.matrix() @ found.p.reshape(3, -1).T), axis=0)
    assert (left <= 1.0001e-4 * np.linalg.norm(b.reshape(3, -1), axis=1)).all()


def test_tensors_and_a_flow():
    flow = WakeFlow(y=24, x=12)
    rng = np.random.default_rng(0)
    with math.precision(64):
        b = math.wrap(rng.standard_normal((2, 24, 12)), batch("case"), spatial("y,x"))
        solver = ConjugateGradients(flow.projection.solver)
        found, expected = solver.solve(b, tolerance=1e-9, history=True), flow.projection.solver.solve(b)
    assert (
        found.p.shape == b.shape
        and found.iterations.shape.names == ("case",)
        and found.history.shape.get_size("iterations") == 1001
    )
    np.testing.assert_allclose(found.p.numpy("case,y,x"), expected.numpy("case,y,x"), atol=1e-7)


def test_a_tolerance_below_rounding_ends_in_stagnation(caplog):
    found = ConjugateGradients(domain("closed")).solve(
        right_hand_sides(domain("closed")).astype(np.float32), tolerance=1e-9
    )
    assert np.all(found.stagnated) and not np.any(found.converged)
    assert np.max(found.iterations) < 150 and 1e-6 < np.max(found.residual) < 1e-4
    assert (
        "stagnated for 3 samples: rounding in this precision allows a residual of" in caplog.text
        and "not of 1e-09" in caplog.text
    )


def test_tensorflow_equals_numpy():
    """Converged in the samples that can, stagnated in those that can't."""
    problem = domain("closed")
    b = (right_hand_sides(problem) * np.array([1.0, 1e-3, 1e-3])[:, None, None]).astype(np.float32)
    solver = ConjugateGradients(problem)
    here, there = solver.solve(b, tolerance=1e-7), solver.solve(tf.constant(b), tolerance=1e-7)
    for found in (here, there):
        assert np.array_equal(found.stagnated, [True, False, False]) and np.array_equal(
            found.converged, [False, True, True]
        )
    assert np.abs(here.iterations - there.iterations.numpy())[1:].max() <= 1
    np.testing.assert_allclose(there.p.numpy()[1:], here.p[1:], atol=1e-6)


def test_too_few_iterations_are_no_stagnation():
    problem = domain("closed")
    found = ConjugateGradients(problem).solve(right_hand_sides(problem), max_iterations=7)
    assert (found.iterations == 7).all() and not found.converged.any() and not found.stagnated.any()


PROBLEM = domain("closed")
B = right_hand_sides(PROBLEM)


@pytest.mark.parametrize(
    "call, message",
    [
        (
            lambda s: s.solve(B + 1),
            "sample 0 has no solution: over the closed region of 180 cells it must sum to zero, but it sums to 180",
        ),
        (lambda s: s.solve(B, B * np.nan), "The guess of sample 0 is not finite"),
        (
            lambda s: s.solve(np.where(np.arange(3)[:, None, None] == 2, np.inf, B)),
            "The right-hand side of sample 2 is not finite",
        ),
        (lambda s: s.steps(B, B, 0), "must be an integer of at least 1, not 0"),
        (lambda s: s.steps(B, B, 2.5), "must be an integer of at least 1, not 2.5"),
        (lambda s: s.solve(B[:, :3]), "has shape (3, 3, 12), but the system needs (batch, 16, 12)"),
        (lambda s: s.solve(B, B[:, :, :3]), "The guess has shape (3, 16, 3)"),
        (lambda s: s.solve(B, tolerance=-1e-3), "The tolerance must be finite and at least 0, not -0.001"),
        (lambda s: s.solve(B, tolerance=np.nan), "The tolerance must be finite"),
        (lambda s: s.solve(B, max_iterations=0), "The number of iterations must be an integer of at least 1, not 0"),
        (lambda s: s.solve(B, norm="l1"), "Unknown norm 'l1'. Known: max, l2"),
        (lambda s: s.solve(math.zeros(spatial(y=4, x=4))), "the domain y=16, x=12"),
        (
            lambda s: ConjugateGradients(PROBLEM, "multigird"),
            "Unknown preconditioner 'multigird'. Did you mean 'multigrid'?",
        ),
        (
            lambda s: ConjugateGradients(np.array([[2.0, 1.0], [0.0, 2.0]])),
            "need a symmetric matrix: its entries at (0, 1) and (1, 0) are 1 and 0",
        ),
        (lambda s: ConjugateGradients(np.ones((2, 3))), "need a square matrix, not one of shape (2, 3)"),
        (lambda s: ConjugateGradients(np.diag([1.0, np.nan])), "entries that are not finite"),
        (lambda s: ConjugateGradients(np.eye(3), "direct"), "'direct' is for the Laplacian of a domain"),
        (lambda s: ConjugateGradients(np.eye(3)).solve(tf.ones((1, 3))), "is for NumPy arrays"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(InputError) as err:
        call(ConjugateGradients(PROBLEM))
    assert message in str(err.value)


def test_multigrid_without_pyamg(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyamg", None)
    with pytest.raises(InputError, match=r"pip install 'phi_sol\[multigrid\]'"):
        ConjugateGradients(PROBLEM, "multigrid")
