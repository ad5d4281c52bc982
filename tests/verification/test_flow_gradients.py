"""Gradients of compiled float64 steps against finite differences, for a random cotangent and random directions."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import BuoyantPlume, ForcedAdvection, WakeFlow
from phi_sol.flows.base import SEED
from phi_sol.stepping.arrays import array_names, pack

sys.path.insert(0, str(Path(__file__).parent))
from states import rough_state

STEPS = 3
PLUME, FORCED = dict(seed=[0, 1], buoyancy=[0.05, 0.2]), dict(seed=[3, 7], viscosity=[0.1, 0.3], amplitude=[0.15, 0.3])
WAKE = dict(reynolds=[150.0, 800.0])
FLOWS = {
    "wake 2D": (WakeFlow(y=16, x=8), WAKE, 1.0, 1.0),
    "wake 3D": (WakeFlow(y=16, x=8, z=4), WAKE, 1.0, 1.0),
    "plume 2D": (BuoyantPlume(y=16, x=8), PLUME, 2.0, 0.0),
    "plume 2D, open": (BuoyantPlume(y=16, x=8, top="open", inflow=0.1), PLUME, 2.0, 0.0),
    "plume 3D": (BuoyantPlume(y=8, x=4, z=4), PLUME, 2.0, 0.0),
    "forced 2D": (ForcedAdvection(y=8, x=8), FORCED, 0.3, 0.0),
    "forced 3D": (ForcedAdvection(y=4, x=4, z=4), FORCED, 0.3, 0.0),
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.slow) if n in ("wake 3D", "plume 3D", "forced 3D", "plume 2D, open") else n
        for n in FLOWS
    ],
)
def test_gradients_with_respect_to_state_and_parameters(name):
    flow, parameters, dt, mean = FLOWS[name]
    rng = np.random.default_rng(5)
    with math.NUMPY, math.precision(64):
        arrays, values, _ = pack(flow, rough_state(flow, parameters, 4, mean=mean))
    cotangents = {n: tf.constant(rng.standard_normal(a.shape)) for n, a in arrays.items()}

    def loss(inputs):
        state, given = {n: inputs[n] for n in arrays}, {n: inputs[n] for n in values}
        for _ in range(STEPS):
            state = flow.compiled(state, given, tf.constant(dt, tf.float64))
        return tf.add_n([tf.reduce_sum(c * state[n]) for n, c in cotangents.items()])

    start = {**arrays, **values}
    free = [n for n in start if n not in (SEED, "time")]
    with tf.GradientTape() as tape:
        tape.watch([start[n] for n in free])
        value = loss(start)
    gradients = dict(zip(free, tape.gradient(value, [start[n] for n in free]), strict=True))
    assert set(free) == {n for n in array_names(flow) if n != "time"} | {p for p in flow.parameters if p != SEED}
    for n, gradient in gradients.items():
        assert gradient.dtype == tf.float64 and np.abs(gradient).max() > 0, n
        direction = rng.standard_normal(gradient.shape)
        direction *= 1e-6 * (np.abs(start[n]).max() if n in values else 1.0) / np.linalg.norm(direction)
        difference = float(loss(start | {n: start[n] + direction}) - loss(start | {n: start[n] - direction})) / 2
        assert difference == pytest.approx(float(np.sum(gradient * direction)), rel=1e-4, abs=1e-12), n


def test_forcing_depends_on_the_amplitude_beyond_the_first_step():
    """The forcing that a step leaves behind carries the gradient of the amplitude on."""
    flow = ForcedAdvection(y=8, x=8)
    with math.NUMPY, math.precision(64):
        arrays, values, _ = pack(flow, flow.initial_state(seed=[1]))
    with tf.GradientTape() as tape:
        tape.watch(values["amplitude"])
        after = flow.compiled(arrays, values, tf.constant(0.1, tf.float64))
        total = tf.reduce_sum(after["forcing.y"] ** 2)
    gradient = tape.gradient(total, values["amplitude"])
    np.testing.assert_allclose(gradient, 2 * total / values["amplitude"], rtol=1e-12)  # f is linear in A
