"""Budgets of energy and enstrophy against closed forms, a spectral computation, and what a solver does."""

import numpy as np
import pytest
from phi import math

from phi_sol import InputError, PeriodicBox, WakeFlow, metrics


def arrays_of(flow, **parameters):
    return metrics.arrays_of(flow, flow.initial_state(**parameters))


def test_budget_of_a_sheared_flow(on_faces):
    """u_x = 2 sin 4 y under the force A sin 4 y with A = 3: input A, ε = 32 ν, drag 2 μ E with E = 1; Ω = 16."""
    flow = PeriodicBox(y=256, x=4, forcing="kolmogorov", amplitude=3.0, drag=0.2)
    arrays = on_faces(flow, {"y": lambda y, x: 0 * y * x, "x": lambda y, x: 2 * np.sin(4 * y) + 0 * x})
    viscosity = {"viscosity": np.array([0.01])}
    energy = metrics.energy_budget(flow, arrays, viscosity)
    enstrophy = metrics.enstrophy_budget(flow, arrays, viscosity)
    assert {n: float(v[0]) for n, v in energy.items()} == pytest.approx(
        {"input": 3, "dissipation": 32 * 0.01, "drag": 0.4}, rel=2e-3
    )
    assert {n: float(v[0]) for n, v in enstrophy.items()} == pytest.approx(
        {"input": 48, "dissipation": 512 * 0.01, "drag": 6.4}, rel=3e-3
    )


def test_stretching_is_that_of_a_spectral_computation(on_faces):
    """<ω_i ω_j S_ij> of a few waves whose derivatives are exact: second order, by slope."""
    draw = np.random.default_rng(4)
    numbers = np.array([[1, 0, 0], [0, 2, 0], [1, 2, 0], [0, 1, 1], [1, 1, 1], [2, 1, 0]])  # x, y, z; sums of others
    even, odd = (np.cross(numbers, draw.normal(size=(6, 3))) for _ in range(2))  # at right angles: divergence-free

    def component(i):
        def wave(y, x, z):
            parts = zip(numbers, even[:, i], odd[:, i], strict=True)
            angles = ((k[0] * x + k[1] * y + k[2] * z, a, b) for k, a, b in parts)
            return sum(a * np.cos(t) + b * np.sin(t) for t, a, b in angles)

        return wave

    waves = {d: component(i) for i, d in enumerate("xyz")}
    n = 24
    points = 2 * np.pi * np.arange(n) / n
    x, y, z = np.meshgrid(points, points, points, indexing="ij")
    u = [waves[d](y, x, z) for d in "xyz"]
    k = np.fft.fftfreq(n, 1 / n)
    slope = lambda f, j: np.fft.ifft(1j * k.reshape([-1 if a == j else 1 for a in range(3)]) * np.fft.fft(f, axis=j), axis=j).real  # noqa: E731, E501  # fmt: skip
    gradient = [[slope(u[i], j) for j in range(3)] for i in range(3)]  # ∂u_i/∂x_j
    omega = [gradient[(i + 2) % 3][(i + 1) % 3] - gradient[(i + 1) % 3][(i + 2) % 3] for i in range(3)]
    exact = sum((omega[i] * omega[j] * gradient[i][j]).mean() for i in range(3) for j in range(3))
    assert abs(exact) > 0.1
    errors = []
    for size in (16, 32, 64):
        flow = PeriodicBox(y=size, x=size, z=size)
        found = metrics.enstrophy_budget(flow, on_faces(flow, waves), {"viscosity": np.array([0.01])})
        errors.append(abs(found["stretching"][0] / exact - 1))
    assert errors[-1] < 0.1  # parts of the sum cancel
    np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), 2, atol=0.25)


@pytest.mark.parametrize("advection", ["central", "van_leer"])
def test_energy_changes_by_what_its_budget_says(advection):
    """Central fluxes leave nothing over; a limiter takes something."""
    flow = PeriodicBox(y=32, x=32, dt=0.01, advection=advection, forcing="kolmogorov", drag=0.1, wave_number=2)
    state = flow.initial_state(seed=3, viscosity=0.005)
    energy, rate = [], []
    for _ in range(40):
        arrays = metrics.arrays_of(flow, state)
        budget = metrics.energy_budget(flow, arrays, {"viscosity": np.array([0.005])})
        energy.append(metrics.kinetic_energy(flow, arrays)[0])
        rate.append(float(budget["input"][0] - budget["dissipation"][0] - budget["drag"][0]))
        state = flow.step(state)
    change, expected = energy[-1] - energy[0], 0.01 * (np.sum(rate) - (rate[0] + rate[-1]) / 2)
    lost = (expected - change) / energy[0]
    assert abs(lost) < 2e-4 if advection == "central" else lost > 2e-3


def test_the_reference_is_told_what_the_source_loses():
    """The summary of an evaluation: means, change and rest, of series that were put together by hand."""
    flow = PeriodicBox(y=8, x=8, dt=0.5)
    metric = metrics.METRICS["energy_budget"]
    series = {"kinetic_energy": np.array([[1.0], [1.25], [2.0]])}
    series |= {
        f"energy_budget {n}": np.full((3, 1), v) for n, v in (("input", 5.0), ("dissipation", 1.0), ("drag", 2.0))
    }
    entry = metric.summary(flow, series, series)["energy_budget"]
    assert entry == pytest.approx({"input": 5, "dissipation": 1, "drag": 2, "change": 1, "rest": 1})
    series["kinetic_energy"] = np.full((3, 1), np.nan)
    assert metric.summary(flow, series, series)["energy_budget"]["rest"] is None


def test_budgets_of_a_box_without_a_force_and_of_other_flows():
    box = PeriodicBox(y=8, x=8, forcing=lambda p: math.vec(y=0 * p.vector["y"], x=math.sin(p.vector["y"])))
    free = PeriodicBox(y=8, x=8)
    viscosity = {"viscosity": np.array([0.1])}
    assert metrics.energy_budget(free, arrays_of(free, seed=0), viscosity)["input"].tolist() == [0]
    assert metrics.energy_budget(box, arrays_of(box, seed=0), viscosity)["input"].shape == (1,)
    assert not metrics.METRICS["energy_budget"].applies(WakeFlow(y=16, x=8))
    for budget in (metrics.energy_budget, metrics.enstrophy_budget):
        with pytest.raises(InputError, match="Budgets are of a PeriodicBox, not of a WakeFlow"):
            budget(WakeFlow(y=16, x=8), {}, {})
        with pytest.raises(InputError, match="A budget needs the viscosity of each simulation"):
            budget(free, arrays_of(free, seed=0), {})
