"""Trainings of scale-free correctors: windows in mirrors, what they know afterwards, and going on from them."""

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import (
    Correction,
    Corrector,
    Dataset,
    Experiment,
    Generator,
    HybridSolver,
    InputError,
    Method,
    Plan,
    SmokeBox,
    Stage,
    Trainer,
    Validation,
    pretrained,
)
from phi_sol.correctors.mirrors import TURNED

PLAN = Plan((Stage(2, 1.0),), steps=6, batch=2, learning_rate=1e-3)
NONE = Validation(simulations=0)


def trained(data, folder, network="fast", scale_free=True):
    task = Correction(data, Method("sol", 2, scale_free=scale_free), network)
    return Trainer(task, PLAN, folder, validation=NONE).fit(progress=False)


@pytest.fixture(scope="module")
def run(tiny_train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("free")
    return folder, trained(tiny_train, folder)


def test_it_is_trained_and_knows_what_on(run, tiny_train):
    folder, corrector = run
    assert corrector.scale_free and Corrector.load(folder).fingerprint == corrector.fingerprint
    assert any(np.any(w) for w in corrector.network.layers[-1].get_weights() or corrector.network.get_weights()[-2:])
    flow = tiny_train.pair.source
    hybrid = HybridSolver(flow, corrector)
    assert hybrid.corrector.outside(flow, tiny_train.arrays, tiny_train.parameters).mean() < 0.01
    assert hybrid.remark(tiny_train.arrays, tiny_train.parameters) == ""
    moved = {n: np.asarray(a) + (2 if n == "velocity.x" else 0) for n, a in tiny_train.arrays.items()}
    assert "outside of what the corrector saw in its training" in hybrid.remark(moved, tiny_train.parameters)


def test_windows_are_seen_in_mirrors_of_their_own(tiny_train):
    task = Correction(tiny_train, Method("sol", 2, scale_free=True), "fast")
    seen = task.method._mirrors(HybridFlow(tiny_train), tf.range(400, dtype=tf.int64)).numpy()
    assert set(seen) == {0, 1, 2, 3} and np.bincount(seen).min() > 60
    again = task.method._mirrors(HybridFlow(tiny_train), tf.constant([7, 3], tf.int64)).numpy()
    np.testing.assert_array_equal(again, seen[[7, 3]])  # by the number of the window alone


class HybridFlow:
    def __init__(self, data):
        self.flow = data.pair.source


def test_the_state_stays_as_it_is(run, tiny_train):
    """Mirrors belong to the network: an untrained one corrects nothing, whatever it looks through."""
    flow = tiny_train.pair.source
    corrector = Corrector.create(flow, "fast", run[1].statistics, scale_free=True)
    arrays = {n: tf.constant(a[:, 0]) for n, a in tiny_train.arrays.items()}
    parameters = {n: tf.constant(p) for n, p in tiny_train.parameters.items()}
    turned = parameters | {TURNED: tf.constant([k % 4 for k in range(len(tiny_train))])}
    dt = tf.constant(flow.dt)
    plain, seen = (HybridSolver(flow, corrector).advance(arrays, p, dt) for p in (parameters, turned))
    for n in plain:
        np.testing.assert_array_equal(plain[n], seen[n])


def test_it_goes_on_from_a_scale_free_one_only(run, tiny_train, tmp_path):
    _, corrector = run
    with pytest.raises(InputError, match="can't start from these weights, of a scale-free corrector: ask for one"):
        Correction(tiny_train, "sol", corrector)
    before = corrector.fingerprint
    assert trained(tiny_train, tmp_path, corrector).fingerprint != before
    plain = Corrector.create(tiny_train.pair.source, "fast", corrector.statistics)
    with pytest.raises(InputError, match="of no scale-free corrector: leave it out"):
        Correction(tiny_train, Method("sol", scale_free=True), plain)
    with pytest.raises(InputError, match=r"can't start from these weights, for 3 axes: WakeFlow\(.*\) has 2\."):
        Correction(tiny_train, Method("sol", scale_free=True), pretrained("foundation_3d"))


def test_it_is_refused_outside_of_the_loop():
    with pytest.raises(InputError, match="PRE trains outside of the solver's loop, without scale-free"):
        Method("pre", scale_free=True)


def test_it_goes_on_in_another_flow(run, tmp_path):
    """From a wake to smoke: other arrays, another step, other cells; the weights go along."""
    scene = Experiment(
        name="smoke",
        flow=SmokeBox,
        source={"y": 16, "x": 20},
        ratio=2,
        train={"seed": (0.0, 1.0), "buoyancy": (0.1,)},
        test={"seed": (5.0,), "buoyancy": (0.1,)},
        warmup=1,
        frames=5,
    )
    Generator(scene, "train", tmp_path / "data").run(progress=False)
    data = Dataset.load(scene.pair, tmp_path / "data")
    _, corrector = run
    before = [w.copy() for w in corrector.network.get_weights()]
    task = Correction(data, Method("sol", 2, scale_free=True), corrector)
    still = Plan((Stage(2, 1.0),), steps=1, batch=2, learning_rate=1e-12)
    again = Trainer(task, still, tmp_path / "run", validation=NONE).fit(progress=False)
    for old, new in zip(before, again.network.get_weights(), strict=True):
        np.testing.assert_allclose(old, new, atol=1e-6)
    assert again.description["flow"]["type"] == "SmokeBox" and again.validity is not None
    HybridSolver(scene.pair.source, again).rollout(scene.pair.source.initial_state(seed=3), 2, progress=False)
