"""Flows, other solvers and rollouts in copies and in other processes, stepped before or not: the same steps."""

import copy
import multiprocessing
import pickle

import keras
import numpy as np
import pytest
from phi import math

from phi_sol import (
    BuoyantPlume,
    Corrector,
    FinerSource,
    ForcedAdvection,
    HybridSolver,
    IterativeFlow,
    PoissonGuess,
    Rollout,
    SmokeBox,
    SolverPair,
    WakeFlow,
)
from phi_sol.solvers.substeps import Substeps
from phi_sol.solvers.time_step import WithTimeStep
from phi_sol.stepping.arrays import native_arrays

WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda s: pickle.loads(pickle.dumps(s))}
WAKE, BOX = WakeFlow(y=16, x=8), SmokeBox(y=16, x=16)
FLOWS = {
    "wake": (WAKE, dict(reynolds=[100.0, 400.0])),
    "sphere": (WakeFlow(y=24, x=12, z=12, obstacle="sphere"), dict(reynolds=100.0)),
    "cylinder": (WakeFlow(y=16, x=8, z=8, advection="mac_cormack"), dict(reynolds=100.0)),
    "plume": (BuoyantPlume(y=16, x=8), dict(seed=[1, 2], buoyancy=0.1)),
    "plume 3D": (BuoyantPlume(y=8, x=8, z=8), dict(seed=1, buoyancy=0.1)),
    "forced": (ForcedAdvection(y=8, x=8), dict(seed=1, viscosity=0.1, amplitude=[0.1, 0.2])),
    "box": (BOX, dict(seed=3)),
}


def arrays(flow, state):
    return {n: np.asarray(a) for n, a in native_arrays(flow, state, state.batch_shape).items()}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FLOWS)
def test_copies_of_flows(name, way):
    flow, parameters = FLOWS[name]
    before = WAYS[way](flow)
    with math.NUMPY:
        state = flow.step(flow.initial_state(**parameters))
        expected = arrays(flow, flow.step(state))
        _ = flow.compiled, flow.loop  # as they are after a compiled step
        after = WAYS[way](flow)
        assert not {"compiled", "loop", "layouts", "projection"} & set(vars(after))
        for again in (before, after):
            assert again is not flow and again.config() == flow.config() and repr(again) == repr(flow)
            found = arrays(again, again.step(WAYS[way](state)))
            assert np.ptp(expected[next(iter(expected))]) > 0
            for n, a in expected.items():
                np.testing.assert_array_equal(found[n], a, err_msg=n)


def check_rollouts(solver, again, state):
    ours, theirs = (s.rollout(state, 2) for s in (solver, again))
    for n, a in (ours.arrays | ours.diagnostics).items():
        np.testing.assert_array_equal((theirs.arrays | theirs.diagnostics)[n], a, err_msg=n)


def test_copies_of_solvers_that_have_stepped(tiny, tiny_run):
    hybrid = HybridSolver(tiny.pair.source, Corrector.load(tiny_run), remat=True)
    solvers = {hybrid: dict(reynolds=300.0), IterativeFlow(BOX, PoissonGuess.create(BOX, "small", 10.0)): dict(seed=3)}
    for solver, parameters in solvers.items():
        state = solver.flow.initial_state(**parameters)
        solver.step(state)
        check_rollouts(solver, pickle.loads(pickle.dumps(solver)), state)
        assert copy.deepcopy(solver).config() == solver.config()


class Gate(keras.layers.Layer):
    """A layer of one's own, which nobody registers."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return self.factor * x


def test_copies_of_a_corrector_with_a_layer_of_its_own(tiny_run):
    """Other processes import its module; a plain copy shares the network."""
    corrector = Corrector.load(tiny_run)
    network = corrector.network
    own = keras.Model(network.input, Gate()(network.output))
    corrector.network = own
    own.layers[-1].set_weights([np.array([2.0, 3.0], np.float32)])
    for way in ("deepcopy", "pickle"):
        again = WAYS[way](corrector)
        assert again.network is not own and again.fingerprint == corrector.fingerprint
        assert type(again.network.layers[-1]) is Gate
    assert copy.copy(corrector).network is own


@pytest.mark.parametrize(
    "solver",
    [
        Substeps(WAKE, 2),
        WithTimeStep(WAKE, 0.5),
        FinerSource(PAIR := SolverPair(WakeFlow, dict(y=16, x=8), ratio=2), PAIR.reference),
    ],
)
def test_copies_of_wrapped_solvers(solver):
    _ = solver.loop
    for way in WAYS.values():
        again = way(solver)
        assert type(again) is type(solver) and again.config() == solver.config() and again.dt == solver.dt
        assert again.flow.resolution == solver.flow.resolution and again.output.resolution == solver.output.resolution


@pytest.mark.parametrize("way", WAYS)
def test_copies_of_a_rollout(way):
    frames = WAKE.rollout(WAKE.initial_state(reynolds=[100.0, 400.0]), 4, 2)
    again = WAYS[way](frames)
    assert isinstance(again, Rollout) and repr(again) == repr(frames) and again.times.tolist() == [2, 4]
    for a, b in zip(again, frames, strict=True):
        assert a.batch_shape == b.batch_shape and a.reynolds.numpy("batch").tolist() == [100, 400]
        ours, theirs = arrays(WAKE, a), arrays(WAKE, b)
        assert all(np.array_equal(ours[n], theirs[n]) for n in theirs)
    assert again.flow.config() == WAKE.config()


def last(solver, state):
    """The last arrays of a rollout, for another process."""
    return solver.rollout(state, 2, 2)


@pytest.mark.slow
def test_another_process():
    """A spawned process imports everything anew, as on another machine."""
    solver = IterativeFlow(BOX, "previous", tolerance=1e-4)
    state = BOX.initial_state(seed=3)
    expected = last(solver, state)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(last, (solver, state))
    for n, a in (expected.arrays | expected.diagnostics).items():
        np.testing.assert_array_equal((found.arrays | found.diagnostics)[n], a)
