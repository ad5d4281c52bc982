"""Estimates against closed forms, against each other, and against how often their error bars hold the truth."""

import logging

import numpy as np
import pytest
from noise import noisy, quiet
from phi.math import NUMPY, precision

from phi_sol import ForcedAdvection, InputError, PeriodicBox, Rollout, WakeFlow
from phi_sol.errors import DivergedError
from phi_sol.tasks.estimation.estimation import Estimation
from phi_sol.tasks.estimation.fields import InitialField
from phi_sol.tasks.estimation.observations import Observations
from phi_sol.tasks.estimation.unknowns import Parameter


@pytest.fixture(scope="module")
def box():
    return PeriodicBox(y=12, x=12, dt=0.05)


@pytest.fixture(scope="module")
def vortices():
    return PeriodicBox(y=12, x=12, dt=0.05, initial="taylor_green")


def recorded(flow, steps=20, **parameters) -> tuple:
    with NUMPY:
        start = flow.initial_state(**parameters)
    return start, flow.rollout(start, steps, progress=False)


def fitted(*given, **how):
    return Estimation(*given).fit(progress=False, **how)


def test_standard_error_is_that_of_the_closed_form(vortices):
    """u = exp(-2 ν t) u_0, so that ∂u / ∂ log ν = -2 ν t u, and the error of ν is ν σ / (Σ (2 ν t u)²)^½."""
    viscosity, sigma = 0.1, 0.01
    start, frames = recorded(vortices, viscosity=viscosity)
    found = fitted(vortices, start, Parameter("viscosity", 0.3), Observations(noisy(frames, sigma), noise=sigma))
    slope = sum(
        float(np.sum((2 * viscosity * frames.times[:, None, None, None] * a) ** 2)) for a in frames.arrays.values()
    )
    assert found.errors["viscosity"] == pytest.approx(viscosity * sigma / slope**0.5, rel=0.03)
    assert abs(found.estimates["viscosity"] - viscosity) < 3 * found.errors["viscosity"]
    assert found.chi2 == pytest.approx(1, abs=0.1) and found.rank == 1
    again = found.rollout(20).arrays["velocity.y"]
    np.testing.assert_allclose(again, frames.arrays["velocity.y"], atol=0.01)


def test_error_bars_hold_the_truth_as_often_as_they_say(vortices):
    """68 % of 60 seeds: 41 ± 3.6."""
    start, frames = recorded(vortices, 8, viscosity=0.1)
    inside = 0
    for seed in range(60):
        found = fitted(vortices, start, "viscosity", Observations(noisy(frames, 0.05, seed), noise=0.05))
        inside += abs(np.log(found.estimates["viscosity"] / 0.1)) < found.covariance[0, 0] ** 0.5
    assert 31 <= inside <= 51


def test_several_parameters_and_noise_that_is_not_known():
    flow = ForcedAdvection(y=16, x=16, dt=0.1)
    start, frames = recorded(flow, 10, seed=1, viscosity=0.3, amplitude=0.15)
    unknowns = [Parameter("viscosity", 0.1), Parameter("amplitude", 0.3)]
    found = fitted(flow, start, unknowns, Observations(noisy(frames, 0.02), "velocity", every=2))
    for name, true in (("viscosity", 0.3), ("amplitude", 0.15)):
        assert abs(found.estimates[name] - true) < 3.5 * found.errors[name] < 0.1 * true
    assert all(s == pytest.approx(0.02, rel=0.3) for s in found.noise.values())
    assert found.covariance.shape == (2, 2) and found.covariance[0, 1] == pytest.approx(found.covariance[1, 0])


def test_both_methods_find_the_same(box):
    start, frames = recorded(box, 10, seed=3, viscosity=0.02)
    known = Observations(noisy(frames, 0.02), region={"y": (0.0, 3.0)}, every=5, noise=0.02)
    task = Estimation(box, start, [Parameter("viscosity", 0.05)], known)
    few, many = task.fit(progress=False), task.fit(method="l-bfgs", progress=False)
    assert many.estimates["viscosity"] == pytest.approx(few.estimates["viscosity"], rel=0.01)
    assert many.errors is None and few.history == sorted(few.history, reverse=True)


def test_gradient_is_that_of_finite_differences(box):
    """Of viscosity and initial velocity together, in double precision, in five directions."""
    with precision(64):
        start, frames = recorded(box, seed=3, viscosity=0.02)
        known = Observations(noisy(frames, 0.1), every=10, noise=0.1)
        unknowns = [Parameter("viscosity", 0.05), InitialField("velocity", deviation=0.5)]
        task = Estimation(box, start, unknowns, known)
    rng, x = np.random.default_rng(0), task.simulation.begin.copy()
    x = x + 0.05 * rng.normal(size=x.shape)
    _, gradient = task.whole(x, quiet)
    for _ in range(5):
        d = rng.normal(size=x.shape) * 1e-5
        difference = task.whole(x + d, quiet)[0] - task.whole(x - d, quiet)[0]
        assert difference == pytest.approx(2 * gradient @ d, rel=1e-6)
        residuals = task.residuals(np.stack([x + d, x - d]))
        assert np.sum(residuals**2, 1) @ (0.5, -0.5) == pytest.approx(difference, rel=1e-6)


