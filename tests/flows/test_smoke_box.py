"""Smoke in a closed box: its start, and the Poisson problem that it keeps."""

import numpy as np
import pytest
from phi import math
from phi.field import divergence

from phi_sol import InputError, SmokeBox


@pytest.fixture(scope="module")
def flow():
    return SmokeBox(y=16, x=16)


def values(field, *names):
    return field.values.numpy(names or ("batch", "y", "x"))


def test_start(flow):
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(seed=[3, 4])
        assert np.abs(values(divergence(state.velocity))).max() < 1e-13
        assert (
            (values(state.marker) > 0).all()
            and (values(state.divergence) == 0).all()
            and (values(state.pressure) == 0).all()
        )
        assert not np.array_equal(*values(state.marker))
        fine = SmokeBox(y=64, x=64).initial_state(seed=3)
        mean = values(fine.marker, "y", "x").reshape(16, 4, 16, 4).mean((1, 3))
        np.testing.assert_allclose(mean, values(state.marker)[0], rtol=1e-12)
        # in the continuum each component has the root mean square SPEED on average; faces are means
        squares = [np.mean(np.square(fine.velocity.values[{"~vector": d}].numpy(("y", "x")))) for d in "yx"]
    assert np.sqrt(np.mean(squares)) == pytest.approx(SmokeBox.SPEED, rel=0.03)


def test_the_problem_of_a_step(flow):
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(seed=[3, 4])
        for _ in range(3):
            velocity, _ = flow.before_projection(state, math.wrap(1.0))
            sources = values(divergence(velocity))
            state = flow.step(state)
        np.testing.assert_array_equal(values(state.divergence), sources)
        p = values(state.pressure)
        padded = np.pad(p, ((0, 0), (1, 1), (1, 1)), mode="edge")
        h = 64 / 16
        laplace = (
            padded[:, 2:, 1:-1] + padded[:, :-2, 1:-1] + padded[:, 1:-1, 2:] + padded[:, 1:-1, :-2] - 4 * p
        ) / h**2
        np.testing.assert_allclose(laplace, sources, atol=1e-12 * np.abs(sources).max() + 1e-13)
        assert np.abs(p.mean((1, 2))).max() < 1e-12
        assert np.abs(values(divergence(state.velocity))).max() < 1e-13


def test_another_size():
    class Wide(SmokeBox):
        size = {"y": 32.0, "x": 96.0}

    with math.NUMPY, math.precision(64):
        state = Wide(y=16, x=32).initial_state(seed=3)
        assert np.abs(values(divergence(state.velocity))).max() < 1e-13
        assert values(state.marker)[..., 16:].max() > 0.1


def test_refused():
    with pytest.raises(InputError, match="SmokeBox has no argument 'z'. Its axes: y, x"):
        SmokeBox(y=16, x=16, z=16)
    with pytest.raises(InputError, match="crosses the domain"):
        SmokeBox(y=64, x=64).check_stability(dt=10.0, seed=0, buoyancy=8.45)
