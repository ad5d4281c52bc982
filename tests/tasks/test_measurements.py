"""Probes, forces and other numbers of states as observations, alone and beside frames."""

import numpy as np
import pytest
import tensorflow as tf
from noise import noisy, quiet
from phi import math
from phi.math import channel, precision
from scipy.interpolate import RegularGridInterpolator

from phi_sol import (
    Disc,
    Estimation,
    InputError,
    Measurements,
    Observations,
    Parameter,
    PeriodicBox,
    Probes,
    WakeFlow,
    metrics,
)

POINTS = [dict(y=1.3, x=2.0), dict(y=4.1, x=3.3)]


@pytest.fixture(scope="module")
def vortices():
    return PeriodicBox(y=12, x=12, dt=0.05, initial="taylor_green")


@pytest.fixture(scope="module")
def turned():
    """A disc in a wake, that turns and is pushed."""
    disc = Disc("disc", dict(y=50, x=50), radius=12, free=("spin", "radius"))
    flow = WakeFlow(y=32, x=16, dt=4, bodies=disc)
    start = flow.rollout(flow.initial_state(reynolds=100.0), 10, progress=False).last
    return flow, start, flow.rollout(start, 8, progress=False)


def pushed(flow):
    def of(state):
        found = metrics.body_forces(flow, state)["disc"]
        return math.stack([found["y"], found["torque"]], channel(number="drag,torque"))

    return of


def energy(state):
    return sum(math.mean(state.velocity.values[{"~vector": d}] ** 2, "y,x") for d in "yx")


def test_probes_see_what_scipy_interpolates(vortices):
    start = vortices.initial_state(viscosity=[0.01, 0.2])
    frames = vortices.rollout(start, 6, progress=False)
    seen = Measurements.of(frames, Probes("velocity", POINTS), every=3, noise=0.1)
    assert seen.values["measured"].shape == (2, 2, 4) and len(seen) == 16 and np.allclose(seen.times, [0.15, 0.3])
    h = 2 * np.pi / 12
    centres, faces = h * (np.arange(12) + 0.5), h * np.arange(12)  # periodic: the face at 0 is the one that is stored
    for column, (name, axes) in enumerate({"velocity.y": (faces, centres), "velocity.x": (centres, faces)}.items()):
        values = frames.arrays[name][2]
        stored = vortices.layouts["velocity"].intervals(name[-1])[name[-1]]
        assert np.allclose((stored[0] + stored[1]) / 2, faces)
        for simulation in range(2):
            at = RegularGridInterpolator(axes, values[simulation])([[p["y"], p["x"]] for p in POINTS])
            found = seen.values["measured"][0, simulation, 2 * column : 2 * column + 2]
            np.testing.assert_allclose(found, at, atol=1e-6)


def test_a_viscosity_is_found_from_a_decaying_energy(vortices):
    """The closed form: energy falls as exp(-4 ν t)."""
    times, start = 0.05 * np.arange(1, 21), vortices.initial_state(viscosity=0.1)
    values = float(energy(start)) * np.exp(-4 * 0.03 * times)
    values[3] = np.nan
    seen = Measurements(vortices, energy, values, times, noise=1e-3, name="energy")
    assert seen.lacking == 1 and len(seen) == 19
    found = Estimation(vortices, start, "viscosity", seen).fit(progress=False)
    assert found.estimates["viscosity"] == pytest.approx(0.03, rel=0.03)  # second order on 12 cells
    assert found.noise == {"energy": 1e-3}


@pytest.mark.slow
def test_what_a_body_does_is_found_from_its_forces(turned):
    flow, start, frames = turned
    seen = Measurements.of(frames, pushed(flow), noise=0.01, name="forces")
    unknowns = [Parameter("reynolds", 60.0), Parameter("disc_spin", 0.02), Parameter("disc_radius", 13.0)]
    found = Estimation(flow, start, unknowns, seen).fit(progress=False)
    assert found.rank == 3 and found.chi2 < 0.1
    expected = {"reynolds": 100, "disc_spin": 0, "disc_radius": 12}
    for name, value in found.estimates.items():
        assert value == pytest.approx(expected[name], abs=0.3 * found.errors[name])


