"""Smooth bodies: gradients by finite differences, closed forms with their orders, forces by balances of momentum."""

import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import Disc, Outline, PeriodicBox, Rectangle, WakeFlow, metrics
from phi_sol.stepping.arrays import pack

pytestmark = pytest.mark.slow

PLACE = dict(y=60.0, x=52.0)
BODIES = {
    "disc": Disc("a", PLACE, 17.0, spin=0.05, free=("y", "x", "vy", "vx", "spin", "radius")),
    "rectangle": Rectangle("a", PLACE, dict(y=30.0, x=23.0), 0.3, free=("y", "x", "spin", "ly", "lx", "angle")),
    "outline": Outline(
        "a", PLACE, 18.0, a=(0.0, 0.1), b=(0.05, 0.1, 0.05), angle=0.2, free=("radius", "angle", "a2", "b1", "b3")
    ),
}


@pytest.mark.parametrize(
    ("shape", "advection"),
    [
        ("disc", "mac_cormack"),
        ("outline", "central"),
        pytest.param("rectangle", "mac_cormack", marks=pytest.mark.slow),
        pytest.param("outline", "mac_cormack", marks=pytest.mark.slow),
        pytest.param("disc", "central", marks=pytest.mark.slow),
    ],
)
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
    found = tape.gradient(value, given)
    gradient = np.concatenate([found[n].numpy() for n in free])
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


def final(flow: PeriodicBox, time: float) -> dict[str, np.ndarray]:
    cells = tuple(flow.resolution.values())
    with math.NUMPY:
        start = flow.initial_state(viscosity=1.0, velocity=[np.zeros(cells)] * 2)
    steps = round(time / flow.dt)
    arrays = metrics.arrays_of(flow, flow.rollout(start, steps, steps, False).last)
    return {n: a[0] for n, a in arrays.items()}


def poiseuille(cells: int, part: float) -> float:
    """
    The relative error of the flux between the sides of a plate in a periodic box, driven by a force; the plate's place
    is off the faces by a part of a cell.
    """
    h, width = 1 / cells, 0.7
    plate = Rectangle("plate", dict(y=0.5 + part * h, x=h), dict(y=1 - width, x=9.0))
    flow = PeriodicBox(
        **dict(y=cells, x=4, size=dict(y=1.0, x=4 * h), dt=0.2 * h**2, bodies=plate),
        forcing=lambda p: math.vec(y=0 * p.vector["y"], x=1 + 0 * p.vector["y"]),
    )
    speed = final(flow, 0.5)["velocity.x"]
    np.testing.assert_allclose(speed, speed[:, :1] * np.ones(4), atol=1e-6)
    return float(speed.mean() / (width**3 / 12) - 1)


def couette(cells: int) -> float:
    """
    The greatest error of the speed between a disc that turns and a wall around it that rests, u_θ = ω r₁² (r₂² / r - r)
    / (r₂² - r₁²), of the speed of the disc's surface.
    """
    h, inner, outer, spin = 1 / cells, 0.17, 0.43, 1.0
    place = dict(y=0.513, x=0.496)
    bodies = [Disc("inner", place, inner, spin=spin), Around("outer", place, outer)]
    flow = PeriodicBox(y=cells, x=cells, size=dict(y=1.0, x=1.0), dt=0.1 * h**2, bodies=bodies)
    speed = final(flow, 0.08)["velocity.x"]
    y, x = ((np.arange(cells) + 0.5) * h - place["y"], np.arange(cells) * h - place["x"])
    r = np.hypot(y[:, None], x[None, :])
    exact = spin * inner**2 * (outer**2 / r - r) / (outer**2 - inner**2) * y[:, None] / r
    return float(np.abs(speed - exact)[(r > inner) & (r < outer)].max() / (spin * inner))


def test_a_channel_between_bodies_is_poiseuille_s():
    """Wherever its walls are between the faces, to second order, where diffusion crosses cells within a step."""
    errors = np.abs([[poiseuille(n, p) for p in (0.0, 0.3, 0.6)] for n in (12, 24)]).max(1)
    assert errors[1] < 0.01 and errors[0] / errors[1] > 3


def test_between_a_turning_disc_and_a_wall_around_it_the_flow_is_couette_s():
    errors = [couette(n) for n in (16, 32)]
    assert errors[1] < 0.03


def test_the_force_on_a_body_is_what_momentum_and_pressure_around_it_say():
    """
    In a steady wake: the momentum that comes into a part of the channel, less what goes out, by the fluxes of
    `metrics.acceleration`, and the pressure at its ends, which is summed up around the body from there.
    """
    flow = WakeFlow(y=48, x=24, dt=1.0, advection="central", bodies=Disc("disc", dict(y=70.0, x=52.0), 12.0))
    with math.NUMPY:
        start = flow.initial_state(reynolds=[15.0], poke=0.0)
    state = flow.rollout(start, 400, 400, False).last
    with math.NUMPY, math.precision(64):
        given = metrics.body_forces(flow, state)["disc"]["y"].numpy("batch")[0]
    a = metrics.acceleration(flow, metrics.arrays_of(flow, state), np.array([10 / 15]))
    along, across, h = a["y"][0], a["x"][0], flow.spacing["y"]
    first, last = 4, 38  # rows of cells, far from the disc

    def ends(row: int) -> np.ndarray:
        """Pressure in a row of cells, from the one beside the wall on."""
        return np.concatenate([[0.0], np.cumsum(across[row, 1:-1]) * h])

    drop = ends(first) - ends(last) - np.sum(along[first + 1 : last + 1, 0]) * h
    drag = np.sum(along[first + 1 : last + 1]) * h**2 + np.sum(drop) * h
    assert given == pytest.approx(drag, rel=0.03) and drag > 5
    masked = WakeFlow(y=48, x=24, dt=1.0, advection="central", radius=12.0, center=dict(y=70.0, x=52.0))
    with math.NUMPY:
        start = masked.initial_state(reynolds=[18.0], poke=0.0)  # the same viscosity
    still = masked.rollout(start, 400, 400, False).last
    force = metrics.force(masked, metrics.arrays_of(masked, still), np.array([10 / 15]))["y"]
    assert 0.7 < float(force[0]) / drag < 1.1  # three cells of a staircase across the radius
