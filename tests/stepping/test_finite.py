"""What leaves the finite numbers is said: a rollout in a line, a gradient as an error."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from phi.math import NUMPY

from phi_sol import PeriodicBox
from phi_sol.errors import DivergedError
from phi_sol.stepping.arrays import pack, unpack
from phi_sol.stepping.finite import finite_frames, guarded


def test_finite_frames():
    a, b = np.zeros((5, 1, 2)), np.zeros((5, 1, 3))
    assert finite_frames({"a": a, "b": b}) == 5
    b[3:], a[4] = np.inf, np.nan
    assert finite_frames({"a": a, "b": b}) == 3
    assert finite_frames({"a": a[:3], "b": b[:3]}) == 3


def test_a_rollout_that_blows_up_says_so(caplog):
    """What grows 25 times in each step soon is too fast for its fluxes; the frames are there to be looked at."""
    flow = PeriodicBox(y=8, x=8, dt=0.2, integrator="heun").with_terms(lambda s: {"velocity": s.velocity * 30.0})
    with NUMPY:
        state = flow.initial_state(0, 0.1)
    with caplog.at_level(logging.WARNING):
        rollout = flow.rollout(state, 20)
    finite = np.isfinite(rollout.arrays["velocity.y"]).all((1, 2, 3))
    assert 0 < finite.sum() < 20
    assert f"is not finite after {finite.sum()} frames" in caplog.text


@pytest.fixture(scope="module")
def recorded():
    """A tape of a rollout, its start, and the sum of its last frame times what is not finite."""
    flow = PeriodicBox(y=8, x=8)
    with NUMPY:
        state = flow.initial_state(0)
    arrays, parameters, shape = pack(flow, state)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(arrays)
        frames = flow.rollout(unpack(flow, arrays, parameters, shape), 3).arrays
        total = tf.reduce_sum(frames["velocity.x"][-1])
        broken = {kind: total * tf.constant(float(kind)) for kind in ("inf", "nan")}
    return tape, arrays, total, broken


def test_a_gradient_that_is_finite_is_no_error(recorded):
    tape, arrays, total, _ = recorded
    assert np.isfinite(tape.gradient(total, arrays["velocity.x"])).all()


@pytest.mark.parametrize("kind", ["inf", "nan"])
def test_a_gradient_that_is_not_finite_is_an_error(recorded, kind):
    tape, arrays, _, broken = recorded
    with pytest.raises(DivergedError, match="gradient through 3 steps is not finite; where a flow is chaotic"):
        tape.gradient(broken[kind], arrays)


def test_it_says_whether_the_rollout_was():
    start, frames = {"a": tf.ones([1, 2])}, {}
    with tf.GradientTape() as tape:
        tape.watch(start)
        a = guarded(start, frames, 2)["a"]
        frames["a"] = tf.stack([a, a / 0.0])
        total = tf.reduce_sum(frames["a"] ** 2)
    with pytest.raises(DivergedError, match="neither is the rollout, after 1 finite frames"):
        tape.gradient(total, start)