def test_an_initial_velocity_is_found_and_divergence_free(box):
    start, frames = recorded(box, 20, seed=3, viscosity=0.02)
    known = Observations(noisy(frames, 0.005), every=10, noise=0.005)
    guess = start.with_fields(velocity=box.field("velocity", 0.0))
    found = fitted(box, guess, [InitialField("velocity")], known, iterations=60)
    values, true = (s.velocity.values.numpy("y,x,~vector") for s in (found.state, start))
    assert np.linalg.norm(values - true) < 0.05 * np.linalg.norm(true)
    again, _ = box.projection(found.state.velocity)
    np.testing.assert_allclose(again.values.numpy("y,x,~vector"), values, atol=1e-5)
    assert found.errors is None and found.estimates["velocity"]["velocity.y"].shape == (12, 12)


def test_a_prior_and_data_are_weighed_by_their_errors(vortices):
    """Two independent estimates of log ν: the mean by inverse variances, the inverse of their sum as variance."""
    start, frames = recorded(vortices, 8, viscosity=0.1)
    known = Observations(noisy(frames, 0.3), noise=0.3)
    alone = fitted(vortices, start, "viscosity", known)
    width = alone.covariance[0, 0] ** 0.5
    both = fitted(vortices, start, Parameter("viscosity", prior=(0.12, width)), known)
    assert np.log(both.estimates["viscosity"]) == pytest.approx((alone.x[0] + np.log(0.12)) / 2, abs=0.1 * width)
    assert both.covariance[0, 0] == pytest.approx(width**2 / 2, rel=0.1)


def test_values_that_were_not_observed_do_not_count(vortices):
    start, frames = recorded(vortices, 8, viscosity=0.1)
    holes = noisy(frames, 0.01)
    for a in holes.arrays.values():
        a[2, :, :4] = np.nan
    known = Observations(holes, noise=0.01)
    assert known.lacking == 2 * 4 * 12 and len(known) == 8 * 2 * 144 - known.lacking and "96 lacking" in repr(known)
    found = fitted(vortices, start, "viscosity", known)
    assert abs(found.estimates["viscosity"] - 0.1) < 3 * found.errors["viscosity"]


def test_regions_are_of_cells_and_faces():
    flow = WakeFlow(y=32, x=16)  # cells of 6.25
    _, frames = recorded(flow, 2, reynolds=300.0)
    known = Observations(frames, ["marker", "velocity.x"], region={"y": (0, 12.5), "x": (0, 7)})
    marker, speed = (np.isfinite(known.values[n][0, 0]) for n in ("marker", "velocity.x"))
    assert list(known.values) == ["velocity.x", "marker"]
    assert marker.sum() == 2 and marker[:2, 0].all()  # centres at 3.1 and 9.4
    assert speed.sum() == 2 and np.nonzero(speed)[0].tolist() == [0, 1]  # along x faces lie at 6.25


def test_simulations_of_a_jacobian_come_in_batches(monkeypatch):
    flow = ForcedAdvection(y=8, x=8, dt=0.1)
    start, frames = recorded(flow, 4, seed=1, viscosity=0.3, amplitude=0.15)
    task = Estimation(flow, start, ["viscosity", "amplitude"], Observations(frames, "velocity", noise=0.01))
    x = task.simulation.begin.copy()
    whole = task.jacobian(x)
    assert whole.shape == (len(task.observations), 2)
    monkeypatch.setattr("phi_sol.tasks.estimation.simulation.BATCH_VALUES", 1)
    np.testing.assert_allclose(task.jacobian(x), whole, rtol=1e-3, atol=1e-3 * np.abs(whole).max())


def test_bounds_are_kept_and_the_search_may_begin_outside_of_nothing(vortices):
    start, frames = recorded(vortices, 8, viscosity=0.1)
    found = fitted(vortices, start, Parameter("viscosity", 0.03, bounds=(0.01, 0.05)), Observations(frames, noise=0.01))
    assert found.estimates["viscosity"] == pytest.approx(0.05, rel=1e-3)


