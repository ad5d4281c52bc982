"""Steps of explicit diffusion that would amplify the shortest waves are refused, whoever takes them."""

import numpy as np
import pytest
from phi.math import NUMPY, use

from phi_sol import ForcedAdvection, InputError, PeriodicBox, SolverPair, WakeFlow

CELLS = {"y": 16, "x": 16}


@pytest.fixture(params=["phiflow", "tensorflow"])
def backend(request):
    if request.param == "phiflow":
        with NUMPY:
            yield
    else:
        import phi_sol.kernels.compiled  # noqa: F401  PhiML's backend

        before = use("tensorflow")
        yield
        use(before)


@pytest.mark.parametrize(
    ("flow", "parameter", "fine", "beyond"),
    [
        (PeriodicBox(**CELLS, dt=0.02), "viscosity", 2.42, 2.43),  # 0.628 / (dt Σ 1/h²), h = 2π / 16
        (PeriodicBox(**CELLS, dt=0.02, advection="mac_cormack"), "viscosity", 1.92, 1.94),  # 1/2
        (ForcedAdvection(**CELLS, dt=0.1), "viscosity", 9.99, 10.02),  # 1/2, with h = 2
        (WakeFlow(y=32, x=16), "reynolds", 1.03, 1.02),  # 2 ν dt / h² = 1/2 with ν = 10 / Re, h = 100 / 16
    ],
    ids=str,
)
def test_diffusion_beyond_the_limit_is_refused(flow, parameter, fine, beyond, backend):
    given = {"seed": 0} if "seed" in flow.parameters else {}
    given |= {"amplitude": 0.1} if "amplitude" in flow.parameters else {}
    flow.step(flow.initial_state(**given, **{parameter: fine}))
    for values in (beyond, [fine, beyond]):
        state = flow.initial_state(**given, **{parameter: values})
        with pytest.raises(InputError, match=rf"{parameter}={beyond:g} is too .*diffusion needs {parameter} [<>]="):
            flow.step(state)


def test_rollouts_are_checked_with_the_time_step_of_their_own_steps():
    """A reference takes eight steps in one of its source's."""
    pair = SolverPair(PeriodicBox, CELLS, ratio=2, time_ratio=8, dt=0.08)
    start = pair.reference.initial_state(viscosity=1.0)
    assert np.isfinite(pair.fine.rollout(start, 2).last.velocity.values.numpy("y,x,~vector")).all()
    with pytest.raises(InputError, match=r"viscosity=1 is too large .*dt <= 0.0484"):
        pair.source.rollout(pair.restrict(start), 2)
