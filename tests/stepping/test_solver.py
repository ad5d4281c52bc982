"""Every solver steps and rolls out in one way: flows, hybrids of any solver, finer sources, a user's own."""

import pickle

import numpy as np
import pytest
from phi import field, math

import phi_sol
from phi_sol import Corrector, HybridSolver, InputError, IterativeFlow, Rollout, SmokeBox, Solver, SolverPair, WakeFlow
from phi_sol.correctors.statistics import Statistics
from phi_sol.solvers.finer import FinerSource
from phi_sol.stepping.arrays import array_names, pack


class Halves(Solver):
    """Two steps of half the length in the place of one, of any solver that takes them."""

    def __init__(self, solver: Solver):
        self.solver, self.flow, self.dt = solver, solver.flow, solver.dt
        self.diagnostics = solver.diagnostics

    def advance(self, arrays, parameters, dt):
        return self.solver.advance(self.solver.advance(arrays, parameters, dt / 2), parameters, dt / 2)


@pytest.fixture(scope="module")
def flow():
    return WakeFlow(y=16, x=8)


@pytest.fixture(scope="module")
def start(flow):
    with math.NUMPY:
        return flow.initial_state(reynolds=[100.0, 400.0])


def values(state, d="y"):
    return state.velocity.values[{"~vector": d}].numpy([state.velocity.shape.batch, "y", "x"])


def make_corrector(flow, **options):
    """A corrector with random weights; those of the last layer of a new network are zero."""
    names = array_names(flow)
    numbers = {n: 0.0 for n in flow.parameters}, {n: 1.0 for n in flow.parameters}
    statistics = Statistics(dict.fromkeys(names, 0.0), dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.1), *numbers)
    corrector = Corrector.create(flow, "small", statistics, **options)
    for v in corrector.network.weights:
        v.assign(0.02 * np.random.default_rng(1).standard_normal(v.shape))
    return corrector


def test_a_flow_s_rollout_is_its_steps(flow, start):
    frames = flow.rollout(start, steps=6, keep_every=2)
    with math.NUMPY:
        state, expected = start, []
        for i in range(6):
            state = flow.step(state)
            if i % 2:
                expected.append(values(state))
    np.testing.assert_allclose([values(s) for s in frames], expected, atol=1e-6)
    again = phi_sol.rollout(flow, start, steps=6, keep_every=2)
    np.testing.assert_array_equal(values(again.last), values(frames.last))


def test_a_rollout_is_a_sequence_of_states(flow, start):
    frames = flow.rollout(start, 5)
    assert isinstance(frames, Rollout) and len(frames) == 5 and len(list(frames)) == 5
    np.testing.assert_array_equal(frames.times, [1, 2, 3, 4, 5])
    assert frames[0].batch_shape == start.batch_shape
    np.testing.assert_array_equal(frames[0].reynolds.numpy("batch"), [100, 400])
    np.testing.assert_array_equal(values(frames[-1]), values(frames.last))
    np.testing.assert_array_equal(values(frames[1:4][-1]), values(frames[3]))
    np.testing.assert_array_equal(frames[1::2].times, [2, 4])
    assert len(frames[5:]) == 0 and "no frames" in repr(frames[5:])
    with pytest.raises(IndexError):
        frames[5]
    assert repr(frames).startswith("Rollout(5 frames of WakeFlow(y=16, x=8") and "times 1 to 5" in repr(frames)
    np.testing.assert_array_equal(values(pickle.loads(pickle.dumps(frames.last))), values(frames.last))


def test_states_without_a_batch_and_with_several(flow):
    with math.NUMPY:
        single = flow.initial_state(reynolds=100.0)
    assert not flow.rollout(single, 2).last.batch_shape


@pytest.mark.parametrize(
    "wrong",
    [dict(steps=0), dict(steps=-1), dict(steps=2.5), dict(steps=True), dict(keep_every=0), dict(keep_every="1")],
)
def test_impossible_rollouts(flow, start, wrong):
    with pytest.raises(InputError, match=f"{next(iter(wrong))} of a rollout must be an integer of at least 1"):
        flow.rollout(start, **(dict(steps=3) | wrong))


def test_only_solvers_are_rolled_out(flow, start):
    with pytest.raises(InputError, match="needs a solver .* not str"):
        phi_sol.rollout("karman_2d", start, 3)
    with pytest.raises(InputError, match="needs a flow or another solver, not State"):
        HybridSolver(start, None)


@pytest.mark.parametrize("dt", [0, -1.0, float("nan"), float("inf")])
def test_impossible_time_steps(flow, start, dt):
    with pytest.raises(InputError, match="time step must be positive and finite"):
        flow.step(start, dt)


