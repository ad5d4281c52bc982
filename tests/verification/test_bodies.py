"""Smooth bodies: gradients by finite differences, closed forms with their orders, forces by balances of momentum."""

import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import Disc, Outline, PeriodicBox, Rectangle, WakeFlow, metrics
from phi_sol.stepping.arrays import pack

PLACE = dict(y=60.0, x=52.0)
BODIES = {
    "disc": Disc("a", PLACE, 17.0, spin=0.05, free=("y", "x", "vy", "vx", "spin", "radius")),
    "rectangle": Rectangle("a", PLACE, dict(y=30.0, x=23.0), 0.3, free=("y", "x", "spin", "ly", "lx", "angle")),
    "outline": Outline(
        "a", PLACE, 18.0, (0.0, 0.1), (0.05, 0.1, 0.05), 0.2, free=("radius", "angle", "a2", "b1", "b3")
    ),
}


@pytest.mark.parametrize("advection", ["mac_cormack", "central"])
@pytest.mark.parametrize("shape", BODIES)
def test_gradients_with_respect_to_every_number(shape, advection):
    """20 steps of float64, with a random cotangent, two simulations that differ."""
    body = BODIES[shape]
    flow = WakeFlow(y=24, x=12, dt=1.0, advection=advection, bodies=body)
    given = {n: [body.numbers[k], body.numbers[k] * 1.03 + 0.01] for k, n in body.parameters.items()}
    with math.NUMPY, math.precision(64):
        arrays, values, _ = pack(flow, flow.initial_state(reynolds=[150.0, 300.0], **given))
    rng, free = np.random.default_rng(1), list(body.parameters.values())
    cotangents = {n: tf.constant(rng.standard_normal(a.shape)) for n, a in arrays.items()}

    def loss(given):
        state = arrays
        for _ in range(20):
            state = flow.compiled(state, values | given, tf.constant(1.0, tf.float64))
        return tf.add_n([tf.reduce_sum(c * state[n]) for n, c in cotangents.items()])

    given = {n: values[n] for n in free}
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = loss(given)
    gradient = np.concatenate([tape.gradient(value, given)[n].numpy() for n in free])
    differences = []
    for n in free:
        for i in range(2):
            step = tf.constant(np.eye(2)[i] * 1e-6)
            differences.append(float(loss(given | {n: given[n] + step}) - loss(given | {n: given[n] - step})) / 2e-6)
    assert np.all(gradient != 0)
    cosine = gradient @ differences / np.linalg.norm(gradient) / np.linalg.norm(differences)
    assert cosine > 0.99999
    np.testing.assert_allclose(gradient, differences, rtol=1e-3, atol=1e-4 * np.abs(gradient).max())


class Around(Disc):
    """All that is outside of a disc."""

    def distance(self, offset, numbers):
        return -super().distance(offset, numbers)


def poiseuille(cells: int, part: float) -> float:
    """
    The relative error of the flux between the sides of a plate in a periodic box, driven by a force; the plate's place
    is off the faces by a part of a cell.
    """
    h, width = 1 / cells, 0.7
    plate = Rectangle("plate", dict(y=0.5 + part * h, x=h), dict(y=1 - width, x=9.0))
    flow = PeriodicBox(
        **dict(y=cells, x=4, size=dict(y=1.0, x=4 * h), dt=0.2 * h**2, bodies=plate, drag=0.0),
        forcing=lambda p: math.vec(y=0 * p.vector["y"], x=1 + 0 * p.vector["y"]),
    )
    with math.NUMPY:
        start = flow.initial_state(viscosity=1.0, velocity=[np.zeros((cells, 4))] * 2)
    steps = int(0.5 / flow.dt)
    speed = metrics.arrays_of(flow, flow.rollout(start, steps, steps, False).last)["velocity.x"][0]
    np.testing.assert_allclose(speed, speed[:, :1] * np.ones(4), atol=1e-6)
    return float(speed.mean() / (width**3 / 12) - 1)
