"""Metrics against closed forms and independent computations."""

from types import SimpleNamespace

import numpy as np
import pytest
from phi import math
from phi.field import divergence as phiflow_divergence

from phi_sol import BuoyantPlume, ForcedAdvection, WakeFlow, metrics
from phi_sol.metrics.metric import compared_arrays


def on_faces(flow, functions: dict, batch=True) -> dict:
    """Arrays of a velocity given by functions of (y, x[, z]) per component."""
    dims, arrays = list(flow.resolution), {}
    for d, function in functions.items():
        points = flow.templates["velocity"].vector[d].points
        where = {e: points.vector[e].numpy(dims) for e in dims}
        arrays[f"velocity.{d}"] = (function(**where) + 0 * where[d])[None]
    return arrays


def developed(flow, steps=12, **parameters):
    """A velocity after some steps, with PhiFlow's NumPy backend."""
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(**parameters)
        for _ in range(steps):
            state = flow.step(state)
    dims = list(flow.resolution)
    values = state.velocity.values
    return state, {f"velocity.{d}": values[{"~vector": d}].numpy([values.shape.batch, *dims]) for d in dims}


@pytest.fixture(scope="module")
def wake():
    flow = WakeFlow(y=24, x=12)
    return flow, *developed(flow, reynolds=[150.0, 600.0])


# --- errors ---


def test_errors_are_averaged_per_component_first():
    arrays = {"u.y": np.zeros((2, 4, 4)), "u.x": np.zeros((2, 4, 3)), "d": np.full((2, 4, 4), 100.0)}
    reference = {"u.y": np.full((2, 4, 4), 2.0), "u.x": np.full((2, 4, 3), -1.0), "d": np.full((2, 4, 4), 80.0)}
    reference["u.y"][1] = 4.0
    np.testing.assert_allclose(metrics.mean_absolute_error(arrays, reference, ["u.y", "u.x"]), [1.5, 2.5])
    np.testing.assert_allclose(metrics.root_mean_square_error(arrays, reference, ["u.y", "u.x"]), np.sqrt([2.5, 8.5]))
    np.testing.assert_allclose(metrics.relative_l2(arrays, reference, ["u.y", "u.x"]), [1, 1])
    np.testing.assert_allclose(metrics.relative_l2(arrays, reference, ["d"]), [0.25, 0.25])


@pytest.mark.parametrize(
    "fields, given, expected",
    [
        (["velocity", "marker"], ["marker"], ["velocity.y", "velocity.x"]),
        (["heat", "salt", "time"], [], ["heat", "salt"]),
        (["heat", "salt", "time"], ["salt"], ["salt"]),
    ],
)
def test_errors_are_of_the_velocity_or_of_all_fields_that_are_free(fields, given, expected):
    arrays = {"velocity": ["velocity.y", "velocity.x"]}
    layouts = {f: SimpleNamespace(arrays=arrays.get(f, [f])) for f in fields}
    flow = SimpleNamespace(fields=fields, prescribed=("time",), layouts=layouts)
    assert compared_arrays(flow, given) == expected


def test_errors_of_a_blown_up_solver_are_not_finite():
    arrays, reference = {"u": np.array([[np.inf, 1.0], [0.0, 1.0]], np.float32)}, {"u": np.ones((2, 2), np.float32)}
    for metric in (metrics.mean_absolute_error, metrics.root_mean_square_error, metrics.relative_l2):
        result = metric(arrays, reference, ["u"])
        assert not np.isfinite(result[0]) and 0 < result[1] < 1


# --- what the boundary adds ---


def test_divergence_is_that_of_phiflow(wake):
    flow, state, arrays = wake
    noisy = {n: a + np.random.default_rng(0).normal(size=a.shape) for n, a in arrays.items()}
    with math.NUMPY, math.precision(64):
        shape = state.velocity.values.shape.batch
        parts = [math.wrap(noisy[f"velocity.{d}"], shape, math.spatial(*flow.resolution)) for d in flow.resolution]
        field = state.velocity.with_values(math.stack(parts, math.dual(vector=list(flow.resolution))))
        expected = phiflow_divergence(field).values.numpy([shape, *flow.resolution])
    fluid = flow.projection.fluid
    np.testing.assert_allclose(metrics.divergence(flow, noisy)[:, fluid], expected[:, fluid], atol=1e-12)
    assert (metrics.divergence_norm(flow, arrays) < 1e-6).all() and (metrics.divergence_norm(flow, noisy) > 0.01).all()


