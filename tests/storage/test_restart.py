"""Long rollouts that go on after a kill end with the same bits."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from phi_sol import Corrector, HybridSolver, InputError, Restart, SolverPair, WakeFlow, rollout
from phi_sol.solvers.finer import FinerSource
from phi_sol.storage.locks import LOCK, held

PAIR = SolverPair(WakeFlow, dict(y=24, x=12), ratio=2)
STEPS, KEEP = 46, 3  # 15 frames


class Killed(BaseException):
    pass


class Dying(Restart):
    """Ends the process, as it were, after so many blocks."""

    def __init__(self, folder, every, blocks):
        super().__init__(folder, every)
        self.blocks = blocks

    def add(self, arrays, kept, last):
        super().add(arrays, kept, last)
        self.blocks -= 1
        if not self.blocks:
            raise Killed


def solvers(tiny, tiny_run):
    return {
        "finer": FinerSource(PAIR, PAIR.reference),  # whose frames are not what it goes on from
        "hybrid": HybridSolver(tiny.pair.source, Corrector.load(tiny_run)),
    }


@pytest.mark.parametrize("name", ["finer", "hybrid"])
def test_killed_and_resumed_is_uninterrupted(name, tiny, tiny_run, tmp_path):
    solver = solvers(tiny, tiny_run)[name]
    state = solver.flow.initial_state(reynolds=[150.0, 300.0])
    expected = solver.rollout(state, STEPS, KEEP)
    with pytest.raises(Killed):
        solver.rollout(state, STEPS, KEEP, restart=Dying(tmp_path / "run", 10, 2))
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if p.name != LOCK) == [
        "frames_000000000.npz",
        "frames_000000003.npz",
        "restart.npz",
    ]
    for end in (1, 100):  # killed once more
        restart = Dying(tmp_path / "run", 10, end)
        try:
            again = rollout(solver, state, STEPS, KEEP, restart=restart)
        except Killed:
            assert end == 1
    assert len(again) == 15 and again.times.tolist() == expected.times.tolist()
    for n, a in expected.arrays.items():
        np.testing.assert_array_equal(again.arrays[n], a)


def test_what_is_done_is_not_computed_again(tmp_path, monkeypatch):
    flow, restart = PAIR.source, Restart(tmp_path / "run", every=9)
    state = flow.initial_state(reynolds=300.0)
    first = flow.rollout(state, 30, 3, restart=restart)
    longer = flow.rollout(state, 60, 3, restart=restart)
    np.testing.assert_array_equal(longer.arrays["marker"], flow.rollout(state, 60, 3).arrays["marker"])
    monkeypatch.setattr(type(flow.loop), "frames", lambda *_: pytest.fail("computed again"))
    for steps in (30, 60, 10):
        again = flow.rollout(state, steps, 3, restart=Restart(tmp_path / "run"))
        assert len(again) == steps // 3 == len(again.arrays["marker"])
        np.testing.assert_array_equal(again.arrays["marker"][:10], first.arrays["marker"][: steps // 3])


def test_another_rollout_is_refused(tmp_path):
    flow, folder = PAIR.source, tmp_path / "run"
    state = flow.initial_state(reynolds=300.0)
    flow.rollout(state, 6, 3, restart=Restart(folder))
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    others = {  # nothing of them is compiled
        "began from another state": (flow, flow.initial_state(reynolds=301.0), 3),
        "keep_every is 3 instead of 2": (flow, state, 2),
        "dt is 1.0 instead of 0.5": (WakeFlow(y=24, x=12, dt=0.5), state, 3),
        "instead of mac_cormack": (WakeFlow(y=24, x=12, advection="mac_cormack"), state, 3),
    }
    for message, (solver, start, keep) in others.items():
        with pytest.raises(InputError, match=f"run holds another rollout: .*{message}.*Remove it, or name another"):
            solver.rollout(start, 6, keep, restart=Restart(folder))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_other_weights_are_another_solver(tiny, tiny_run, tmp_path):
    hybrid = HybridSolver(tiny.pair.source, Corrector.load(tiny_run))
    state = tiny.pair.source.initial_state(reynolds=300.0)
    hybrid.rollout(state, 2, restart=Restart(tmp_path / "run"))
    weights = hybrid.corrector.network.trainable_variables[0]
    weights.assign(1.01 * weights)
    with pytest.raises(InputError, match="solver.corrector is .* instead of"):
        hybrid.rollout(state, 2, restart=Restart(tmp_path / "run"))


@pytest.mark.parametrize("name", ["restart.npz", "frames_000000000.npz"])
def test_damage_is_said(name, tmp_path):
    flow, folder = PAIR.source, tmp_path / "run"
    state = flow.initial_state(reynolds=300.0)
    flow.rollout(state, 6, restart=Restart(folder))
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=f"{name} is damaged.*Remove .*run to begin anew") as caught:
        flow.rollout(state, 6, restart=Restart(folder))
    assert "\n" not in str(caught.value)
    (folder / name).unlink()
    if name != "restart.npz":
        with pytest.raises(InputError, match="is missing.*Remove .*run to begin anew"):
            flow.rollout(state, 6, restart=Restart(folder))


def test_frames_that_were_swapped_are_noticed(tmp_path):
    flow, folder = PAIR.source, tmp_path / "run"
    state = flow.initial_state(reynolds=300.0)
    flow.rollout(state, 6, restart=Restart(folder, every=2))
    first, second = sorted(folder.glob("frames_*.npz"))[:2]
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(InputError, match=f"{first.name} is not the one that was written. Remove .*run to begin anew"):
        flow.rollout(state, 6, restart=Restart(folder, every=2))


def test_what_is_no_restart(tmp_path):
    flow = PAIR.source
    with pytest.raises(InputError, match=r"is a phi_sol.Restart\(folder\), not 'wake.restart'"):
        flow.rollout(flow.initial_state(reynolds=300.0), 2, restart="wake.restart")
    with pytest.raises(InputError, match="steps between restarts must be an integer of at least 1, not 0"):
        Restart(tmp_path, every=0)
    with (
        held([tmp_path / "shared" / LOCK], wait=False),
        pytest.raises(InputError, match="Another process writes into .*shared"),
    ):
        flow.rollout(flow.initial_state(reynolds=300.0), 2, restart=Restart(tmp_path / "shared"))
    assert len(flow.rollout(flow.initial_state(reynolds=300.0), 2, restart=Restart(tmp_path / "shared"))) == 2
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is a file, not a folder"):
        Restart(tmp_path / "notes.txt")
    with pytest.raises(InputError, match="holds something else"):
        flow.rollout(flow.initial_state(reynolds=300.0), 2, restart=Restart(tmp_path))


SCRIPT = """
import sys
from phi_sol import Restart, WakeFlow
flow = WakeFlow(y=24, x=12)
flow.rollout(flow.initial_state(reynolds=[150.0, 300.0]), int(sys.argv[1]), 5, restart=Restart("run", every=50))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_process_that_is_killed(tmp_path):
    """SIGKILL at any moment of a rollout that would take long; the script is run again as it is, but shorter."""
    (tmp_path / "script.py").write_text(SCRIPT)
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), os.environ.get("PYTHONPATH")]))}
    running = subprocess.Popen([sys.executable, "script.py", "10000000"], cwd=tmp_path, env=env)
    deadline = time.monotonic() + 120
    try:
        while len(list((tmp_path / "run").glob("frames_*.npz"))) < 3 and time.monotonic() < deadline:
            assert running.poll() is None
            time.sleep(0.02)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    flow, state = PAIR.source, PAIR.source.initial_state(reynolds=[150.0, 300.0])
    kept = 10 * len(list((tmp_path / "run").glob("frames_*.npz")))
    again = flow.rollout(state, 5 * (kept + 20), 5, restart=Restart(tmp_path / "run", every=50))
    expected = flow.rollout(state, 5 * (kept + 20), 5)
    for n, a in expected.arrays.items():
        np.testing.assert_array_equal(again.arrays[n], a)
