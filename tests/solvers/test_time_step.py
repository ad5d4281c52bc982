"""Solvers with another time step."""

import numpy as np
import pytest

from phi_sol import Corrector, HybridSolver, InputError, WakeFlow
from phi_sol.solvers.time_step import WithTimeStep


def test_steps_are_those_of_the_solver_with_this_length():
    flow = WakeFlow(y=16, x=8)
    state, long = flow.initial_state(reynolds=[200.0, 400.0]), WithTimeStep(flow, 2.5)
    expected = flow.step(flow.step(state, 2.5), 2.5)
    last = long.rollout(state, 2, keep_every=2).last
    np.testing.assert_allclose(
        last.velocity.values["y"].numpy("batch,y,x"), expected.velocity.values["y"].numpy("batch,y,x"), atol=1e-6
    )
    assert list(long.rollout(state, 2).times) == [2.5, 5.0] and long.loop is flow.loop
    assert repr(long) == f"WithTimeStep({flow}, dt=2.5)"


@pytest.mark.parametrize("dt", [0, -1.0, float("nan"), "long", True])
def test_refused(dt):
    with pytest.raises(InputError, match="must be (a number, )?positive and finite"):
        WithTimeStep(WakeFlow(y=16, x=8), dt)


def test_not_for_correctors_and_what_is_no_solver(tiny, tiny_run):
    hybrid = HybridSolver(tiny.pair.source, Corrector.load(tiny_run))
    assert WithTimeStep(hybrid, 1.0).dt == 1
    with pytest.raises(InputError, match="dt is 1 instead of 2"):
        WithTimeStep(hybrid, 2.0)
    with pytest.raises(InputError, match="Only a flow or another solver"):
        WithTimeStep(tiny, 1.0)
