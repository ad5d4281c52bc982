"""States in files: exact, and refused where they do not belong."""

import numpy as np
import pytest
from phi import math
from phi.math import batch

from phi_sol import BuoyantPlume, ForcedAdvection, InputError, MissingError, SmokeBox, State, WakeFlow, load_state
from phi_sol.stepping.arrays import native_arrays

FLOWS = {
    "wake": (WakeFlow(y=16, x=8), dict(reynolds=[100.0, 400.0])),
    "sphere": (WakeFlow(y=24, x=12, z=12, obstacle="sphere"), dict(reynolds=100.0)),
    "cylinder": (WakeFlow(y=16, x=8, z=8), dict(reynolds=100.0)),
    "plume": (BuoyantPlume(y=16, x=8), dict(seed=[1, 2], buoyancy=0.1)),
    "forced": (ForcedAdvection(y=8, x=8), dict(seed=1, viscosity=0.1, amplitude=[0.1, 0.2])),
    "box": (SmokeBox(y=16, x=16), dict(seed=3)),
}


def values(flow, state):
    """Arrays and parameters of a state."""
    arrays = {n: np.asarray(a) for n, a in native_arrays(flow, state, state.batch_shape).items()}
    return arrays | {n: p.numpy(p.shape) for n, p in state.parameters.items()}


def same(flow, a, b):
    ours, theirs = values(flow, a), values(flow, b)
    return ours.keys() == theirs.keys() and all(
        ours[n].dtype == theirs[n].dtype and np.array_equal(ours[n], theirs[n]) for n in ours
    )


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("bits", [32, 64])
def test_exact(name, bits, tmp_path):
    flow, parameters = FLOWS[name]
    with math.NUMPY, math.precision(bits):
        state = flow.step(flow.initial_state(**parameters))
        state.save(tmp_path / "state.npz")
        again = load_state(tmp_path / "state.npz", flow)
        assert same(flow, state, again) and again.batch_shape == state.batch_shape
        assert values(flow, again)[f"velocity.{next(iter(flow.size))}"].dtype == f"float{bits}"
        ours, theirs = (values(flow, flow.step(s)) for s in (state, again))  # BLAS rounds by the order in memory
        assert all(np.allclose(ours[n], theirs[n], rtol=0, atol=2e-5 if bits == 32 else 1e-13) for n in ours)
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]


def test_tensorflow_states_stay_tensorflow(tmp_path):
    """So the next step is the compiled one again, with the same rounding."""
    flow = WakeFlow(y=16, x=8)
    hot = flow.rollout(flow.initial_state(reynolds=[100.0, 200.0]), 3).last
    with math.NUMPY:
        cold = State(hot.fields, hot.parameters)
    from phi.tf import TENSORFLOW

    with TENSORFLOW:
        state = flow.step(hot)
    state.save(tmp_path / "state.npz")
    again = load_state(tmp_path / "state.npz", flow)
    assert again.velocity.values.default_backend.name == "tensorflow"
    assert same(flow, flow.step(state), flow.step(again))
    cold.save(tmp_path / "state.npz")
    assert load_state(tmp_path / "state.npz", flow).velocity.values.default_backend.name == "numpy"


def test_batches_with_names(tmp_path):
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY:
        numbers = math.wrap([[100.0, 200.0, 300.0], [400.0, 500.0, 600.0]], batch(run="calm,wild", batch=3))
        state = flow.initial_state(reynolds=numbers)
        state.save(tmp_path / "state.npz")
        again = load_state(tmp_path / "state.npz", flow)
    assert again.batch_shape == state.batch_shape and again.batch_shape.get_item_names("run") == ("calm", "wild")
    assert same(flow, state, again)
    assert float(again[{"run": "wild", "batch": 1}].reynolds) == 500


class OtherStream(WakeFlow):
    speed = 2.0


class OtherBox(WakeFlow):
    size = {"y": 100.0, "x": 100.0}


@pytest.mark.parametrize(
    "other, message",
    [
        (WakeFlow(y=32, x=8), "'velocity' is staggered, of y=16, x=8 cells, not staggered, of y=32, x=8"),
        (WakeFlow(y=16, x=8, z=8), "of y=16, x=8 cells, not staggered, of y=16, x=8, z=8"),
        (SmokeBox(y=16, x=8), "has the fields velocity, marker, not velocity, marker, divergence, pressure"),
        (BuoyantPlume(y=16, x=8), "has the parameters reynolds, not seed, buoyancy"),
        (OtherStream(y=16, x=8), "'velocity' has another boundary at the side x-"),
        (OtherBox(y=16, x=8), r"lies in the box \[\[0.0, 200.0\], \[0.0, 100.0\]\], not in \[\[0.0, 100.0\]"),
    ],
)
def test_states_of_other_flows_are_refused(other, message, tmp_path):
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY:
        flow.initial_state(reynolds=100.0).save(tmp_path / "state.npz")
    with pytest.raises(InputError, match=message) as caught:
        load_state(tmp_path / "state.npz", other)
    assert "\n" not in str(caught.value) and "state.npz" in str(caught.value)
    load_state(tmp_path / "state.npz", WakeFlow(y=16, x=8, dt=0.5, advection="mac_cormack"))  # the same grid and sides


def test_files_that_are_none(tmp_path):
    flow = WakeFlow(y=16, x=8)
    with math.NUMPY:
        state = flow.initial_state(reynolds=100.0)
    with pytest.raises(MissingError, match="nothing.npz is missing"):
        load_state(tmp_path / "nothing.npz", flow)
    state.save(tmp_path / "state.npz")
    whole = (tmp_path / "state.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    np.savez(tmp_path / "other.npz", a=1.0)
    np.savez(tmp_path / "pickled.npz", about=np.array({"kind": "state"}, object))
    for name, message in {"half": "is damaged", "other": "holds no state", "pickled": "is damaged"}.items():
        with pytest.raises(InputError, match=message) as caught:
            load_state(tmp_path / f"{name}.npz", flow)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="There is no folder .*away"):
        state.save(tmp_path / "away" / "state.npz")
    with pytest.raises(InputError, match=r"load_state\(path, flow\), or another solver, not for a State"):
        load_state(tmp_path / "state.npz", state)