def test_a_solver_of_one_s_own_does_what_all_do(flow, start):
    solver = Halves(flow)
    with math.NUMPY:
        half = flow.step(flow.step(start, dt=0.5), dt=0.5)
    np.testing.assert_allclose(values(solver.step(start)), values(half), atol=1e-6)
    np.testing.assert_array_equal(solver.rollout(start, 4, 2).times, [2, 4])


def test_a_hybrid_of_any_solver(flow, start):
    """A corrected solver of half steps is these half steps and the correction of their result."""
    corrector = make_corrector(flow)
    solver = Halves(flow)
    hybrid = HybridSolver(solver, corrector)
    arrays, parameters, _ = pack(flow, solver.step(start))
    correction = corrector(arrays, parameters)
    assert np.abs(correction["velocity.y"]).max() > 1e-4
    expected = arrays["velocity.y"] + correction["velocity.y"]
    np.testing.assert_allclose(values(hybrid.step(start)), expected, atol=1e-6)
    np.testing.assert_allclose(values(hybrid.rollout(start, 1).last), expected, atol=1e-6)
    assert isinstance(Halves(hybrid), Solver)


def test_what_a_solver_can_t_do_is_said(flow):
    corrector = make_corrector(flow, placement="inside")
    with pytest.raises(InputError, match="a Halves takes no correction, so that nothing can be corrected inside"):
        HybridSolver(Halves(flow), corrector)


def test_a_corrector_s_time_step_holds_in_every_step(flow, start):
    hybrid = HybridSolver(flow, make_corrector(flow))
    with pytest.raises(InputError, match=r"trained for another flow: dt is 1 instead of 0\.25"):
        hybrid.step(start, dt=0.25)
    with pytest.raises(InputError, match=r"trained for another flow: dt is 1 instead of 0\.25"):
        hybrid.step(start, dt=math.wrap(0.25))
    hybrid.step(start, dt=1.0)


def test_a_finer_source_is_seen_on_the_source_grid():
    pair = SolverPair(WakeFlow, dict(y=16, x=8), ratio=2)
    with math.NUMPY:
        fine = pair.reference.initial_state(reynolds=[200.0])
        expected = pair.restrict(pair.reference.step(pair.reference.step(fine)))
    solver = FinerSource(pair, pair.reference)
    found = solver.rollout(fine, 2, 2)
    assert found.flow is pair.source and len(found) == 1
    np.testing.assert_allclose(values(found.last), values(expected), atol=1e-6)
    # and so is one that is corrected on its own grid
    corrected = HybridSolver(solver, make_corrector(pair.reference)).rollout(fine, 2)
    assert corrected.flow is pair.source and values(corrected.last).shape == values(expected).shape


@pytest.fixture(scope="module")
def smoke():
    flow = SmokeBox(y=16, x=16)
    with math.NUMPY:
        return flow, flow.rollout(flow.initial_state(seed=[0, 1]), 5).last


def test_a_tolerance_can_change_after_a_step(smoke):
    flow, state = smoke
    solver = IterativeFlow(flow, tolerance=1e-2)

    def residual(state):
        return np.abs(field.divergence(state.velocity).values.numpy("batch,y,x")).max()

    coarse = solver.step(state)
    few = solver.iterations
    solver.tolerance = 1e-6
    fine = solver.step(state)
    assert (solver.iterations > few).all() and residual(fine) < 3e-6 < residual(coarse) < 1.01e-2
    found = solver.rollout(state, 3)
    assert found.diagnostics["iterations"].shape == (3, 2)
    np.testing.assert_array_equal(found.diagnostics["iterations"][0], solver.iterations)
    solver.guess = "previous"
    assert not np.array_equal(solver.rollout(state, 3).diagnostics["iterations"], found.diagnostics["iterations"])
    with pytest.raises(InputError, match="tolerance must be positive and finite, not 0"):
        solver.tolerance = 0
    with pytest.raises(InputError, match="must be a PoissonGuess, 'zero' or 'previous', not 'last'"):
        solver.guess = "last"


def test_a_hybrid_of_an_iterative_solver(smoke):
    flow, state = smoke
    iterative = IterativeFlow(flow, tolerance=1e-6)
    found = HybridSolver(iterative, make_corrector(flow, correct=("velocity",))).rollout(state, 2)
    direct = HybridSolver(flow, make_corrector(flow, correct=("velocity",))).rollout(state, 2)
    assert (found.diagnostics["iterations"] > 0).all()
    np.testing.assert_allclose(values(found.last), values(direct.last), atol=1e-4)