def test_fields_and_arrays(wake):
    flow, state, arrays = wake
    given = metrics.arrays_of(flow, state)
    for name, values in arrays.items():
        np.testing.assert_allclose(given[name], values, rtol=1e-6, atol=1e-6)
    inflow = metrics.arrays_of(flow, state.with_fields(marker=flow.inflow))
    assert metrics.total(flow, inflow) == pytest.approx(250, rel=1e-6)  # 5 by 50 units of area


# --- energy and vorticity ---


def test_energy_and_enstrophy_of_a_taylor_green_vortex():
    """u = (sin x cos y, -cos x sin y): E = 1/4, ½ <ω²> = 1/2 |k|² ... for wave number k along both axes k²/2."""
    flow = ForcedAdvection(y=64, x=64)
    k = 2 * np.pi * 2 / 32
    arrays = on_faces(
        flow, {"y": lambda y, x: -np.cos(k * x) * np.sin(k * y), "x": lambda y, x: np.sin(k * x) * np.cos(k * y)}
    )
    assert metrics.kinetic_energy(flow, arrays) == pytest.approx(0.25)
    assert metrics.enstrophy(flow, arrays) == pytest.approx(0.5 * k**2, rel=0.03)
    wave_numbers, energy = metrics.energy_spectrum(flow, arrays)
    assert energy.sum() == pytest.approx(0.25)
    assert wave_numbers[energy[0].argmax()] == pytest.approx(np.sqrt(2) * k, abs=wave_numbers[1] / 2)


@pytest.mark.parametrize(
    "flow", [BuoyantPlume(y=12, x=8), WakeFlow(y=24, x=12), WakeFlow(y=12, x=8, z=8)], ids=["box", "wake", "3D"]
)
def test_energy_of_a_stream_with_walls(flow):
    """The control volumes of all faces fill the domain once."""
    arrays = on_faces(flow, dict.fromkeys(flow.resolution, lambda **_: 1.0))
    whole = {d: np.ones(tuple(n + (e == d) for e, n in flow.resolution.items())) for d in flow.resolution}
    expected = 0.0
    for d in whole:
        weights = np.ones(flow.resolution[d] + 1)
        weights[[0, -1]] = 0.5
        fixed = [1 - s for s in flow.templates["velocity"].boundary.valid_outer_faces(d)]
        speed = np.ones_like(weights)
        inlet = 1.0 if d == "y" and isinstance(flow, WakeFlow) else 0.0
        speed[0], speed[-1] = inlet if fixed[0] else 1.0, 0.0 if fixed[1] and d != "z" else speed[-1]
        if d == "z" and flow.span_is_periodic:
            speed[-1] = 1.0
        expected += 0.5 * (weights * speed**2).sum() / weights.sum()
    assert metrics.kinetic_energy(flow, arrays) == pytest.approx(expected)


@pytest.mark.parametrize("flow", [ForcedAdvection(y=12, x=16), ForcedAdvection(y=8, x=8, z=8)], ids=["2D", "3D"])
def test_spectrum_of_a_periodic_box_sums_to_the_energy(flow):
    rng = np.random.default_rng(1)
    arrays = {f"velocity.{d}": rng.normal(1, 1, (2, *flow.resolution.values())) for d in flow.resolution}
    wave_numbers, energy = metrics.energy_spectrum(flow, arrays)
    np.testing.assert_allclose(energy.sum(1), metrics.kinetic_energy(flow, arrays))
    np.testing.assert_allclose(energy[:, 0], 0.5 * sum(a.reshape(2, -1).mean(1) ** 2 for a in arrays.values()))
    assert len(wave_numbers) == energy.shape[1]


def test_windowed_spectrum(wake):
    """
    Its parts sum to the energy of the mean and of the windowed fluctuation; a wave is found in the shell of its wave
    number.
    """
    flow, _, arrays = wake
    expected = 0.0
    for a in arrays.values():
        mean = a.mean((1, 2), keepdims=True)
        hann = [np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in a.shape[1:]]
        window = np.outer(*[w / np.sqrt(np.mean(w**2)) for w in hann])
        expected = expected + 0.5 * (mean[:, 0, 0] ** 2 + np.mean((window * (a - mean)) ** 2, (1, 2)))
    np.testing.assert_allclose(metrics.energy_spectrum(flow, arrays)[1].sum(1), expected)
    fine = WakeFlow(y=64, x=32)
    wave = on_faces(fine, {"y": lambda y, x: np.sin(2 * np.pi * 20 * y / 200), "x": lambda y, x: 0.0 * y})
    wave_numbers, energy = metrics.energy_spectrum(fine, wave)
    assert wave_numbers[energy[0].argmax()] == pytest.approx(2 * np.pi / 10)