def test_what_observations_do_not_see_is_said(vortices, caplog):
    """Without a force the amplitude of the forcing changes nothing."""
    flow = ForcedAdvection(y=8, x=8, dt=0.1)
    start, frames = recorded(flow, 1, seed=1, viscosity=0.3, amplitude=0.15)
    blind = Observations(frames, "velocity", noise=0.01)
    with caplog.at_level(logging.WARNING):
        task = Estimation(flow, start, [Parameter("viscosity"), Parameter("amplitude")], blind)
        task.jacobian = lambda x: np.outer(np.ones(len(blind)), [1.0, 2.0])
        found = task.fit(2, progress=False)
    assert found.rank == 1 and np.isinf(np.diag(found.covariance)).all()
    assert "see 1 of 2 unknown numbers" in caplog.text


def test_a_start_that_blows_up_is_an_error_and_the_best_point_is_kept(vortices, monkeypatch):
    start, frames = recorded(vortices, 8, viscosity=0.1)
    task = Estimation(vortices, start, Parameter("viscosity", 50.0), Observations(frames, noise=0.01))
    for method in ("gauss-newton", "l-bfgs"):
        with pytest.raises(DivergedError, match="begins with is not finite"):
            task.fit(method=method, progress=False)
    task = Estimation(vortices, start, Parameter("viscosity", 0.3), Observations(frames, noise=0.01))
    jacobian, calls = task.jacobian, []

    def interrupted(x):
        calls.append(x)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return jacobian(x)

    monkeypatch.setattr(task, "jacobian", interrupted)
    found = task.fit(progress=False)
    assert found.message == "interrupted" and abs(np.log(found.estimates["viscosity"] / 0.1)) < np.log(3)


def test_what_is_not_possible_is_refused(box, vortices):
    start, frames = recorded(box, 4, seed=0, viscosity=0.02)
    known = Observations(frames, noise=0.1)
    other = recorded(PeriodicBox(y=8, x=8, dt=0.05), 4)[1]
    odd = Rollout(box, frames.arrays, frames.parameters, frames.times + 0.02)
    both = box.initial_state(seed=[0, 1])
    few = Observations(frames, region={"y": (0, 1)}, every=4)
    for make, message in (
        (lambda: Estimation(box, start, "reynolds", known), "has no parameter 'reynolds'. .*Known: viscosity"),
        (lambda: Estimation(box, start, "seed", known), "has no parameter 'seed'"),
        (lambda: Estimation(box, start, [], known), "at least one"),
        (lambda: Estimation(box, start, ["viscosity", Parameter("viscosity")], known), "each once"),
        (lambda: Estimation(box, start, [5], known), "a Parameter, InitialField, Profile or Weights, not 5"),
        (lambda: Estimation(box, start, InitialField("pressure"), known), "no field 'pressure' of its own"),
        (lambda: Estimation(box, start, "viscosity", Observations(other)), r"\(4, 1, 8, 8\), but .* \(4, 1, 12, 12\)"),
        (lambda: Estimation(box, start, "viscosity", Observations(odd)), "at t = 0.07, but steps of 0.05 never end"),
        (lambda: Estimation(box, both, "viscosity", known), r"but .* has \(4, 2, 12, 12\)"),
        (lambda: Estimation(box, start, InitialField("velocity"), few),
         "fewer observations than unknowns: 48 observed values .* 288"),
        (lambda: Estimation(box, start, "viscosity", known).fit(0), "at least 1"),
        (lambda: Estimation(box, start, "viscosity", known).fit(method="adamm"), "optimizers of Keras, not 'adamm'"),
        (lambda: Estimation(box, start, "viscosity", known).fit(starts=2), "give each unknown one of these"),
        (lambda: Estimation(box, start, "viscosity", known).fit(windows=5), "4 observed frames make no 5 windows"),
        (lambda: Estimation(box, start, "viscosity", known).fit(rank=2), "need a prior of every unknown"),
        (lambda: Observations(frames, "pressure"), "'pressure' can't be observed"),
        (lambda: Observations(frames, every=5), "none is observed with every=5"),
        (lambda: Observations(frames, region={"z": (0, 1)}), "has the axes y, x, not 'z'"),
        (lambda: Observations(frames, region={"y": (2, 1)}), "two numbers in order"),
        (lambda: Observations(frames, region={"y": (50, 60)}), "Nothing is observed in the region"),
        (lambda: Observations(frames, noise=-1.0), "noise of observations must be positive"),
        (lambda: Observations(frames, noise={"marker": 1.0}), "noise of velocity.y is not said"),
        (lambda: Estimation(box, start, Parameter("viscosity", -1.0), known), "must be positive, not -1"),
        (lambda: Parameter("viscosity", 1.0, bounds=(2.0, 3.0)), "not within its bounds"),
        (lambda: Parameter("viscosity", bounds=(3.0, 2.0)), "in order"),
        (lambda: Parameter("viscosity", bounds=(3.0,)), "are two"),
        (lambda: Parameter("viscosity", prior=(0.1, 0)), "prior of 'viscosity' must be positive"),
        (lambda: InitialField("velocity", -1.0), "positive"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            make()
