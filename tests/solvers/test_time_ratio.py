"""Sources that take longer steps than their reference: the pair, its data, and what is refused."""

import json

import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import ForcedAdvection, InputError, SmokeBox, SolverPair, WakeFlow, load_experiment
from phi_sol.flows.comparison import first_difference
from phi_sol.generation.generator import Generator
from phi_sol.solvers.iterative import IterativeFlow
from phi_sol.solvers.substeps import Substeps
from phi_sol.stepping.arrays import pack
from phi_sol.storage.dataset import Dataset

SCENE = '''"""A wake whose reference takes two steps per step of its source."""

from phi_sol import Experiment, WakeFlow

experiment = Experiment(
    name="long",
    flow=WakeFlow,
    source=dict(y=24, x=12),
    ratio=2,
    time_ratio={ratio},
    options=dict(dt=4.0),
    reference_options=dict(advection="mac_cormack"),
    train=dict(reynolds=(150.0, 600.0)),
    test=dict(reynolds=(300.0,)),
    warmup=3,
    frames=4,
    keep_reference_every=2,
)
'''


@pytest.fixture(scope="module")
def pair():
    return SolverPair(
        WakeFlow, dict(y=24, x=12), 2, time_ratio=2, dt=4.0, reference_options=dict(advection="mac_cormack")
    )


def test_the_reference_has_its_own_step_and_options(pair):
    assert (pair.source.dt, pair.source.advection) == (4.0, "semi_lagrangian")
    assert (pair.reference.dt, pair.reference.advection) == (2.0, "mac_cormack")
    assert pair.fine.dt == 4.0 and pair.fine.flow is pair.reference
    equal = SolverPair(WakeFlow, dict(y=24, x=12), 2)
    assert equal.fine is equal.reference and equal.reference.dt == equal.source.dt


def test_substeps_are_steps(pair):
    """In one compiled loop, also of substeps of substeps: the same bits as steps one by one, at the same times."""
    with math.NUMPY:
        start = pair.reference.initial_state([150.0, 600.0])
    short = pair.reference.rollout(start, 8)
    for solver in (Substeps(pair.reference, 4), Substeps(pair.fine, 2)):
        long = solver.rollout(start, 2)
        np.testing.assert_array_equal(long.times, [8, 16])
        for name, frames in long.arrays.items():
            np.testing.assert_allclose(frames, short.arrays[name][3::4], atol=1e-6)
    np.testing.assert_array_equal(Substeps(pair.source, 1).rollout(pair.restrict(start), 2).times, [4, 8])


@pytest.mark.slow
def test_gradient_through_substeps():
    """Against central differences in float64, along a random direction."""
    flow = ForcedAdvection(y=8, x=8, dt=0.1)
    solver = Substeps(flow, 3)
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(seed=1, viscosity=0.1, amplitude=0.15)
    arrays, parameters, _ = pack(flow, state)
    arrays = {n: tf.cast(a, tf.float64) for n, a in arrays.items()}
    parameters = {n: tf.cast(p, tf.float64) for n, p in parameters.items()}
    rng, dt = np.random.default_rng(0), tf.constant(solver.dt, tf.float64)
    way, weight = (rng.standard_normal(arrays["velocity.x"].shape) for _ in range(2))

    @tf.function(autograph=False)
    def loss(x):
        return tf.reduce_sum(weight * solver.advance(arrays | {"velocity.x": x}, parameters, dt)["velocity.x"])

    x = arrays["velocity.x"]
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    slope = float(tf.reduce_sum(tape.gradient(value, x) * way))
    h = 1e-6
    assert slope == pytest.approx(float(loss(x + h * way) - loss(x - h * way)) / (2 * h), rel=1e-5)


def test_the_configuration_keeps_both(pair):
    again = SolverPair.of_config(json.loads(json.dumps(pair.config)))
    assert again.config == pair.config and again.reference.advection == "mac_cormack"
    earlier = SolverPair(WakeFlow, dict(y=24, x=12), 2)
    stored = {n: v for n, v in earlier.config.items() if n not in ("time_ratio", "reference_options")}
    assert first_difference(stored, earlier.config) == ""  # as version 0.2 wrote it
    assert SolverPair.of_config(stored).time_ratio == 1
    assert first_difference(stored, SolverPair(WakeFlow, dict(y=24, x=12), 2, time_ratio=2).config) == (
        "time_ratio is 1 instead of 2"
    )