def test_spectral_error():
    reference = np.array([[1.0, 0.1, 0.0], [2.0, 1.0, 1.0]])
    np.testing.assert_allclose(metrics.spectral_error(reference * [[10.0], [0.01]], reference), [1, 2])
    np.testing.assert_allclose(metrics.spectral_error(np.array([1.0, 1.0, 5.0]), reference[0]), 0.5)
    assert metrics.resolved(WakeFlow(y=24, x=12), np.array([0.0, 0.1, 100 / 200])).tolist() == [False, True, False]


def test_vorticity_is_second_order():
    """ω = ∂u_y/∂x - ∂u_x/∂y of products of sines, by slope."""
    errors = []
    for n in (16, 32, 64):
        flow = WakeFlow(y=2 * n, x=n)
        arrays = on_faces(
            flow,
            {
                "y": lambda y, x: np.sin(2 * np.pi * x / 100) * np.cos(np.pi * y / 200),
                "x": lambda y, x: np.sin(np.pi * x / 100) * np.sin(3 * y / 200),
            },
        )
        result = metrics.vorticity(flow, arrays)[0]
        y, x = np.meshgrid(np.arange(1, 2 * n) / (2 * n), np.arange(1, n) / n, indexing="ij")
        exact = 2 * np.pi / 100 * np.cos(2 * np.pi * x) * np.cos(np.pi * y) - 3 / 200 * np.sin(np.pi * x) * np.cos(
            3 * y
        )
        assert result.shape == exact.shape
        errors.append(np.abs(result - exact).max())
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (np.abs(slopes - 2) < 0.2).all(), (errors, slopes)


def test_vorticity_of_a_rotation_in_3d():
    """u = Ω × r has the vorticity 2 Ω everywhere, and the enstrophy 2 Ω²."""
    flow, omega = ForcedAdvection(y=8, x=8, z=8), {"x": 1.0, "y": -2.0, "z": 0.5}
    rotation = {
        "x": lambda y, x, z: omega["y"] * z - omega["z"] * y,
        "y": lambda y, x, z: omega["z"] * x - omega["x"] * z,
        "z": lambda y, x, z: omega["x"] * y - omega["y"] * x,
    }
    arrays = on_faces(flow, rotation)
    for pair, d, sign in ((("x", "y"), "z", 1), (("x", "z"), "y", -1), (("y", "z"), "x", 1)):
        np.testing.assert_allclose(metrics.curl(flow, arrays, pair), 2 * sign * omega[d], atol=1e-5)
    np.testing.assert_allclose(metrics.vorticity(flow, arrays), 2 * omega["z"], atol=1e-5)
    assert metrics.enstrophy(flow, arrays) == pytest.approx(2 * sum(w**2 for w in omega.values()), rel=1e-5)


def test_vorticity_correlation(wake):
    flow, _, arrays = wake
    tripled, mirrored = ({n: f * a for n, a in arrays.items()} for f in (3, -1))
    np.testing.assert_allclose(metrics.vorticity_correlation(flow, tripled, arrays), 1)
    np.testing.assert_allclose(metrics.vorticity_correlation(flow, mirrored, arrays), -1)
    box = ForcedAdvection(y=32, x=32)
    sine, cosine = (
        on_faces(box, {"y": lambda y, x, f=f: f(2 * np.pi * x / 32), "x": lambda y, x: 0.0 * x})
        for f in (np.sin, np.cos)
    )
    half = {n: (sine[n] + cosine[n]) / 2 for n in sine}
    assert metrics.vorticity_correlation(box, half, sine) == pytest.approx(
        np.sqrt(0.5), abs=0.03
    )  # the domain's last nodes are missing


def test_time_until_below():
    series = np.array([[1.0, 0.99, np.nan, 0.5], [0.9, 0.98, np.nan, 0.99], [0.7, 0.97, np.nan, 0.99]])
    np.testing.assert_allclose(metrics.time_until_below(series, 0.95, 2.0), [3, np.nan, 0, 0.2])


# --- wakes ---


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


def test_line_and_probe_of_a_linear_field():
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


def test_force_on_a_plate_in_a_shear_flow():
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
