"""Metrics against closed forms."""

import numpy as np
import pytest

from phi_sol import WakeFlow
from phi_sol.evaluation.metrics import dominant_frequency, mean_absolute_error, vorticity


def test_mae_is_averaged_per_component_first():
    arrays = {"u.y": np.zeros((2, 4, 4)), "u.x": np.zeros((2, 4, 3)), "d": np.full((2, 4, 4), 100.0)}
    reference = {"u.y": np.full((2, 4, 4), 2.0), "u.x": np.full((2, 4, 3), -1.0), "d": np.zeros((2, 4, 4))}
    reference["u.y"][1] = 4.0
    np.testing.assert_allclose(mean_absolute_error(arrays, reference, ["u.y", "u.x"]), [1.5, 2.5])


def test_mae_of_a_blown_up_solver_is_not_finite():
    arrays = {"u": np.array([[np.inf, 1.0], [0.0, 1.0]], np.float32)}
    result = mean_absolute_error(arrays, {"u": np.zeros((2, 2), np.float32)}, ["u"])
    assert not np.isfinite(result[0]) and result[1] == 0.5


def test_vorticity_is_second_order():
    """ω = ∂u_y/∂x - ∂u_x/∂y of products of sines, by slope."""
    errors = []
    for n in (16, 32, 64):
        flow = WakeFlow(y=2 * n, x=n)
        template = flow.templates["velocity"]
        points = {d: template.vector[d].points for d in "yx"}
        y_of = {d: points[d].vector["y"].numpy("y,x") / 200 for d in "yx"}
        x_of = {d: points[d].vector["x"].numpy("y,x") / 100 for d in "yx"}
        u_y = np.sin(2 * np.pi * x_of["y"]) * np.cos(np.pi * y_of["y"])
        u_x = np.sin(np.pi * x_of["x"]) * np.sin(3 * y_of["x"])
        result = vorticity(flow, {"velocity.y": u_y[None], "velocity.x": u_x[None]})[0]
        y, x = np.meshgrid(np.arange(1, 2 * n) / (2 * n), np.arange(1, n) / n, indexing="ij")
        exact = 2 * np.pi / 100 * np.cos(2 * np.pi * x) * np.cos(np.pi * y) - 3 / 200 * np.sin(np.pi * x) * np.cos(3 * y)
        assert result.shape == exact.shape
        errors.append(np.abs(result - exact).max())
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (np.abs(slopes - 2) < 0.2).all(), (errors, slopes)


@pytest.mark.parametrize("frequency", [0.0107, 0.02, 0.11])
def test_dominant_frequency(frequency):
    t = np.arange(500.0)
    signal = 3 + np.sin(2 * np.pi * frequency * t + 0.3) + 0.2 * np.sin(4 * np.pi * frequency * t)
    assert dominant_frequency(signal, 1.0) == pytest.approx(frequency, rel=0.01)
    assert dominant_frequency(signal, 0.5) == pytest.approx(2 * frequency, rel=0.01)


def test_constant_signal_has_no_frequency():
    assert dominant_frequency(np.ones(100), 1.0) == 0
