"""Rate of strain and the force of a stress, against closed forms and PhiFlow's operators."""

import numpy as np
import pytest
from phi import math

from phi_sol import BuoyantPlume, PeriodicBox, WakeFlow
from phi_sol.flows.diffusion import laplacian
from phi_sol.grids.strain import at_edges, beyond, force, in_cells, pairs_of, strain_rate, strain_size
from phi_sol.stepping.arrays import native_arrays


@pytest.fixture(autouse=True)
def double():
    with math.NUMPY, math.precision(64):
        yield


def state_arrays(flow, **parameters):
    state = flow.initial_state(**parameters)
    arrays = native_arrays(flow, state, state.batch_shape)
    return state, {n: np.asarray(arrays[n], np.float64) for n in flow.layouts["velocity"].arrays}


def box(**resolution):
    return PeriodicBox(**resolution, peak=2.0, spread=0.5)


@pytest.mark.parametrize(
    "flow",
    [
        box(y=16, x=12),
        box(y=8, x=6, z=10),
        WakeFlow(y=32, x=16, obstacles=(), walls="free-slip"),
        BuoyantPlume(y=16, x=8),
    ],
    ids=["2D", "3D", "wake", "walls"],
)
def test_a_constant_viscosity_is_the_laplacian_of_a_divergence_free_velocity(flow):
    layout = flow.layouts["velocity"]
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=layout.shape(c)) for c in layout.components]
    arrays = {n: a[None] for n, a in zip(layout.arrays, noise, strict=True)}
    velocity, _ = flow.projection(layout.to_field(arrays, math.batch(batch=1)))
    arrays = {n: np.asarray(a) for n, a in layout.to_arrays(velocity, math.batch(batch=1)).items()}
    strain = strain_rate(layout, arrays)
    viscous = force(layout, {pair: 2 * 0.3 * s for pair, s in strain.items()})
    expected = layout.to_arrays(laplacian(velocity), math.batch(batch=1))
    for name, component in zip(layout.arrays, layout.components, strict=True):
        inner = [slice(None)] + [slice(1, -1)] * len(layout.dims)  # beyond open sides the divergence is not zero
        got, wanted = (np.asarray(x)[tuple(inner)] for x in (viscous[name], 0.3 * expected[name]))
        np.testing.assert_allclose(got, wanted, atol=1e-9 * np.abs(wanted).max(), err_msg=component)


def test_the_force_of_any_stress_keeps_momentum_in_a_periodic_box():
    flow, rng = box(y=8, x=6, z=10), np.random.default_rng(1)
    layout = flow.layouts["velocity"]
    cells = {pair: rng.normal(size=(2, 8, 6, 10)) for pair in pairs_of(layout)}
    forces = force(layout, {pair: at_edges(layout, beyond(layout, c), pair) for pair, c in cells.items()})
    assert [f.shape for f in forces.values()] == [(2, 8, 6, 10)] * 3
    for values in forces.values():
        assert np.abs(values).max() > 1
        np.testing.assert_allclose(values.sum((1, 2, 3)), 0, atol=1e-11)


def test_strain_of_waves_is_second_order():
    errors = []
    for n in (16, 32):
        flow = PeriodicBox(y=n, x=n, initial="taylor_green")  # u_x = sin x cos y, u_y = -cos x sin y
        _, arrays = state_arrays(flow, viscosity=0.1)
        layout = flow.layouts["velocity"]
        centre = (np.arange(n) + 0.5) * 2 * np.pi / n
        y, x = np.meshgrid(centre, centre, indexing="ij")
        strain = in_cells(layout, strain_rate(layout, arrays))
        exact = {("y", "y"): -np.cos(x) * np.cos(y), ("x", "x"): np.cos(x) * np.cos(y), ("y", "x"): 0 * x}
        size = 2 * np.abs(np.cos(x) * np.cos(y))
        assert set(strain) == set(exact)
        errors.append([np.abs(strain[p][0] - exact[p]).max() for p in exact])
        errors[-1].append(np.abs(strain_size(layout, strain_rate(layout, arrays))[0] - size).max())
    slopes = np.log2(np.array(errors[0]) / np.maximum(errors[1], 1e-300))
    assert (slopes[[0, 1, 3]] > 1.8).all(), slopes
    assert max(errors[0][2], errors[1][2]) < 1e-12


def test_shear_has_a_strain_of_half_its_rate_at_edges():
    flow = PeriodicBox(y=8, x=8, size={"y": 8.0, "x": 8.0})
    layout = flow.layouts["velocity"]
    along = np.sin(2 * np.pi * (np.arange(8) + 0.5) / 8)
    arrays = {"velocity.y": np.zeros((1, 8, 8)), "velocity.x": np.broadcast_to(along[:, None], (1, 8, 8)).copy()}
    edge = strain_rate(layout, arrays)["y", "x"]
    assert edge.shape == (1, 9, 9)
    expected = 0.5 * (along - np.roll(along, 1))
    np.testing.assert_allclose(edge[0, :8, 0], expected, atol=1e-14)
