"""Forced advection: waves, seeds, time, and the same functions on every grid."""

import sys
from pathlib import Path

import numpy as np
import pytest
from phi import math

from phi_sol import ForcedAdvection, InputError, SolverPair
from phi_sol.flows.forced_advection import _draw_waves

sys.path.insert(0, str(Path(__file__).parents[1] / "verification"))
from states import arrays_of


@pytest.mark.parametrize("source", [dict(y=16, x=16), dict(y=8, x=4, z=8)], ids=["2D", "3D"])
def test_source_and_reference_know_the_same_functions(source):
    """Initial velocity and forcing restricted from the reference are those of the source, also after some steps."""
    pair = SolverPair(ForcedAdvection, source, ratio=4 if len(source) == 2 else 2)
    with math.NUMPY, math.precision(64):
        coarse, fine = (f.initial_state(seed=[0, 5], viscosity=0.1) for f in (pair.source, pair.reference))
        for name, values in arrays_of(pair.source, pair.restrict(fine)).items():
            np.testing.assert_allclose(values, arrays_of(pair.source, coarse)[name], atol=1e-12)
        for _ in range(3):
            coarse, fine = pair.source.physics(coarse, math.wrap(0.1)), pair.reference.physics(fine, math.wrap(0.1))
        restricted = arrays_of(pair.source, pair.restrict(fine))
        for name, values in arrays_of(pair.source, coarse).items():
            if name.startswith("forcing"):
                np.testing.assert_allclose(values, restricted[name], atol=1e-12)
        assert np.abs(restricted["velocity.y"] - arrays_of(pair.source, coarse)["velocity.y"]).max() > 1e-3
        np.testing.assert_allclose(restricted["time"], 0.3)


@pytest.mark.parametrize("resolution", [dict(y=8, x=16), dict(y=4, x=8, z=4)], ids=["2D", "3D"])
def test_forcing_by_quadrature(resolution):
    """Each value is the mean of the 20 waves over its face, by Gauss-Legendre quadrature with 12 points per axis."""
    flow, seed, t = ForcedAdvection(**resolution), 11, 1.7
    waves = _draw_waves(seed, list(resolution))
    nodes, weights = np.polynomial.legendre.leggauss(12)
    with math.NUMPY, math.precision(64):
        forcing = flow.forcing(math.wrap(11.0), math.wrap(0.2), math.wrap(t)).values
        for c in resolution:
            axes, means = [], []
            for d, n in resolution.items():
                h = 32 / n
                points = np.arange(n)[:, None] * h + (0 if d == c else h / 2 * (1 + nodes))
                axes.append(points * np.ones((1, 12)))
                means.append(weights / 2)
            x = np.meshgrid(*[a.ravel() for a in axes], indexing="ij")
            total = 0.0
            for j in range(20):
                angle = (
                    sum(waves["k"][d][j] * x_d for d, x_d in zip(resolution, x, strict=True))
                    - waves["frequency"][j] * t
                    + waves["phase"][j]
                )
                total = total + 0.2 * waves["a"][c][j] * np.sin(angle)
            for axis, mean in enumerate(means):
                total = np.moveaxis(
                    np.moveaxis(total, axis, -1).reshape(*np.delete(total.shape, axis), -1, 12) @ mean, -1, axis
                )
            np.testing.assert_allclose(forcing[{"~vector": c}].numpy(list(resolution)), total, atol=1e-12)


def test_waves_lie_in_the_ranges_of_the_paper():
    waves = [_draw_waves(seed, ["y", "x"]) for seed in range(200)]
    for name, lower, upper in (("phase", 0, 2 * np.pi), ("frequency", -0.4, 0.4)):
        values = np.stack([w[name] for w in waves])
        assert (
            values.shape == (200, 20)
            and lower <= values.min() < lower + 0.01 * upper
            and 0.99 * upper < values.max() <= upper
        )
    k = {d: np.stack([w["k"][d] for w in waves]) for d in "yxz"}
    number = np.hypot(k["y"], k["x"])
    assert 0.8 <= number.min() < 0.81 and 1.59 < number.max() <= 1.6
    assert (k["y"] >= 0).all() and (k["z"] == 0).all() and k["x"].min() < -1.5  # direction angles in [0, π]
    three_d = [_draw_waves(seed, ["y", "x", "z"]) for seed in range(200)]
    np.testing.assert_allclose(np.sqrt(sum(np.stack([w["k"][d] for w in three_d]) ** 2 for d in "yxz")), number)


def test_initial_velocity_is_smooth_periodic_and_of_the_stated_size():
    with math.NUMPY, math.precision(64):
        flow = ForcedAdvection(y=64, x=64)
        arrays = arrays_of(flow, flow.initial_state(seed=list(range(30))))
    for c in "yx":
        values = arrays[f"velocity.{c}"]
        assert np.sqrt((values**2).mean()) == pytest.approx(0.5, rel=0.1)
        spectrum = np.abs(np.fft.fft2(values))
        high = spectrum.copy()
        for i in range(-3, 4):
            for j in range(-3, 4):
                high[:, i, j] = 0
        assert high.max() < 1e-10 * spectrum.max()
    assert np.abs(arrays["velocity.y"][0] - arrays["velocity.x"][0]).max() > 0.1


def test_time_and_forcing_advance_together():
    flow = ForcedAdvection(y=8, x=8)
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(seed=[2, 3], amplitude=[0.1, 0.3])
        for dt in (0.1, 0.25):
            state = flow.physics(state, math.wrap(dt))
        np.testing.assert_allclose(arrays_of(flow, state)["time"], 0.35)
        expected = flow.forcing(state.seed, state.amplitude, math.wrap(0.35))
        for name, values in arrays_of(flow, state.with_fields(forcing=expected)).items():
            np.testing.assert_allclose(values, arrays_of(flow, state)[name], atol=1e-13)


@pytest.mark.parametrize("seed", [-1, 1.5, 1000])
def test_impossible_seeds(seed):
    with pytest.raises(InputError, match="seed"):
        ForcedAdvection(y=8, x=8).initial_state(seed=seed)


def test_impossible_parameters():
    flow = ForcedAdvection(y=32, x=32)
    for name in ("viscosity", "amplitude"):
        with pytest.raises(InputError, match=f"{name} must be positive and finite"):
            flow.initial_state(seed=0, **{name: -0.1})
    flow.check_stability(0.1, seed=0, viscosity=0.1, amplitude=0.15)
    with pytest.raises(InputError, match="seed=1000 is not possible: forced advection knows the seeds 0 to 999"):
        flow.check_stability(0.1, seed=1000, viscosity=0.1, amplitude=0.15)
    with pytest.raises(InputError, match=r"viscosity=3 is too large for .*: explicit diffusion needs viscosity <= 2.5"):
        flow.check_stability(0.1, seed=0, viscosity=3.0, amplitude=0.15)
    with pytest.raises(InputError, match="crosses the domain .* within one step; dt <= "):
        flow.check_stability(20.0, seed=0, viscosity=0.01, amplitude=0.15)
