"""The physics-informed network of the benchmarks: it is asked for the right equations, and sees the right values."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Observations, Rollout, WakeFlow

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import inverse_pinn as pinn

K = 0.8


def stream_function(reynolds: float):
    """Of Taylor's and Green's vortices in a stream of speed 1 along y, an exact solution."""
    return lambda t, y, x: x + tf.sin(K * (y - t)) * tf.sin(K * x) * tf.exp(-2 * K**2 * t / reynolds)


def pressure(reynolds: float):
    return lambda t, y, x: (
        0.25 * K**2 * (tf.cos(2 * K * (y - t)) + tf.cos(2 * K * x)) * tf.exp(-4 * K**2 * t / reynolds)
    )


def by_tapes(function, points: np.ndarray) -> dict:
    """The derivatives of a function of (t, y, x), by their names in `pinn.ROWS`."""
    variables = dict(zip("tyx", tf.unstack(tf.constant(points), axis=1), strict=True))

    def derivative(name: str):
        if not name:
            return function(*variables.values())
        with tf.GradientTape() as tape:
            tape.watch(variables[name[-1]])
            value = derivative(name[:-1])
        return tape.gradient(value, variables[name[-1]], unconnected_gradients="zero")

    result = {name: derivative(name) for name in pinn.ROWS if "l" not in name}
    return result | {"l" + d: derivative("yy" + d) + derivative("xx" + d) for d in "yx"}


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(-2, 2, (50, 3))


def test_an_exact_solution_leaves_nothing_of_the_equations(points):
    given = [by_tapes(f(30.0), points) for f in (stream_function, pressure)]
    for left in pinn.residuals(*given, 30.0):
        np.testing.assert_allclose(left, 0, atol=1e-12)


@pytest.mark.parametrize(("reynolds", "of_pressure"), [(60.0, 30.0), (30.0, 1e9)])
def test_a_wrong_one_does(points, reynolds, of_pressure):
    left = pinn.residuals(by_tapes(stream_function(30.0), points), by_tapes(pressure(of_pressure), points), reynolds)
    assert min(np.abs(r).max() for r in left) > 5e-3


def test_derivatives_of_the_network_are_those_of_tapes(points):
    weights = [tf.constant(w + 0.1, tf.float64) for w in pinn.initial_weights(3)]
    found, further = pinn.derivatives(weights, tf.constant(points))
    expected = by_tapes(lambda *p: pinn.stream_function(weights, tf.stack(p, 1)), points)
    for name in pinn.ROWS:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)
    assert further.keys() == expected.keys()


def test_the_network_sees_what_was_observed():
    """A rigid rotation: ψ = (x² + y²) / 2, whose differences along faces are their mean velocities."""
    flow = WakeFlow(y=16, x=8, dt=10)
    layout, arrays = flow.layouts["velocity"], {"marker": np.zeros((4, 1, 16, 8), np.float32)}
    for name, component in zip(layout.arrays, layout.components, strict=True):
        y, x = ((a + b) / 2 for a, b in layout.intervals(component).values())
        turning = np.broadcast_to(x if component == "y" else -y[:, None], layout.shape(component))
        arrays[name] = np.tile(turning, (4, 1, 1, 1)).astype(np.float32)
    frames = Rollout(flow, arrays, {"reynolds": np.array([100.0])}, np.arange(1, 5) * 10.0)
    seen = Observations(frames, "velocity", every=2, region={"y": (80, 180), "x": (20, 80)}, noise=0.1)
    faces, half, noise = pinn.observed_faces(seen, frames[0])
    assert len(faces) == len(noise) == len(seen) // 2 * 3 and set(noise) == {0.1}
    np.testing.assert_allclose(half, [2, 5, 2.5])
    t, y, x, y_end, x_end, length, values = faces.T.astype(float)
    assert set(t) == {-2.0, 0.0, 2.0} and (values > 0).any() and (values < 0).any()
    middle = 12.5, 5.0  # the faces reach from 75 to 175 and from 25 to 75, in L
    psi = lambda y, x: 10 * ((y + middle[0]) ** 2 + (x + middle[1]) ** 2) / 2  # noqa: E731
    np.testing.assert_allclose((psi(y_end, x_end) - psi(y, x)) / length, values, rtol=1e-3, atol=1e-3)
