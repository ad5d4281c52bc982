"""Frequencies, profiles and forces of wakes against closed forms and sums by hand."""

import numpy as np
import pytest
from phi import math

from phi_sol import WakeFlow, metrics


@pytest.mark.parametrize("frequency", [0.0107, 0.02, 0.11])
def test_frequency_and_strouhal_number(frequency):
    t = np.arange(500.0)
    signal = 3 + np.sin(2 * np.pi * frequency * t + 0.3) + 0.2 * np.sin(4 * np.pi * frequency * t)
    assert metrics.dominant_frequency(signal, 1.0) == pytest.approx(frequency, rel=0.01)
    assert metrics.strouhal_number(signal, 0.5, length=20.0, speed=4.0) == pytest.approx(10 * frequency, rel=0.01)
    slower = np.sin(2 * np.pi * 0.9 * frequency * t)
    assert metrics.strouhal_error(slower, signal, 1.0) == pytest.approx(0.1, abs=0.02)


def test_constant_signal_has_no_frequency():
    assert metrics.dominant_frequency(np.ones(100), 1.0) == 0 and np.isnan(
        metrics.strouhal_error(np.ones(100), np.ones(100), 1.0)
    )


def test_line_and_probe_of_a_linear_field(on_faces):
    flow = WakeFlow(y=24, x=12)
    arrays = on_faces(flow, {"y": lambda y, x: y + 2 * x, "x": lambda y, x: 3 * y - x})
    positions, values = metrics.line(flow, arrays, "y", "x", at={"y": 87.3})
    np.testing.assert_allclose(positions, (np.arange(12) + 0.5) * 100 / 12)
    np.testing.assert_allclose(values[0], 87.3 + 2 * positions, rtol=1e-5)
    positions, values = metrics.line(flow, arrays, "x", "x", at={"y": 87.3})
    np.testing.assert_allclose(values[0, 1:-1], 3 * 87.3 - positions[1:-1], rtol=1e-5)
    assert positions[[0, -1]].tolist() == [0, 100] and values[0, [0, -1]].tolist() == [0, 0]  # the walls
    assert metrics.probe(flow, arrays, "x", {"y": 100.0, "x": 40.0}) == pytest.approx(260)


def test_mean_and_fluctuation():
    t = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    mean, fluctuation = metrics.mean_and_fluctuation(np.stack([2 + np.sin(t), np.full_like(t, 3)], 1))
    np.testing.assert_allclose(mean, [2, 3])
    np.testing.assert_allclose(fluctuation, [np.sqrt(0.5), 0], atol=1e-12)


# --- forces ---


class Channel(WakeFlow):
    """A stream along y over a wall that fills x < 25."""

    @property
    def obstacles(self):
        from phi.geom import Box

        with math.NUMPY, math.precision(64):
            return (Box(x=(0, 25), y=(60, 140)),)


def test_force_on_a_plate_in_a_shear_flow(on_faces):
    """Drag by viscosity alone is ν |∂u/∂n| times the length: u_y grows linearly from the last blocked face."""
    flow = Channel(y=20, x=16)
    wall = 25 - flow.spacing["x"] / 2  # where the last blocked faces of u_y are
    shear = on_faces(flow, {"y": lambda y, x: 0.3 * np.clip(x - wall, 0, None), "x": lambda y, x: 0.0 * x})
    gained = metrics.acceleration(flow, shear, np.array([2.0]))["y"]
    rows = slice(7, 14)  # faces well inside of the plate's length
    last = int(25 / flow.spacing["x"]) - 1
    np.testing.assert_allclose(gained[0, rows, last] * flow.spacing["x"], 2.0 * 0.3, rtol=1e-5)
    np.testing.assert_allclose(gained[0, rows, last + 1 : -1], 0, atol=1e-6)