@pytest.mark.parametrize(
    "wrong, message",
    [
        (dict(time_ratio=0), "time ratio of a solver pair must be an integer of at least 1, not 0"),
        (dict(time_ratio=-4), "at least 1, not -4"),
        (dict(time_ratio=2.5), "an integer, not 2.5"),
        (dict(time_ratio=True), "an integer, not True"),
        (dict(time_ratio="4"), "an integer, not '4'"),
        (dict(reference_options=dict(advektion="mac_cormack")), "no option 'advektion' .* Did you mean 'advection'?"),
        (dict(reference_options=dict(advection="upwind")), "Unknown advection scheme 'upwind'"),
        (dict(reference_options=dict(dt=1.0)), "reference's dt follows from the source's: give a time_ratio"),
        (dict(reference_options=dict(y=64)), "cells follow from the source's: give a ratio instead of 'y'"),
        (dict(reference_options="mac_cormack"), "must be a dictionary or None"),
    ],
)
def test_refused_in_one_line(wrong, message):
    with pytest.raises(InputError, match=message) as found:
        SolverPair(WakeFlow, dict(y=24, x=12), 2, **wrong)
    assert "\n" not in str(found.value)


def test_each_flow_is_checked_with_its_own_step():
    """At Re = 60 the diffusion of the reference is unstable with dt = 8, but stable with dt = 1."""
    wake = dict(flow=WakeFlow, source=dict(y=64, x=32), ratio=4, dt=8.0)
    with pytest.raises(InputError, match="too viscous for .*y=256"):
        SolverPair(**wake).check_stability(reynolds=70.0)
    SolverPair(**wake, time_ratio=8).check_stability(reynolds=70.0)
    with pytest.raises(InputError, match=r"dt=80 is too large for WakeFlow\(y=64, x=32, dt=80"):
        SolverPair(**wake | {"dt": 80.0}, time_ratio=160).check_stability(reynolds=1000.0)


def test_what_can_t_take_substeps():
    with pytest.raises(InputError, match="Substeps need a flow or another solver, not str"):
        Substeps("wake", 2)
    with pytest.raises(InputError, match="says 'iterations' of each step"):
        Substeps(IterativeFlow(SmokeBox(y=16, x=16)), 2)
    with pytest.raises(InputError, match="number of substeps must be an integer of at least 1, not 0"):
        Substeps(WakeFlow(y=24, x=12), 0)


def test_generated_frames_are_those_of_the_reference(tmp_path):
    """Frame i is the restricted reference after (warm-up + i) · 2 of its own steps; other ratios are refused."""
    path = tmp_path / "long.py"
    path.write_text(SCENE.format(ratio=2))
    experiment = load_experiment(str(path))
    Generator(experiment, "train", tmp_path / "data").run()
    data = Dataset.load(experiment.pair, tmp_path / "data")
    pair = experiment.pair
    with math.NUMPY:
        start = pair.reference.initial_state(list(experiment.train["reynolds"]))
    steps = pair.reference.rollout(start, 14, keep_every=2)
    for frame in range(5):
        expected = pair.restrict(steps[2 + frame])
        for name, array in pack(pair.source, expected)[0].items():
            np.testing.assert_allclose(data.frame(frame)[name], array, atol=2e-6)
    np.testing.assert_allclose(data.reference_frame(1, 4)["velocity.x"], steps.arrays["velocity.x"][6, 1], atol=2e-6)
    path.write_text(SCENE.format(ratio=4))
    with pytest.raises(InputError, match="another solver pair: time_ratio is 2 instead of 4"):
        Dataset.load(load_experiment(str(path)).pair, tmp_path / "data")
    with pytest.raises(InputError, match="another configuration: pair.time_ratio is 2 instead of 4"):
        Generator(load_experiment(str(path)), "train", tmp_path / "data")
