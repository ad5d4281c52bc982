"""Correctors on flows that they were not trained for: what can be done, what is said, and what is refused."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.geom import Box

from phi_sol import BuoyantPlume, Corrector, HybridSolver, InputError, WakeFlow
from phi_sol.correctors.statistics import Statistics
from phi_sol.stepping.arrays import pack

STATISTICS = Statistics(
    mean={"velocity.y": 0.9, "velocity.x": 0.1},
    std={"velocity.y": 0.5, "velocity.x": 0.4},
    correction={"velocity.y": 0.02, "velocity.x": 0.03},
    log_mean={"reynolds": 5.0},
    log_std={"reynolds": 2.0},
)


class Square(WakeFlow):
    @property
    def obstacles(self):
        return (Box(y=(40, 60), x=(40, 60)),)


class Long(WakeFlow):
    size = WakeFlow.size | {"y": 400.0}


class Small(WakeFlow):
    size = {"y": 100.0, "x": 50.0}
    center = {"y": 25.0, "x": 25.0}
    radius = 5.0


def corrector_for(flow, network="small"):
    """One that corrects something: its last layer does not start at zero."""
    corrector = Corrector.create(flow, network, STATISTICS)
    last = corrector.network.trainable_variables[-2]
    last.assign(np.random.default_rng(0).normal(0, 0.1, last.shape))
    corrector.description["parameters"] = {"reynolds": [100.0, 400.0]}
    return corrector


@pytest.fixture(scope="module")
def corrector():
    return corrector_for(WakeFlow(y=16, x=8))


def start(flow, **parameters):
    with math.NUMPY:
        return flow.initial_state(**parameters)


def test_another_obstacle_is_refused_unless_asked_for_and_then_said(corrector, caplog):
    flow = Square(y=16, x=8)
    with pytest.raises(InputError, match="another flow: type is WakeFlow instead of Square.*strict=False"):
        HybridSolver(flow, corrector)
    hybrid = HybridSolver(flow, corrector, strict=False)
    state = start(flow, reynolds=[200.0, 800.0])
    with caplog.at_level(logging.WARNING):
        frames = hybrid.rollout(state, 3)
        hybrid.step(state)
    (line,) = [r.message for r in caplog.records if "another flow" in r.message]
    assert "type is WakeFlow instead of Square; obstacles" in line
    arrays, parameters, _ = pack(flow, state)
    far = {n: np.sqrt(np.mean(((arrays[n] - m) / s) ** 2, (1, 2))).max() for n, m, s in [("velocity.y", 0.9, 0.5)]}
    assert f"velocity.y {far['velocity.y']:.2g}" in line
    assert f"reynolds {(np.log(800) - 5) / 2:.2g}" in line
    assert "reynolds was 100 to 400 there, 200 to 800 here" in line
    source = flow.compiled(arrays, parameters, tf.constant(1.0))
    expected = source["velocity.y"] + Corrector.__call__(corrector, source, parameters)["velocity.y"]
    np.testing.assert_allclose(frames.arrays["velocity.y"][0], expected, atol=1e-6)


def test_nothing_is_said_of_the_flow_that_it_was_trained_for(corrector, caplog):
    flow = WakeFlow(y=16, x=8)
    with caplog.at_level(logging.WARNING):
        HybridSolver(flow, corrector, strict=False).step(start(flow, reynolds=5000.0))
    assert not caplog.records


def test_a_longer_domain_gets_the_same_correction_where_the_fields_are_the_same():
    corrector = corrector_for(WakeFlow(y=64, x=8))
    there = corrector.for_flow(Long(y=128, x=8))
    short, _, _ = pack(WakeFlow(y=64, x=8), start(WakeFlow(y=64, x=8), reynolds=100.0))
    values = np.random.default_rng(1).normal(size=(1, 128, 8)).astype(np.float32)
    long = {n: tf.constant(values[(slice(None), *map(slice, (128, a.shape[2])))]) for n, a in short.items()}
    cut = {n: a[:, : short[n].shape[1]] for n, a in long.items()}
    parameters = {"reynolds": tf.constant([100.0])}
    a, b = (c(x, parameters)["velocity.x"] for c, x in ((corrector, cut), (there, long)))
    assert b.shape == (1, 128, 7)
    # twelve 3x3 convolutions see as many cells to each side
    np.testing.assert_allclose(a[:, :50], b[:, :50], atol=1e-6)
    assert not np.allclose(a[:, 50:], b[:, 50:64], atol=1e-6)


@pytest.mark.parametrize(
    "flow, message",
    [
        (WakeFlow(y=32, x=16), "its cells have the size 12.5 x 12.5 (y, x), not 6.25 x 6.25 (y, x)"),
        (Small(y=16, x=8), "its cells have the size 12.5 x 12.5 (y, x), not 6.25 x 6.25 (y, x)"),
        (WakeFlow(y=16, x=8, z=8), "its cells have the size 12.5 x 12.5 (y, x), not 12.5 x 12.5 x 12.5 (y, x, z)"),
        (WakeFlow(y=16, x=8, dt=0.5), "its time step is 1, not 0.5"),
        (BuoyantPlume(y=16, x=8), "it needs the parameter 'reynolds', which BuoyantPlume does not have"),
    ],
    ids=["resolution", "size", "3D", "dt", "parameters"],
)
def test_what_can_not_be_used_even_so(corrector, flow, message):
    with pytest.raises(InputError) as caught:
        HybridSolver(flow, corrector, strict=False)
    assert str(caught.value) == f"The corrector can't be used for {flow}: {message}."


def test_fields_and_networks_that_do_not_fit(corrector):
    marker = STATISTICS.__dict__ | {n: STATISTICS.__dict__[n] | {"marker": 1.0} for n in ("mean", "std", "correction")}
    both = Corrector.create(WakeFlow(y=16, x=8), "small", Statistics(**marker), correct=("velocity", "marker"))

    class Bare(WakeFlow):
        fields = ("velocity",)

        @property
        def boundaries(self):
            return {"velocity": super().boundaries["velocity"]}

    with pytest.raises(InputError, match="it needs the field 'marker', which Bare does not have"):
        HybridSolver(Bare(y=16, x=8), both, strict=False)
    image = keras.Input((16, 8, 3))
    flat = keras.layers.Dense(16 * 8 * 2)(keras.layers.Flatten()(image))
    dense = keras.Model(image, keras.layers.Reshape((16, 8, 2))(flat), name="dense")
    fixed = Corrector.create(WakeFlow(y=16, x=8), dense, STATISTICS)
    assert HybridSolver(Square(y=16, x=8), fixed, strict=False)
    with pytest.raises(InputError, match="its network is for 16x8 cells only, not for 32x8"):
        HybridSolver(Long(y=32, x=8), fixed, strict=False)