def test_force_balances_the_momentum_of_a_box(wake):
    """
    Momentum that stays in a box around the cylinder, what its sides let through, and the force add up; summed by hand.
    """
    flow, _, arrays = wake
    nu = 10 / np.array([150.0, 600.0])
    p, gained, force = (
        metrics.pressure(flow, arrays, nu),
        metrics.acceleration(flow, arrays, nu),
        metrics.force(flow, arrays, nu),
    )
    u, (hy, hx), (a, b, c, d) = metrics.faces(flow, arrays), flow.spacing.values(), (2, 14, 2, 10)
    assert (
        not flow.projection.fluid[a + 1 : b - 1, c + 1 : d - 1].all()
        and flow.projection.fluid[:a].all()
        and flow.projection.fluid[b:].all()
    )
    open_y = flow.projection.fluid[:-1] & flow.projection.fluid[1:]
    change = (gained["y"][:, 1:-1] - np.diff(p, axis=1) / hy) * open_y  # du_y/dt on the inner faces
    box = change[:, a : b - 1, c:d].sum((1, 2)) * hx * hy
    flux = 0.0
    for j in range(c, d):  # lower and upper side, through the centres of cells
        for i, sign in ((a, 1), (b - 1, -1)):
            centre = (u["y"][:, i, j] + u["y"][:, i + 1, j]) / 2
            flux = flux + sign * hx * (centre**2 + p[:, i, j] - nu * (u["y"][:, i + 1, j] - u["y"][:, i, j]) / hy)
    for i in range(a + 1, b):  # left and right side, through corners of cells
        for j, sign in ((c, 1), (d, -1)):
            across = (u["x"][:, i - 1, j] + u["x"][:, i, j]) / 2
            along = (u["y"][:, i, j - 1] + u["y"][:, i, j]) / 2
            flux = flux + sign * hy * (across * along - nu * (u["y"][:, i, j] - u["y"][:, i, j - 1]) / hx)
    np.testing.assert_allclose(force["y"], flux - box, rtol=1e-9)
    assert (metrics.force_coefficient(force["y"], 1.0, 20.0) > 0.3).all()  # it is dragged along


def test_pressure_keeps_the_flow_divergence_free(wake):
    """∇·(a - ∇p) = 0 in the fluid, by PhiFlow's divergence."""
    flow, _, arrays = wake
    nu = 10 / np.array([150.0, 600.0])
    gained, p = metrics.acceleration(flow, arrays, nu), metrics.pressure(flow, arrays, nu)
    hy, hx = flow.spacing.values()
    fluid, change = flow.projection.fluid, {}
    change["y"] = (gained["y"][:, 1:] - np.diff(np.pad(p, ((0, 0), (0, 1), (0, 0))), axis=1) / hy) * (
        fluid & np.pad(fluid, ((0, 1), (0, 0)), mode="edge")[1:]
    )
    change["x"] = (gained["x"][:, :, 1:-1] - np.diff(p, axis=2) / hx) * (fluid[:, 1:] & fluid[:, :-1])
    balance = (
        np.diff(np.pad(change["y"], ((0, 0), (1, 0), (0, 0))), axis=1) / hy
        + np.diff(np.pad(change["x"], ((0, 0), (0, 0), (1, 1))), axis=2) / hx
    )
    assert np.abs(balance[:, fluid]).max() < 1e-10 * np.abs(gained["y"]).max()


def test_a_mirrored_flow_lifts_the_other_way(wake):
    flow, _, arrays = wake
    mirrored = {"velocity.y": arrays["velocity.y"][:, :, ::-1], "velocity.x": -arrays["velocity.x"][:, :, ::-1]}
    nu = 10 / np.array([150.0, 600.0])
    here, there = metrics.force(flow, arrays, nu), metrics.force(flow, mirrored, nu)
    np.testing.assert_allclose(here["x"], -there["x"], rtol=1e-7)
    np.testing.assert_allclose(here["y"], there["y"], rtol=1e-7)
