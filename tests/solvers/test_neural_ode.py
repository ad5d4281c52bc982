"""A network as the rate of change of a state, against equations with a known solution."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, ForcedAdvection, HybridSolver, InputError, PeriodicBox
from phi_sol.correctors.statistics import Statistics
from phi_sol.metrics import divergence
from phi_sol.stepping.arrays import array_names, pack

LOGS = {"viscosity": 0.0, "amplitude": 0.0}


def linear(inputs, outputs, entries):
    """A network that multiplies the channels of every cell by a matrix."""
    matrix = np.zeros((1, 1, inputs, outputs), np.float32)
    for (i, j), value in entries.items():
        matrix[0, 0, i, j] = value
    x = keras.Input((None, None, inputs))
    network = keras.Model(x, y := keras.layers.Conv2D(outputs, 1, use_bias=False)(x))
    assert y.shape[-1] == outputs
    network.layers[-1].set_weights([matrix])
    return network


def hybrid_of(flow, network, integrator=None, project=False, scale=1.0):
    zeros, ones = ({n: v for n in array_names(flow)} for v in (0.0, 1.0))
    logs = [{n: v for n in flow.parameters if n != "seed"} for v in (0.0, 1.0)]
    statistics = Statistics(zeros, ones, {n: scale for n in ("velocity.y", "velocity.x")}, *logs)
    how = dict(placement="rate", integrator=integrator, project=project)
    return HybridSolver(flow, Corrector.create(flow, network, statistics, **how))


def errors_of_a_rotation(integrator, project=False):
    """du_y/dt = -w u_x, du_x/dt = w u_y with w = 1 / dt of the flow: after this time turned by one radian."""
    flow = ForcedAdvection(y=4, x=4, dt=0.05)
    hybrid = hybrid_of(flow, linear(6, 2, {(0, 1): 1.0, (1, 0): -1.0}), integrator)
    rng = np.random.default_rng(0)
    start = flow.initial_state(seed=0)
    arrays, parameters, _ = pack(flow, start)
    y, x = (rng.standard_normal((1, 4, 4)).astype(np.float32) for _ in "yx")
    arrays |= {"velocity.y": tf.constant(y), "velocity.x": tf.constant(x)}
    exact = {"velocity.y": np.cos(1) * y - np.sin(1) * x, "velocity.x": np.sin(1) * y + np.cos(1) * x}
    errors = []
    for steps in (2, 4, 8):
        now = dict(arrays)
        for _ in range(steps):
            now = hybrid(now, parameters, tf.constant(0.05 / steps))
        errors.append(max(np.abs(now[n] - e).max() for n, e in exact.items()))
        assert float(now["time"][0, 0, 0]) == pytest.approx(0.05)
    return errors


@pytest.mark.parametrize(("integrator", "order"), [("heun", 2), ("rk3", 3), ("rk4", 4)])
def test_order_in_time_with_steps_of_any_length(integrator, order):
    errors = errors_of_a_rotation(integrator)
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    print(integrator, errors, slopes)
    assert slopes[0] == pytest.approx(order, abs=0.35)


@pytest.mark.slow
def test_every_stage_sees_the_forcing_of_its_time():
    """With the forcing for the rate a classical Runge-Kutta step is Simpson's rule in time."""
    flow = ForcedAdvection(y=8, x=8, dt=0.1)
    hybrid = hybrid_of(flow, linear(6, 2, {(2, 0): 1.0, (3, 1): 1.0}), scale=0.1)  # dt: the rate is f itself
    arrays, parameters, _ = pack(flow, flow.initial_state(seed=3, amplitude=2.0))
    after = hybrid(arrays, parameters, tf.constant(0.1))
    middle, end = (flow(arrays, parameters, tf.constant(dt)) for dt in (0.05, 0.1))
    for d in "yx":
        f0, f1, f2 = (np.asarray(a[f"forcing.{d}"]) for a in (arrays, middle, end))
        assert np.abs(f2 - f0).max() > 1e-3  # it moves
        np.testing.assert_allclose(
            after[f"velocity.{d}"] - arrays[f"velocity.{d}"], 0.1 * (f0 + 4 * f1 + f2) / 6, atol=1e-6
        )
        np.testing.assert_allclose(after[f"forcing.{d}"], f2, atol=1e-6)


def test_projected_stages_leave_no_divergence():
    flow = PeriodicBox(y=8, x=8)
    network = linear(3, 2, {(0, 1): 1.0, (1, 1): 0.5})
    arrays, parameters, _ = pack(flow, flow.initial_state(seed=1))
    found = {}
    for project in (False, True):
        after = hybrid_of(flow, network, "heun", project)(arrays, parameters, tf.constant(flow.dt))
        found[project] = np.abs(divergence(flow, {n: a.numpy() for n, a in after.items()})).max()
    assert found[True] < 1e-4 < 0.1 < found[False]


def test_integrators_that_are_refused():
    flow, network = PeriodicBox(y=8, x=8), linear(3, 2, {})
    with pytest.raises(InputError, match=r"Unknown integrator 'euler'. Known: heun, rk3, rk4\."):
        hybrid_of(flow, network, "euler")
    statistics = hybrid_of(flow, network).corrector.statistics
    with pytest.raises(InputError, match="An integrator is for a neural ODE, the method node, not for a correction"):
        Corrector.create(flow, network, statistics, integrator="rk4")


def test_the_method_of_a_corrector_outlives_its_file(tmp_path):
    flow = PeriodicBox(y=8, x=8)
    one, other = (hybrid_of(flow, linear(3, 2, {(0, 0): 0.3}), i).corrector for i in ("rk3", "rk4"))
    one.save(tmp_path)
    loaded = Corrector.load(tmp_path)
    assert (loaded.placement, loaded.integrator) == ("rate", "rk3")
    assert loaded.fingerprint == one.fingerprint != other.fingerprint
    assert "as its rate of change" in repr(loaded)
