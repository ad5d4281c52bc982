"""
The periodic box against a pseudo-spectral solver (`spectral_box.py`) from the same function of space, forced and not,
in 2D and 3D; and that solver against closed forms. Longer and larger: benchmarks/turbulence.py.
"""

import numpy as np
import pytest
from phi import math
from phi.math import wrap
from spectral_box import SpectralBox, from_faces, from_vorticity, resized, to_faces, to_vorticity

from phi_sol import PeriodicBox, metrics


def faces(velocity):
    dims = list(velocity.resolution.names)
    return [velocity.values[{"~vector": d}].numpy(dims) for d in dims]


def relative(found, exact):
    flat = [np.concatenate([np.ravel(u) for u in parts]) for parts in (found, exact)]
    return np.linalg.norm(flat[0] - flat[1]) / np.linalg.norm(flat[1])


# --- the spectral solver ---


def random_state(n, dims, seed=0):
    box = SpectralBox(n, dims, 0.01)
    values = np.random.default_rng(seed).normal(size=(dims, *[n] * dims))
    spectrum = np.fft.rfftn(values, axes=box.axes, norm="forward")
    return box.projected(spectrum * np.exp(-box.squares / 8))


def test_the_spectral_solver_has_the_vortices_closed_form():
    box, points = SpectralBox(12, 2, 0.05), 2 * np.pi * np.arange(12) / 12
    y, x = np.meshgrid(points, points, indexing="ij")
    start = np.array([-np.sin(y) * np.cos(x), np.cos(y) * np.sin(x)])
    end = box.run(np.fft.rfftn(start, axes=box.axes, norm="forward"), 0.05, 20)
    np.testing.assert_allclose(box.points(end), start * np.exp(-0.1), atol=1e-13)


@pytest.mark.parametrize("dims", [2, 3])
def test_the_spectral_solver_is_of_fourth_order_and_loses_the_energy_that_it_dissipates(dims):
    box, start = SpectralBox(12, dims, 0.01, drag=0.1), random_state(12, dims)
    exact = box.run(start, 0.4 / 32, 32)
    errors = [np.abs(box.run(start, 0.4 / n, n) - exact).max() for n in (2, 4)]
    assert 3.6 < np.log2(errors[0] / errors[1]) < 4.6
    energies = [box.energy_and_dissipation(box.run(start, 1e-3, n))[0] for n in (0, 2)]
    assert (energies[0] - energies[1]) / 2e-3 == pytest.approx(
        box.energy_and_dissipation(box.run(start, 1e-3, 1))[1], rel=1e-5
    )


def test_means_over_faces_and_vorticity_have_the_same_waves():
    state = random_state(12, 2)
    np.testing.assert_allclose(resized(from_faces(to_faces(state, 20), 16), 12), state, atol=1e-14)
    again = from_vorticity(to_vorticity(state))
    again[:, 0, 0] = state[:, 0, 0]  # a mean flow has no vorticity
    np.testing.assert_allclose(again, state, atol=1e-14)
    fine = to_faces(state, 64)  # and sums of fine faces are those of the coarse ones
    coarse = [fine[0][::4].reshape(16, 16, 4).mean(2), fine[1].reshape(16, 4, 64).mean(1)[:, ::4]]
    np.testing.assert_allclose(coarse, to_faces(state, 16), atol=1e-14)


# --- the box against it ---

FORCED = dict(forcing="kolmogorov", drag=0.1, wave_number=2)


def kolmogorov(y, x):
    return np.zeros_like(y), np.sin(2 * y)


def error(dims, n, advection, forced, points, until=0.8):
    """Relative L2 error of the velocity, and the correlation of the vorticity, at a time when all grids resolve it."""
    cells = dict.fromkeys("yxz"[:dims], n)
    options = FORCED if forced else {}
    with math.NUMPY, math.precision(64):
        flow = PeriodicBox(**cells, advection=advection, peak=2.0, spread=0.5, **options)
        start = state = flow.initial_state(seed=3, viscosity=0.02)
        steps = round(until * n / 2)
        for _ in range(steps):
            state = flow.integrate(state, wrap(until / steps))
    given = faces(start.velocity)
    box = SpectralBox(points, dims, 0.02, drag=0.1 if forced else 0.0, forcing=kolmogorov if forced else None)
    end = box.run(from_faces(given, points), until / 32, 32)
    exact = to_faces(end, n)
    ends = faces(state.velocity), exact
    arrays = [{f"velocity.{d}": u[None] for d, u in zip(cells, parts, strict=True)} for parts in ends]
    assert relative(given, exact) > 0.1  # something happened
    return relative(faces(state.velocity), exact), float(metrics.vorticity_correlation(flow, *arrays)[0])


@pytest.mark.parametrize(
    ("advection", "forced", "least", "most"),
    [("central", False, 1.85, 0.05), ("central", True, 1.85, 0.05), ("van_leer", True, 1.3, 0.12)],
)
def test_2d_flow_approaches_the_spectral_solution(advection, forced, least, most):
    coarse, fine = (error(2, n, advection, forced, 30) for n in (24, 48))
    print(advection, forced, coarse, fine)
    assert np.log2(coarse[0] / fine[0]) > least
    assert coarse[0] < most and fine[1] > 0.998


def test_3d_flow_approaches_the_spectral_solution():
    coarse, fine = (error(3, n, "central", False, 24, until=0.4) for n in (12, 24))
    print(coarse, fine)
    assert np.log2(coarse[0] / fine[0]) > 1.7
    assert fine[0] < 0.05
