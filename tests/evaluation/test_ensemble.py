"""Ensembles: mean, spread, and whether the spread foretells the error."""

import numpy as np
import pytest
from scipy.stats import norm

from phi_sol import Ensemble, InputError, PeriodicBox
from phi_sol.evaluation.ensemble import Forecast
from phi_sol.stepping.rollout import Rollout

BOX = PeriodicBox(y=16, x=16, dt=0.05)
FRAMES, BATCH = 40, 3


def members(count, deviation, seed=0):
    """Members around a truth, itself one of them, with a deviation for each frame and simulation; and the truth."""
    rng, names = np.random.default_rng(seed), ["velocity.y", "velocity.x"]
    scale = deviation.reshape(FRAMES, BATCH, 1, 1)
    drawn = [{n: scale * rng.normal(size=(FRAMES, BATCH, 16, 16)) for n in names} for _ in range(count + 1)]
    parameters, times = {"seed": np.zeros(BATCH), "viscosity": np.full(BATCH, 0.01)}, np.arange(FRAMES) * 0.05
    *found, right = (Rollout(BOX, d, parameters, times) for d in drawn)
    return Forecast({str(i): r for i, r in enumerate(found)}), right


def test_a_spread_that_is_right():
    """Members and truth of one distribution: intervals cover what they say, errors are as large as the spread."""
    deviation = np.random.default_rng(1).uniform(0.5, 5, (FRAMES, BATCH))
    forecast, right = members(5, deviation)
    for level in (0.5, 0.9):
        found = forecast.reliability(right, level)
        assert abs(found.coverage - level) < 0.01
    assert found.rank > 0.95 and abs(found.ratio - np.sqrt(1 + 1 / 5)) < 0.05


def test_members_that_are_too_sure():
    """A truth that is three times as far away: the normal distribution says how much is still covered."""
    forecast, right = members(40, np.ones((FRAMES, BATCH)))
    far = Rollout(BOX, {n: 3 * a for n, a in right.arrays.items()}, right.parameters, right.times)
    found = forecast.reliability(far, 0.9)
    expected = 2 * norm.cdf(norm.ppf(0.95) / 3) - 1
    assert abs(found.coverage - expected) < 0.02 and abs(found.ratio - 3) < 0.1
    assert abs(found.rank) < 0.3  # all frames alike


def test_mean_and_spread_of_rollouts():
    one, two = BOX, PeriodicBox(y=16, x=16, dt=0.05)
    start = BOX.initial_state(seed=[1, 2], viscosity=0.01)
    forecast = Ensemble({"a": one, "b": two}).rollout(start, 4, progress=False)
    assert len(forecast.mean) == 4 and list(forecast.members) == ["a", "b"]
    for n, s in forecast.spread.items():
        np.testing.assert_allclose(s, 0, atol=1e-6)
        np.testing.assert_allclose(forecast.mean.arrays[n], one.rollout(start, 4, progress=False).arrays[n], atol=1e-5)
    assert forecast.mean[2].velocity.resolution == start.velocity.resolution


def test_what_is_no_ensemble():
    with pytest.raises(InputError, match="at least two members, not 1"):
        Ensemble([BOX])
    with pytest.raises(InputError, match="the same flow, but"):
        Ensemble([BOX, PeriodicBox(y=16, x=16, dt=0.1)])
    with pytest.raises(InputError, match="are solvers, 1 is a int"):
        Ensemble([BOX, 3])
    forecast, right = members(3, np.ones((FRAMES, BATCH)))
    with pytest.raises(InputError, match="The level of an interval lies between 0 and 1, not 90"):
        forecast.interval(90)
    with pytest.raises(InputError, match="has the shape .* the forecast"):
        forecast.reliability(right[:5])
