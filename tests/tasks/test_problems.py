"""Problems from recorded simulations, and counted iterations."""

from types import SimpleNamespace

import numpy as np
import pytest

from phi_sol import InputError, SmokeBox
from phi_sol.tasks.guess.problems import MOST, first_below, iterations_needed, problems_of, residual_history
from phi_sol.tasks.guess.report import error_spectrum


class Recorded(SimpleNamespace):
    """Arrays as a data set has them: 3 simulations of 8 frames after frame 0."""

    def __len__(self):
        return 3


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    arrays = {n: rng.standard_normal((3, 9, 8, 8)).astype(np.float32) for n in ("divergence", "pressure")}
    arrays["divergence"][:, 0] = 0
    return Recorded(arrays=arrays, frames=8)


def test_problems_are_spread_evenly(data):
    problems = problems_of(data, 6)
    assert problems.places == [(s, f) for s in range(3) for f in (4, 8)]
    for i, (s, f) in enumerate(problems.places):
        recorded = data.arrays["divergence"][s, f].astype(np.float64)
        np.testing.assert_allclose(problems.divergence[i], recorded - recorded.mean(), atol=1e-12)
        np.testing.assert_array_equal(problems.previous[i], data.arrays["pressure"][s, f - 1])
    assert len(problems_of(data, 100).places) == 24 and len(problems_of(data, 2).places) == 2
    assert problems_of(data, 4, [1], 4).places == [(1, 1), (1, 2), (1, 3), (1, 4)]


def test_nothing_to_solve(data):
    still = Recorded(arrays=data.arrays | {"divergence": 0 * data.arrays["divergence"]}, frames=8)
    with pytest.raises(InputError, match="a frame without any divergence"):
        problems_of(still, 6)


def test_iterations(data):
    operator, b = SmokeBox(y=8, x=8).projection.solver.operator, -problems_of(data, 6).divergence
    history = residual_history(operator, b, None, 1e-6)
    np.testing.assert_allclose(history[:, 0], np.abs(b).max((1, 2)))
    needed = iterations_needed(operator, b, None, [1e-1, 1e-6])
    for i in range(6):
        for j, tolerance in enumerate((1e-1, 1e-6)):
            k = int(needed[i, j])
            assert history[i, k] <= tolerance and (history[i, :k] > tolerance).all()


def test_first_below():
    history = np.array([[1.0, 0.1, 0.2, 0.01], [0.5, 0.4, np.nan, np.nan]])
    np.testing.assert_array_equal(first_below(history, [2.0, 0.15, 0.05]), [[0, 1, 3], [0, MOST, MOST]])


def test_spectrum_of_single_waves():
    y, x = (np.arange(16) + 0.5)[:, None], (np.arange(16) + 0.5)[None, :]
    smooth, checkerboard = (np.cos(np.pi * k * y / 16) * np.cos(np.pi * k * x / 16) for k in (3, 12))
    solution = (smooth + 0.1 * checkerboard)[None]
    spectrum = error_spectrum(solution + 0.02 * checkerboard, solution)
    assert spectrum["facts"]["checkerboard"] == pytest.approx(0.2)
    assert spectrum["facts"]["relative"] == pytest.approx(0.02 / np.sqrt(1.01))
    assert spectrum["amplitude"].argmax() == 17  # sqrt(12² + 12²)
