"""Frequencies, profiles and forces of wakes against closed forms and sums by hand."""

import numpy as np
import pytest
from phi import math

from phi_sol import InputError, WakeFlow, metrics


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


def pair_of_cylinders(**changes):
    from phi.geom import Sphere

    places = (25.0, 75.0)
    return WakeFlow(y=24, x=24, obstacles=[Sphere(y=50, x=x, radius=10) for x in places], **changes)


def test_forces_per_obstacle_of_mirrored_cylinders_mirror_each_other_and_add_up():
    flow = pair_of_cylinders()
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(reynolds=[150.0, 600.0], poke=0.0)
        for _ in range(4):
            state = flow.step(state)
        arrays, nu = metrics.arrays_of(flow, state), 10 / np.array([150.0, 600.0])
    each, together = metrics.force_per_obstacle(flow, arrays, nu), metrics.force(flow, arrays, nu)
    assert each["y"].shape == (2, 2) and (each["y"] > 1).all()
    np.testing.assert_allclose(each["y"][:, 0], each["y"][:, 1], rtol=1e-6)
    np.testing.assert_allclose(each["x"][:, 0], -each["x"][:, 1], rtol=1e-6)
    for d in "yx":
        np.testing.assert_allclose(each[d].sum(1), together[d], rtol=1e-9, atol=1e-9)
    assert np.abs(each["x"]).min() > 0.01  # they push each other together or apart


def test_the_force_on_one_of_two_is_the_momentum_that_a_box_around_it_loses():
    """The flow is cut at the plane between two cylinders: one of them alone behind the mirror has the same force."""
    from phi.geom import Sphere

    flow, (a, b) = pair_of_cylinders(), (0, 12)
    with math.NUMPY, math.precision(64):
        state = flow.step(flow.initial_state(reynolds=[300.0], poke=0.0))
        arrays, nu = metrics.arrays_of(flow, state), np.array([10 / 300.0])
        alone = WakeFlow(
            y=24, x=12, size=dict(x=50), obstacles=Sphere(y=50, x=25, radius=10), walls={"x+": "free-slip"}
        )
        halved = {"velocity.y": arrays["velocity.y"][:, :, a:b], "velocity.x": arrays["velocity.x"][:, :, a : b - 1]}
    ours, theirs = metrics.force_per_obstacle(flow, arrays, nu), metrics.force(alone, halved, nu)
    for d in "yx":
        np.testing.assert_allclose(ours[d][:, 0], theirs[d], rtol=1e-5)


def test_touching_obstacles_share_their_faces():
    from phi.geom import Box

    parts = [Box(y=(50, 75), x=(37.5, 62.5)), Box(y=(75, 100), x=(37.5, 62.5)), Box(y=(60, 90), x=(40, 60))]
    flow = WakeFlow(y=24, x=24, obstacles=parts[:2])
    with math.NUMPY, math.precision(64):
        state = flow.step(flow.initial_state(reynolds=200.0))
        arrays, nu = metrics.arrays_of(flow, state), np.array([0.05])
        covered = WakeFlow(y=24, x=24, obstacles=parts)
    each, together = metrics.force_per_obstacle(flow, arrays, nu), metrics.force(flow, arrays, nu)
    np.testing.assert_allclose(each["y"].sum(1), together["y"], rtol=1e-9)
    more = metrics.force_per_obstacle(covered, arrays, nu)
    np.testing.assert_allclose(more["y"][:, :2], each["y"], rtol=1e-9)
    np.testing.assert_allclose(more["y"][:, 2], 0, atol=1e-12)
    with pytest.raises(InputError, match="no force per obstacle: nothing stands in WakeFlow"):
        metrics.force_per_obstacle(WakeFlow(y=24, x=24, obstacles=()), arrays, nu)


def test_several_obstacles_are_measured_one_by_one_in_an_evaluation():
    from phi_sol.metrics.wake_measures import WAKE, Wake

    flow = pair_of_cylinders()
    with math.NUMPY, math.precision(64):
        state = flow.step(flow.initial_state(reynolds=[150.0, 600.0]))
        arrays = metrics.arrays_of(flow, state)
    parameters = {"reynolds": np.array([150.0, 600.0])}
    values = WAKE.compute(flow, arrays, parameters)
    np.testing.assert_allclose(values["drag_per_obstacle"].sum(1), values["drag"], rtol=1e-9)
    series = {n: np.stack([v, 2 * v]) for n, v in values.items()}
    entry = WAKE.summary(flow, {n: 2 * v for n, v in series.items()}, series)["wake"]
    np.testing.assert_allclose(np.sum(entry["drag_per_obstacle"], 0), entry["drag"])
    np.testing.assert_allclose(entry["drag_error_per_obstacle"], [1, 1])
    np.testing.assert_allclose(entry["lift_rms_error_per_obstacle"], [1, 1])
    shown = WAKE.columns["drag"](entry)
    whole, *parts = [float(v) for v in shown.replace("=", "+").split("+")]
    assert whole == pytest.approx(sum(parts), abs=2e-3) and len(parts) == 2
    one = WakeFlow(y=24, x=12)
    assert Wake.of(one).obstacles == 1 and Wake.of(WakeFlow(y=24, x=12, obstacles=())) is None
    short = Wake.of(WakeFlow(y=24, x=12, size=dict(y=100)))
    assert short.stations == (2.0, 5.0) and short.behind(short.probe)["y"] < 100