def test_gradients_of_forces_probes_and_frames_together(turned):
    with precision(64):
        disc = Disc("disc", dict(y=50, x=50), radius=12, free=("spin", "radius"))
        flow = WakeFlow(y=32, x=16, dt=4, bodies=disc)
        start = flow.rollout(flow.initial_state(reynolds=100.0), 4, progress=False).last
        frames = flow.rollout(start, 8, progress=False)
        forces = Measurements.of(frames, pushed(flow), every=2, noise=0.1)
        probes = Measurements.of(frames, Probes("velocity.x", [dict(y=100, x=50)]), every=3, noise=0.1)
        task = Estimation(
            flow,
            start,
            [Parameter("reynolds", 80.0), Parameter("disc_spin", 0.01), Parameter("disc_radius", 12.5)],
            [forces, probes, Observations(frames, "velocity", every=4, noise=0.1)],
        )
        x = task.simulation.begin
        value, gradient = task.whole(x, quiet)
        residuals = task.residuals(x[None])[0]
        assert len(residuals) == len(forces) + len(probes) + len(task.observations[2])
        assert value == pytest.approx(np.sum(residuals**2) / 2, rel=1e-10)
        assert sorted(task.seen.scales) == ["measured", "measured (2)", "velocity.x", "velocity.y"]
        for d in 1e-5 * np.eye(3):
            difference = task.whole(x + d, quiet)[0] - task.whole(x - d, quiet)[0]
            assert difference == pytest.approx(2 * gradient @ d, rel=1e-5)
        upstream = np.random.default_rng(0).normal(size=len(residuals))
        operator = task.operator(x, len(residuals))
        np.testing.assert_allclose(
            operator.rmatvec(upstream), task.jacobian(x).T @ upstream, rtol=2e-3
        )  # steps of 1e-3


def test_two_halves_are_the_whole(vortices):
    start = vortices.initial_state(viscosity=0.1)
    frames = noisy(vortices.rollout(start, 8, progress=False), 0.01)
    halves = [Observations(frames, f"velocity.{d}", noise=0.01) for d in "yx"]
    found = [
        Estimation(vortices, start, "viscosity", s).fit(progress=False)
        for s in (halves, Observations(frames, noise=0.01))
    ]
    assert found[0].estimates["viscosity"] == pytest.approx(found[1].estimates["viscosity"], rel=1e-5)
    assert found[0].errors["viscosity"] == pytest.approx(found[1].errors["viscosity"], rel=1e-4)


def test_noise_that_is_not_known_and_windows(vortices):
    start = vortices.initial_state(viscosity=0.1)
    frames = noisy(vortices.rollout(start, 12, progress=False), 0.01)
    seen = [Measurements.of(frames, Probes("velocity", POINTS), every=4), Observations(frames, every=6)]
    task = Estimation(vortices, start, Parameter("viscosity", 0.2), seen)
    assert task.seen.steps == [4, 6, 8, 12]
    found = task.fit(windows=4, progress=False)
    assert found.estimates["viscosity"] == pytest.approx(0.1, rel=0.05) and found.chi2 == 1
    assert set(found.noise) == {"measured", "velocity.y", "velocity.x"}


def test_what_is_not_possible_is_refused(vortices):
    start = vortices.initial_state(viscosity=[0.1, 0.1])
    frames = vortices.rollout(start, 2, progress=False)
    probes, times = Probes("velocity", POINTS), [0.05, 0.1]
    fine, coarse = Measurements.of(frames, energy, noise=0.1), PeriodicBox(y=8, x=8)

    def at(when):
        return Measurements(vortices, energy, np.ones((2, 2)), when)

    for make, message in (
        (lambda: Measurements(vortices, 5, [1.0, 1.0], times), "What is measured are Probes, or a function"),
        (lambda: Measurements(vortices, lambda state: "drag", [1.0, 1.0], times), "is a number of a state"),
        (lambda: Measurements(vortices, lambda state: tf.ones([3]), [1.0, 1.0], times), "a value for each of 1 states"),
        (lambda: Measurements(vortices, lambda state: tf.constant(True), [1.0, 1.0], times), "not of type bool"),
        (lambda: Measurements(vortices, energy, [1.0], times), r"with 2 times, not \(1,\)"),
        (lambda: Measurements(vortices, energy, "many", times), "are numbers"),
        (lambda: Measurements(vortices, energy, [1.0, 1.0], [0.1, np.nan]), "are a list of numbers"),
        (lambda: Measurements(vortices, energy, [np.nan, np.inf], times), "no finite value of 'measured'"),
        (lambda: Measurements(vortices, probes, [1.0, 1.0], times), r"\(times, 4\)"),
        (lambda: Measurements(vortices, probes, np.ones((2, 3)), times), r"not \(2, 3\)"),
        (lambda: Measurements(vortices, energy, [1.0, 1.0], times, noise=0.0), "must be positive"),
        (lambda: Measurements(vortices, Probes("marker", POINTS), [1.0], [0.05]), "can't see 'marker'"),
        (lambda: Measurements.of(frames, energy, every=3), "none is observed with every=3"),
        (lambda: Estimation(vortices, start, "viscosity", [fine, Measurements.of(frames, energy)]), "all, or of none"),
        (lambda: Estimation(vortices, start, "viscosity", []), "Observations or Measurements, not"),
        (lambda: Estimation(vortices, start, "viscosity", [5]), "Observations or Measurements, not"),
        (lambda: Estimation(vortices, vortices.initial_state(viscosity=0.1), "viscosity", fine), "in 2 simulations"),
        (lambda: Estimation(coarse, coarse.initial_state(), "viscosity", fine), "was measured of .*, but the solver"),
        (lambda: Estimation(vortices, start, "viscosity", at([0.05, 0.12])), "never end there"),
        (lambda: Estimation(vortices, start, "viscosity", at([0.1, 0.05])), "must increase"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            make()
