"""Flows in a user's own geometry: compiled and PhiFlow steps agree, mass is kept, a channel is as its closed form."""

import numpy as np
import pytest
from phi import math
from phi.geom import Box, Sphere, union

from phi_sol import WakeFlow, metrics


def half(p):
    """Enters above a step, as a parabola."""
    x = p.vector["x"]
    return 1.5 * math.maximum(0, 1 - ((x - 75) / 25) ** 2)


def sheared(p):
    return 1 + 0.5 * math.sin(2 * np.pi * p.vector["z"] / 100) * p.vector["x"] / 100


FLOWS = {
    "backward-facing step": WakeFlow(
        y=16, x=8, obstacles=Box(y=(-1, 60), x=(-1, 50)), walls="no-slip", inlet=half, dt=2.0
    ),
    "3D, all but x of its own": WakeFlow(
        **dict(y=10, x=8, z=8, dt=2.0, inlet=sheared, walls={"z": "periodic", "x": "free-slip"}),
        obstacles=union(Sphere(y=60, x=50, z=50, radius=15), Box(y=(90, 130), x=(-1, 40), z=(20, 60))),
    ),
}


@pytest.mark.parametrize("name", FLOWS)
def test_steps_agree_and_what_enters_leaves(name):
    flow = FLOWS[name]
    with math.NUMPY, math.precision(64):
        start = flow.initial_state(reynolds=150.0)
        state = start
        for _ in range(3):
            state = flow.step(state)
    exact = {n: a.copy() for n, a in metrics.arrays_of(flow, state).items()}
    compiled = metrics.arrays_of(flow, flow.rollout(start, 3).last)
    for n, values in exact.items():
        np.testing.assert_allclose(compiled[n], values, atol=2e-5, err_msg=n)
    for arrays in (metrics.arrays_of(flow, start), exact):
        through = metrics.faces(flow, arrays)["y"][0]
        area = np.prod([h for d, h in flow.spacing.items() if d != "y"])
        assert np.abs(metrics.divergence(flow, arrays)[:, flow.projection.fluid]).max() < 1e-6
        fluid = flow.projection.fluid
        expected = _entering(name, flow) * area
        assert through[0][fluid[0]].sum() * area == pytest.approx(expected, rel=1e-6)
        assert through[-1].sum() * area == pytest.approx(expected, rel=1e-5) and not through[0][~fluid[0]].any()
    assert np.abs(exact["velocity.x"]).max() > 0.1


def _entering(name: str, flow: WakeFlow) -> float:
    """What enters, by hand, divided by the area of a face."""
    if name == "backward-facing step":
        return 1.5 * 2 / 3 * 50 / flow.spacing["x"]
    z = (np.arange(8) + 0.5) / 8
    return (1 + 0.5 * np.sin(2 * np.pi * z) * np.sinc(1 / 8) / 2).sum() * 8


def channel(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """The speed halfway down a channel of width 2 with walls at rest, in which a parabola enters, and where it is."""
    flow = WakeFlow(
        **dict(y=8, x=cells, size=dict(y=4.0, x=2.0), radius=1.0, obstacles=(), walls="no-slip", dt=8 / cells**2),
        inlet=lambda p: 1.5 * (1 - (p.vector["x"] - 1) ** 2),
    )
    with math.NUMPY:
        start = flow.initial_state(reynolds=5.0)
    steps = cells**2 // 4  # until t = 2
    arrays = metrics.arrays_of(flow, flow.rollout(start, steps, steps).last)
    np.testing.assert_allclose(arrays["velocity.y"][0].sum(1) * 2 / cells, 2.0, rtol=1e-5)  # at every cross-section
    return arrays["velocity.y"][0, 4], (np.arange(cells) + 0.5) * 2 / cells


def test_a_channel_stays_poiseuille_s_to_first_order():
    """
    Its walls are where the velocity beyond the side is zero, half a cell outside: what is left of the parabola is the
    one between these, with the same flux; it approaches Poiseuille's in first order.
    """
    errors = []
    for cells in (8, 16):
        speed, x = channel(cells)
        h = 2 / cells
        shifted = (x + h / 2) * (2 + h / 2 - x)
        np.testing.assert_allclose(speed, shifted * 2 / (shifted.sum() * h), rtol=0.01)
        errors.append(np.abs(speed - 1.5 * (1 - (x - 1) ** 2)).mean())
    assert 1.6 < errors[0] / errors[1] < 2.2
    np.testing.assert_allclose(errors, [0.1083, 0.0627], rtol=0.03)  # of the shifted parabola, as docs/geometry.md says


def test_between_free_slip_walls_a_uniform_stream_stays_uniform():
    flow = WakeFlow(y=16, x=8, obstacles=(), walls="free-slip", inlet=0.7)
    with math.NUMPY:
        state = flow.step(flow.step(flow.initial_state(reynolds=100.0)))
    y, x = (state.velocity.values[{"~vector": d}].numpy("y,x") for d in "yx")
    np.testing.assert_allclose(y, 0.7, rtol=1e-6)
    np.testing.assert_allclose(x, 0, atol=1e-6)


def test_a_mask_flows_as_the_box_that_it_is():
    """Also with other cells than the grid, and on a grid that is finer than both."""
    cells = np.zeros((8, 8), bool)
    cells[2:4, 3:5] = True
    final = []
    for obstacle in (Box(y=(50, 100), x=(37.5, 62.5)), cells):
        flow = WakeFlow(y=32, x=16, obstacles=obstacle)
        with math.NUMPY:
            state = flow.initial_state(reynolds=200.0)
            for _ in range(3):
                state = flow.step(state)
        final.append(metrics.arrays_of(flow, state))
    for n, a in final[0].items():
        np.testing.assert_array_equal(final[1][n], a)
