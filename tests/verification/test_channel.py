"""A channel by boundary conditions alone: between walls at rest, with open ends, a sine decays as its closed form."""

import numpy as np
import pytest
from channels import OpenChannel
from phi import math
from phi.geom import Sphere

from phi_sol import metrics


def decay(cells: int) -> float:
    """By how much u = sin(π x / w) e_y decays until t = 1 in a channel of width w = 1 with ν = 0.1."""
    flow = OpenChannel(
        **dict(y=4, x=cells, size=dict(y=1.0, x=1.0), radius=1.0, obstacles=(), dt=1 / cells**2, advection="central")
    )
    place = (np.arange(cells) + 1) / (cells + 1)  # walls are where the velocity beyond the side is zero
    with math.NUMPY:
        start = flow.initial_state(reynolds=10.0)
        sine = math.wrap(np.sin(np.pi * place), math.spatial("x"))
        y = start.velocity.vector["y"].values
        values = math.stack(
            {"y": math.expand(sine, y.shape), "x": 0 * start.velocity.vector["x"].values}, math.dual("vector")
        )
        start = start.with_fields(velocity=start.velocity.with_values(math.to_float(values)))
    arrays = metrics.arrays_of(flow, flow.rollout(start, cells**2, cells**2, False).last)
    speed = arrays["velocity.y"][0]
    np.testing.assert_allclose(speed, np.broadcast_to(speed[0], speed.shape), atol=1e-6)  # the same all along
    np.testing.assert_allclose(arrays["velocity.x"], 0, atol=1e-6)
    ratio = speed[0] / np.sin(np.pi * place)
    assert np.ptp(ratio) < 1e-4  # still a sine
    return float(ratio.mean())


def test_a_sine_between_walls_decays_as_its_closed_form():
    """
    exp(-ν π² t / w²) with the width w between the places where the velocity is zero: one cell more than the domain's,
    half a cell at each wall; with the second-order Laplacian's own rate to 1e-4.
    """
    errors = []
    for cells in (8, 16):
        found = decay(cells)
        h = 1 / cells
        rate = 0.1 * 4 / h**2 * np.sin(np.pi / (2 * (cells + 1))) ** 2
        assert found == pytest.approx(np.exp(-rate), rel=2e-4)
        errors.append(abs(found - np.exp(-0.1 * np.pi**2)))
    assert 1.6 < errors[0] / errors[1] < 2.2  # first order in the width


def test_what_enters_an_open_channel_leaves_it_and_slows_down_around_a_cylinder():
    flow = OpenChannel(
        y=24, x=24, size=dict(y=1.0, x=1.0), radius=1.0, dt=0.01, obstacles=Sphere(y=0.5, x=0.5, radius=0.1)
    )
    with math.NUMPY:
        start = flow.initial_state(reynolds=100.0, poke=0.0)
    through = []
    for state in flow.rollout(start, 40, 20):
        arrays = metrics.arrays_of(flow, state)
        flux = metrics.faces(flow, arrays)["y"][0].mean(1)
        np.testing.assert_allclose(flux, flux[0], rtol=1e-5)
        assert np.abs(metrics.divergence(flow, arrays)[:, flow.projection.fluid]).max() < 1e-4
        np.testing.assert_allclose(arrays["velocity.x"], -arrays["velocity.x"][:, :, ::-1], atol=1e-5)  # a mirror image
        through.append(flux[0])
    assert 1 > through[0] > through[1] > 0.1
