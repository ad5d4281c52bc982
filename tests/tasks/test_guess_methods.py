"""The losses of the four methods against their definitions, written out with SciPy's conjugate gradients."""

import numpy as np
import pytest
import tensorflow as tf
from phi.math import NUMPY
from scipy.sparse.linalg import cg

from phi_sol import InputError, PoissonGuess, SmokeBox
from phi_sol.tasks.guess.methods import GuessProblem, PoissonMethod

N = 8


@pytest.fixture(scope="module")
def problem():
    flow = SmokeBox(y=N, x=N)
    guess = PoissonGuess.create(flow, "unet", 2.0)
    return GuessProblem(flow, guess)


def expected(name: str, steps: int, K, b: np.ndarray, p: np.ndarray, solution: np.ndarray) -> float:
    after, _ = cg(K, b, p, rtol=0, atol=0, maxiter=steps)
    error = {"non": p - solution, "phy": b - K @ p, "sol": p - after, "sol-phy": b - K @ after}[name]
    return np.mean(error**2)


@pytest.mark.parametrize(("name", "steps"), [("non", 1), ("phy", 1), ("sol", 3), ("sol-phy", 3)])
def test_losses(problem, name, steps, monkeypatch):
    rng = np.random.default_rng(0)
    divergence, p = (rng.standard_normal((2, N, N)) for _ in range(2))
    divergence -= divergence.mean((1, 2), keepdims=True)
    solution = problem.flow.projection.solver.solve_native(NUMPY, -divergence)
    window = {
        "divergence": np.stack([0 * divergence, divergence], 1),
        "pressure": np.stack([0 * solution, solution], 1),
    }
    window = {n: tf.constant(a, tf.float32) for n, a in window.items()}
    monkeypatch.setattr(problem.guess, "native", lambda b: tf.constant(p, tf.float32))
    losses = PoissonMethod(name, steps).losses(problem, window)
    assert losses.shape == (2, 1)
    K = problem.flow.projection.solver.matrix()
    for i in range(2):
        b, guess, right = -divergence[i].ravel(), p[i].ravel(), solution[i].ravel()
        ratio = expected(name, steps, K, b, guess, right) / expected(name, steps, K, b, 0 * guess, right)
        assert float(losses[i, 0]) == pytest.approx(ratio, rel=1e-4)


def test_the_solution_has_no_loss_and_nothing_has_one(problem):
    nothing = {n: tf.zeros((2, 2, N, N)) for n in ("divergence", "pressure")}
    for name in ("non", "phy", "sol", "sol-phy"):
        assert np.all(PoissonMethod(name, 3 if "sol" in name else 1).losses(problem, nothing).numpy() == 0)


def test_words():
    assert (
        str(PoissonMethod("sol", 5)) == "SOL-5"
        and str(PoissonMethod("sol-phy").at(5)) == "SOL-PHY-5"
        and str(PoissonMethod("non").at(5)) == "NON"
    )
    with pytest.raises(InputError, match="Unknown method 'sol_phy' for a Poisson problem. Did you mean 'sol-phy'"):
        PoissonMethod("sol_phy")
    with pytest.raises(InputError, match="must be an integer of at least 1, not 0"):
        PoissonMethod("sol", 0)
