"""What buoyancy, walls and advection do in a plume, against independent sums; float64."""

import sys
from pathlib import Path

import numpy as np
import pytest
from phi import math
from phi.field import divergence

from phi_sol import BuoyantPlume

sys.path.insert(0, str(Path(__file__).parent))
from states import arrays_of, rough_state


@pytest.fixture(autouse=True)
def double():
    with math.NUMPY, math.precision(64):
        yield


GRIDS = [dict(y=32, x=16), dict(y=16, x=8, z=8)]


@pytest.mark.parametrize("grid", GRIDS, ids=["2D", "3D"])
def test_buoyancy_adds_the_momentum_it_should(grid):
    """∫ b d dV per unit time along +y and nothing along the other axes, for smoke that does not touch the walls."""
    flow = BuoyantPlume(**grid)
    inside = {d: (0.25 * flow.size[d], 0.75 * flow.size[d]) for d in grid}
    marker = flow.field("marker", flow.covered_fraction(inside) * math.random_uniform(flow.shape))
    cell = np.prod(list(flow.spacing.values()))
    force = flow.buoyant_acceleration(marker, math.wrap(0.03)).values
    total = 0.03 * marker.values.numpy(list(grid)).sum() * cell
    assert force[{"~vector": "y"}].numpy(list(grid)).sum() * cell == pytest.approx(total, rel=1e-12)
    for d in grid:
        assert d == "y" or (force[{"~vector": d}].numpy(list(grid)) == 0).all()


def test_first_step_from_rest_makes_the_vorticity_of_the_buoyancy():
    """
    The projection leaves the discrete curl alone, so that after one step from rest ∂u_y/∂x - ∂u_x/∂y is dt b ∂d/∂x
    exactly, with d averaged along y to the inner nodes.
    """
    flow, dt, b = BuoyantPlume(y=32, x=16), 0.7, 0.05
    state = flow.initial_state(seed=1, buoyancy=b)
    d = state.marker.values.numpy("y,x")
    after = arrays_of(flow, flow.physics(state, math.wrap(dt)))
    u_y, u_x = (np.squeeze(after[f"velocity.{c}"]) for c in "yx")
    h_y, h_x = flow.spacing["y"], flow.spacing["x"]
    curl = np.diff(u_y, axis=1) / h_x - np.diff(u_x, axis=0) / h_y
    expected = dt * b * np.diff((d[1:] + d[:-1]) / 2, axis=1) / h_x
    np.testing.assert_allclose(curl, expected, atol=1e-14)
    assert np.abs(expected).max() > 1e-4
    np.testing.assert_allclose(np.squeeze(after["marker"]), d, atol=1e-14)  # nothing moved yet


@pytest.mark.parametrize("grid", GRIDS, ids=["2D", "3D"])
def test_no_flow_through_the_walls(grid):
    """The faces on walls are not among the values; the flux through every plane across a closed box is zero."""
    flow = BuoyantPlume(**grid)
    state = rough_state(flow, dict(seed=[0, 1], buoyancy=[0.1, 0.3]))
    for _ in range(3):
        state = flow.physics(state, math.wrap(2.0))
        arrays = arrays_of(flow, state)
        assert np.abs(divergence(state.velocity).values.numpy(["batch", *grid])).max() < 1e-12
        for axis, (d, n) in enumerate(grid.items(), 1):
            component = arrays[f"velocity.{d}"]
            assert component.shape[axis] == n - 1 and np.abs(component).max() > 0.1
            others = tuple(i for i in range(1, len(grid) + 1) if i != axis)
            np.testing.assert_allclose(component.sum(others), 0, atol=1e-10)


def test_open_top_lets_the_smoke_out():
    left, flux = {}, []
    for top in ("open", "closed"):
        flow = BuoyantPlume(y=16, x=8, top=top)
        smoke = flow.field("marker", flow.covered_fraction(dict(y=(140, 195), x=(30, 55))))
        state = flow.initial_state(seed=0, buoyancy=0.2).with_fields(marker=smoke)
        for _ in range(25):
            state = flow.physics(state, math.wrap(1.0))
            if top == "open":
                flux.append(state.velocity.values[{"~vector": "y"}].numpy("y,x")[-1])
        left[top] = state.marker.values.numpy("y,x").sum() / smoke.values.numpy("y,x").sum()
    assert len(flux[0]) == 8 and max(np.abs(f).max() for f in flux) > 0.1  # through the open top
    assert max(abs(f.sum()) for f in flux) < 1e-10  # as much air comes in as goes out, the other sides being walls
    assert left["open"] < 0.8 < 0.9 < left["closed"]


def test_source_adds_its_rate():
    """0.3 per unit time on 10 x 20 domain units (times 20 in 3D), the same on every grid."""
    for grid, volume in ((dict(y=64, x=32), 200), (dict(y=20, x=10), 200), (dict(y=24, x=12, z=12), 4000)):
        flow = BuoyantPlume(**grid, inflow=0.3)
        assert flow.source.values.numpy(list(grid)).sum() * np.prod(list(flow.spacing.values())) == pytest.approx(
            0.3 * volume
        )


@pytest.mark.slow
@pytest.mark.parametrize("grid", GRIDS, ids=["2D", "3D"])
def test_marker_of_a_closed_plume_stays_within_the_stated_bounds(grid):
    """
    No new extrema, and per step the mass changes by at most a fraction dt |∇u|, with |∇u| the largest Frobenius norm of
    the velocity gradient. The bound is not idle: the mass does change.
    """
    flow, dt = BuoyantPlume(**grid), 1.0
    state = flow.initial_state(seed=[0, 1, 2], buoyancy=0.03)
    axes, dims = tuple(range(1, len(grid) + 1)), list(grid)
    lowest, highest = (f(state.marker.values.numpy(["batch", *dims]), axes) for f in (np.min, np.max))
    used = []
    for _ in range(60 if len(grid) == 2 else 25):
        velocity = state.velocity.at_centers().values.numpy(["batch", *dims, "vector"])
        gradients = [
            np.gradient(velocity[..., i], h, axis=a)
            for i in range(len(grid))
            for a, h in enumerate(flow.spacing.values(), 1)
        ]
        bound = dt * np.sqrt(np.sum(np.square(gradients), 0)).max(axes)
        before = state.marker.values.numpy(["batch", *dims])
        state = flow.physics(state, math.wrap(dt))
        after = state.marker.values.numpy(["batch", *dims])
        change = np.abs(after.sum(axes) - before.sum(axes)) / before.sum(axes)
        assert (change <= bound + 1e-12).all()
        used.append(change / np.maximum(bound, 1e-9))
        assert (after.min(axes) >= lowest - 1e-12).all() and (after.max(axes) <= highest + 1e-12).all()
    assert np.max(used[5:]) > 0.01


def test_smoke_rises():
    flow = BuoyantPlume(y=32, x=16)
    state = flow.initial_state(seed=0, buoyancy=0.03)
    y = flow.templates["marker"].points.vector["y"].numpy("y,x")

    def height(s):
        d = s.marker.values.numpy("y,x")
        return (y * d).sum() / d.sum()

    start = height(state)
    for _ in range(40):
        state = flow.physics(state, math.wrap(1.0))
    assert start + 1 < height(state) < start + 0.5 * 0.03 * state.marker.values.max * 40**2  # slower than free
