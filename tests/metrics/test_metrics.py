"""Metrics against closed forms and independent computations."""

from types import SimpleNamespace

import numpy as np
import pytest
from phi import math
from phi.field import divergence as phiflow_divergence

from phi_sol import BuoyantPlume, ForcedAdvection, PeriodicBox, WakeFlow, metrics
from phi_sol.metrics.metric import compared_arrays


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


def test_energy_and_enstrophy_of_a_taylor_green_vortex(on_faces):
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
def test_energy_of_a_stream_with_walls(flow, on_faces):
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


def test_windowed_spectrum(wake, on_faces):
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


def test_vorticity_is_second_order(on_faces):
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


def test_vorticity_of_a_rotation_in_3d(on_faces):
    """u = Ω × r has the vorticity 2 Ω everywhere, and the enstrophy 2 Ω²."""
    flow, omega = BuoyantPlume(y=8, x=8, z=8), {"x": 1.0, "y": -2.0, "z": 0.5}
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


def test_enstrophy_of_a_periodic_box_does_not_change_when_everything_moves_on(on_faces):
    """Nodes on the ends count: ω = 2 cos(2 x) is zero in every second column of nodes: all must count."""
    box = PeriodicBox(y=4, x=8)
    wave = on_faces(box, {"y": lambda y, x: np.sin(2 * x), "x": lambda y, x: 0 * y * x})
    moved = {n: np.roll(a, 1, 2) for n, a in wave.items()}
    slope = 2 * np.sin(2 * np.pi / 8) * np.sqrt(0.5) / (2 * np.pi / 8)  # root mean square of the differences
    for arrays in (wave, moved):
        assert metrics.enstrophy(box, arrays) == pytest.approx(slope**2 / 2, rel=1e-5)
    assert metrics.curl(box, wave, ("x", "y")).shape == (1, 3, 7)  # on inner nodes
    assert metrics.curl(box, wave, ("x", "y"), around=True).shape == (1, 4, 8)


def test_enstrophy_of_vortices_is_that_of_their_closed_form():
    """u_x = sin x cos y, u_y = -cos x sin y: ω = 2 sin x sin y, <ω² / 2> = 1/2; on a grid with sines over its cells."""
    flow = PeriodicBox(y=32, x=32, initial="taylor_green")
    with math.NUMPY:
        arrays = metrics.arrays_of(flow, flow.initial_state())
    assert metrics.enstrophy(flow, arrays) == pytest.approx(0.5 * np.sinc(1 / 32) ** 4, rel=1e-4)


def test_vorticity_correlation(wake, on_faces):
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
