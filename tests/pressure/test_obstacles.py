"""Obstacles in all forms, what is refused, and thin walls that leak."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.field import StaggeredGrid
from phi.geom import Box, Sphere
from phi.math import Solve, batch, spatial
from phi.physics import fluid
from phi.physics.fluid import Obstacle
from phi.tf import TENSORFLOW
from scipy import ndimage

from phi_sol import InputError, Projection, WakeFlow, make_incompressible, metrics

BALL = Sphere(y=3.0, x=2.5, radius=1.0)
SEVERAL = Sphere(math.wrap([[1.5, 2.0], [3.0, 2.5]], batch("b"), math.channel(vector="y,x")), radius=1.0)


def velocity_of(resolution=(12, 10), size=(6.0, 5.0)):
    with math.NUMPY, math.precision(64):
        values = lambda x: math.vec(y=math.sin(2 * x.vector["x"]), x=math.cos(x.vector["y"]))  # noqa: E731
        return StaggeredGrid(values, 0.0, Box(y=size[0], x=size[1]), spatial(y=resolution[0], x=resolution[1]))


def mask_of(geometry) -> math.Tensor:
    return geometry.lies_inside(velocity_of().geometry.center)


FORMS = {
    "geometry": BALL,
    "tuple": (BALL,),
    "obstacle": Obstacle(BALL),
    "list of obstacles": [Obstacle(BALL)],
    "tensor": mask_of(BALL),
    "turned tensor": math.wrap(mask_of(BALL).numpy("x,y"), spatial("x,y")),
    "array": mask_of(BALL).numpy("y,x"),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_are_the_same_to_a_projection(form):
    velocity = velocity_of()
    with math.NUMPY, math.precision(64):
        a, b = (Projection(velocity, o)(velocity)[0] for o in ([BALL], FORMS[form]))
        for d in "yx":
            x, y = (v.values[{"~vector": d}].numpy("y,x") for v in (a, b))
            np.testing.assert_array_equal(x, y)


class Free(WakeFlow):
    """A wake whose obstacle is given."""

    given = ()

    @property
    def obstacles(self):
        return self.given


@pytest.mark.parametrize("form", ["geometry", "obstacle", "tensor", "array"])
def test_flows_and_forces_with_all_forms(form):
    flow, plain = Free(y=32, x=16), WakeFlow(y=32, x=16)
    (ball,) = plain.obstacles
    with math.NUMPY, math.precision(64):
        mask = ball.lies_inside(plain.templates["marker"].geometry.center)
    flow.given = {"geometry": ball, "obstacle": Obstacle(ball), "tensor": mask, "array": mask.numpy("y,x")}[form]
    with math.NUMPY:
        states = [f.step(f.initial_state(300.0)) for f in (flow, plain)]
    forces = [
        metrics.force(f, metrics.arrays_of(f, s), np.array([0.03])) for f, s in zip((flow, plain), states, strict=True)
    ]
    for d in "yx":
        np.testing.assert_array_equal(forces[0][d], forces[1][d])
    arrays = {n: tf.constant(a) for n, a in metrics.arrays_of(flow, states[0]).items()}
    assert np.isfinite(flow(arrays, {"reynolds": tf.constant([300.0])})["marker"]).all()


@pytest.mark.parametrize(
    "obstacle, message",
    [
        (
            Obstacle(BALL, velocity=(0.5, 0.0)),
            "moving obstacle can't be part of .*: use make_incompressible",
        ),
        ("ball", "not str 'ball'"),
        ([1.0], "not float 1.0"),
        (np.zeros((10, 12), bool), r"one value per cell \(12, 10\)"),
        (np.zeros((12, 10)), "must be boolean"),
        (math.wrap(np.zeros((2, 12, 10), bool), batch("b"), spatial("y,x")), "one value per cell"),
        (math.wrap(np.zeros(12, bool), spatial("y")), "one value per cell"),
        (Sphere(y=3.0, x=2.5, z=1.0, radius=1.0), "lives in y, x, z, but the grid in y, x"),
        (SEVERAL, "same obstacles"),
        (Sphere(y=30.0, x=2.5, radius=1.0), "covers no cell centre"),
    ],
)
def test_what_can_not_work_is_said_in_one_line(obstacle, message):
    with pytest.raises(InputError, match=message) as caught:
        Projection(velocity_of(), obstacle)
    assert "\n" not in str(caught.value)


def test_what_phiflow_does_itself_is_handed_to_it():
    """Obstacles of a batch, and those whose place is being traced."""
    velocity, solve = velocity_of(), Solve("CG", 1e-9, 1e-9, max_iterations=2000)
    with math.NUMPY, math.precision(64):
        a, b = (f(velocity, SEVERAL, solve)[0] for f in (make_incompressible, fluid.make_incompressible))
        for d in "yx":
            np.testing.assert_array_equal(*(v.values[{"~vector": d}].numpy("b,y,x") for v in (a, b)))
        expected = make_incompressible(velocity, BALL)[0].values[{"~vector": "y"}].numpy("y,x")

    @tf.function(autograph=False)
    def traced(place):
        with TENSORFLOW, math.precision(64):
            ball = Sphere(math.vec(y=math.tensor(place), x=2.5), radius=1.0)
            return make_incompressible(velocity, ball, solve)[0].values[{"~vector": "y"}].native("y,x")

    np.testing.assert_allclose(traced(tf.constant(3.0, tf.float64)), expected, atol=1e-6)
    with math.NUMPY, pytest.raises(InputError, match="knows no masks"):
        make_incompressible(velocity, mask_of(BALL), solve, order=4)


def test_masks_block_their_faces_in_make_incompressible():
    velocity, mask = velocity_of(), mask_of(BALL)
    with math.NUMPY, math.precision(64):
        result = make_incompressible(velocity, mask)[0]
        expected = Projection(velocity, mask)(velocity)[0]
        for d in "yx":
            x, y = (v.values[{"~vector": d}].numpy("y,x") for v in (result, expected))
            np.testing.assert_allclose(x, y, atol=1e-13)


def leaks(*obstacles) -> int:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Projection(velocity_of((64, 64), (64.0, 64.0)), obstacles)
    return sum("leaks" in str(w.message) for w in caught)


def plate(thickness: float, angle: float):
    """From side to side."""
    return Box(y=(32 - thickness / 2, 32 + thickness / 2), x=(-32, 96)).rotated(angle)


@pytest.mark.parametrize("angle", [0.1, 0.2, 0.5, 0.8, 1.2])
@pytest.mark.parametrize("thickness", [0.1, 0.3, 0.6, 0.9, 1.0, 1.45, 3.0])
def test_a_plate_that_is_a_sieve_is_warned_of_once(thickness, angle):
    """It is one where the fluid cells of both sides are one region."""
    with math.NUMPY, math.precision(64):
        centre = velocity_of((64, 64), (64.0, 64.0)).geometry.center
        solid = plate(thickness, angle).lies_inside(centre).numpy("y,x")
    assert leaks(plate(thickness, angle)) == (ndimage.label(~solid)[1] == 1)


def test_no_false_alarms():
    rng = np.random.default_rng(0)
    for _ in range(10):
        y, x = rng.uniform(20, 44, 2)
        assert not leaks(Sphere(y=y, x=x, radius=rng.uniform(1.0, 15.0)))
        half = rng.uniform(2.0, 8.0, 2)
        box = Box(y=(y - half[0], y + half[0]), x=(x - half[1], x + half[1]))
        assert not leaks(box) and not leaks(box.rotated(rng.uniform(0, 3)))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for flow in (
            WakeFlow(y=64, x=32),
            WakeFlow(y=32, x=16, z=16),
            WakeFlow(y=32, x=16, z=16, obstacle="sphere"),
            WakeFlow(y=32, x=16, z=16, obstacle="inclined"),
        ):
            _ = flow.projection


def test_make_incompressible_warns_of_a_sieve_once():
    velocity, shape = velocity_of((64, 64), (64.0, 64.0)), plate(0.3, 0.5)
    with warnings.catch_warnings(record=True) as caught, math.NUMPY, math.precision(64):
        warnings.simplefilter("always")
        for _ in range(2):
            make_incompressible(velocity, shape)
    assert sum("leaks" in str(w.message) for w in caught) == 1
