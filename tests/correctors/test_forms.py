"""Closures: correctors whose network gives a viscosity or a stress."""

import pickle
from functools import cache

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, HybridSolver, PeriodicBox, Smagorinsky
from phi_sol.correctors.forms import channels_of
from phi_sol.correctors.statistics import Statistics
from phi_sol.errors import InputError
from phi_sol.stepping.arrays import array_names, pack


def statistics(flow):
    ones = dict.fromkeys(array_names(flow), 1.0)
    zeros = dict.fromkeys(array_names(flow), 0.0)
    return Statistics(zeros, ones, {n: 0.1 for n in ones}, {"viscosity": 0.0}, {"viscosity": 1.0})


def closure(flow, form, network="fastest"):
    return Corrector.create(flow, network, statistics(flow), placement="inside", form=form)


def started(flow):
    return pack(flow, flow.initial_state(seed=[1, 2], viscosity=0.01))[:2]


def shaken(corrector):
    rng = np.random.default_rng(0)
    corrector.network.set_weights([rng.normal(0, 0.05, w.shape) for w in corrector.network.get_weights()])
    return corrector


BOXES = {"2D": {"y": 16, "x": 16}, "3D": {"y": 8, "x": 8, "z": 8}, "small": {"y": 8, "x": 8}}


@cache
def boxed(name):
    """The same flow for all tests, so that its step is compiled once."""
    return PeriodicBox(**BOXES[name], dt=0.1 if name == "small" else 0.05, peak=2.0)


@pytest.mark.parametrize("form", ["viscosity", "stress"])
@pytest.mark.parametrize("box", ["2D", "3D"])
def test_a_closure_keeps_momentum_whatever_its_weights(form, box):
    flow = boxed(box)
    corrector = shaken(closure(flow, form))
    arrays, parameters = started(flow)
    found = corrector(arrays, parameters)
    assert set(found) == set(arrays)
    for name, increment in found.items():
        assert increment.shape == arrays[name].shape
        assert np.abs(increment).max() > 1e-5
        np.testing.assert_allclose(
            tf.reduce_sum(tf.cast(increment, tf.float64), range(1, arrays[name].ndim)), 0, atol=1e-4
        )
    stepped = HybridSolver(flow, corrector)(arrays, parameters)
    for name in arrays:
        before, after = (np.mean(a[name], axis=tuple(range(1, a[name].ndim))) for a in (arrays, stepped))
        np.testing.assert_allclose(before, after, atol=1e-5)


def test_an_untrained_stress_does_nothing_and_an_untrained_viscosity_is_smagorinskys():
    flow = boxed("2D")
    arrays, parameters = started(flow)
    plain = flow(arrays, parameters)
    np.testing.assert_allclose(
        HybridSolver(flow, closure(flow, "stress"))(arrays, parameters)["velocity.x"], plain["velocity.x"], atol=1e-6
    )
    constant = (0.04 * np.log(2)) ** 0.5
    forces = Smagorinsky(constant).forces(flow.layouts["velocity"], arrays)
    found = closure(flow, "viscosity")(arrays, parameters)
    for name, force in forces.items():
        np.testing.assert_allclose(found[name], flow.dt * force, atol=1e-5)


@pytest.mark.parametrize("form", ["viscosity", "stress"])
def test_gradients_of_weights_by_finite_differences(form):
    flow = boxed("small")
    corrector = shaken(closure(flow, form))
    hybrid, (arrays, parameters) = HybridSolver(flow, corrector), started(flow)
    variable = corrector.network.trainable_variables[-2]

    def loss():
        state = arrays
        for _ in range(2):
            state = hybrid(state, parameters)
        return sum(tf.reduce_sum(tf.cast(a, tf.float64) ** 2) for a in state.values())

    with tf.GradientTape() as tape:
        value = loss()
    gradient = tf.convert_to_tensor(tape.gradient(value, variable))
    start, ends = variable.numpy(), []
    for h in (2e-3, -2e-3):
        variable.assign(start + h)
        ends.append(float(loss()))
    assert float(tf.reduce_sum(gradient)) == pytest.approx((ends[0] - ends[1]) / 4e-3, rel=2e-2)


@pytest.mark.parametrize("form", ["viscosity", "stress"])
def test_closures_are_saved_loaded_and_pickled(form, tmp_path):
    flow = boxed("2D")
    corrector = shaken(closure(flow, form))
    corrector.save(tmp_path)
    arrays, parameters = started(flow)
    expected = HybridSolver(flow, corrector)(arrays, parameters)
    for other in (Corrector.load(tmp_path), pickle.loads(pickle.dumps(corrector))):
        assert other.form == form
        assert other.fingerprint == corrector.fingerprint
        np.testing.assert_allclose(
            HybridSolver(flow, other)(arrays, parameters)["velocity.x"], expected["velocity.x"], atol=1e-6
        )
    with pytest.raises(InputError, match="needs the grid of its flow"):
        Corrector.load(tmp_path)(arrays, parameters)


def test_channels():
    assert [channels_of(f, 3, 3) for f in ("increment", "viscosity", "stress")] == [3, 1, 6]


@pytest.mark.parametrize(
    "given, message",
    [
        ({"form": "tensor", "placement": "inside"}, "Unknown form 'tensor'. Known: increment"),
        ({"form": "stress", "placement": "after"}, "its placement is inside the step"),
    ],
)
def test_closures_that_are_not_possible(given, message):
    flow = PeriodicBox(y=8, x=8)
    with pytest.raises(InputError, match=message):
        Corrector.create(flow, "fastest", statistics(flow), **given)
