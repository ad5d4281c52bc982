"""Processes that are killed, and that work side by side in one folder."""

import itertools
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
from folders import chdir
from processes import TRAINING, contents, ended, start

from phi_sol.cli import main

KILLS = 25
pytestmark = pytest.mark.slow


def killed_often(
    command: str, again: str, folder: Path, signs: str, begun: str, number: signal.Signals = signal.SIGKILL
) -> int:
    """
    Kills a command at random moments after it gave a sign of life, goes on with it (`again`, once there is a file
    `begun`), and at last lets it end.
    """
    chance, kills = random.Random(0), 0
    while kills < KILLS:
        before = {p: p.stat().st_mtime_ns for p in folder.glob(signs)}
        process, deadline = start(again if (folder / begun).exists() else command, folder), time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if any(before.get(p) != p.stat().st_mtime_ns for p in folder.glob(signs)):
                break
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(number)
        code, line = ended(process)
        if code != -number:
            assert code == 0, line
            break
        kills += 1
    code, line = ended(start(again, folder))
    assert code == 0, line
    return kills


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda n: n.name)
def test_generate_is_killed(number, long_scene, long_work, tmp_path, capsys):
    (tmp_path / "long.py").write_text(long_scene)
    command = "generate long.py"
    kills = killed_often(command, command, tmp_path, "data/long/*/sim_*/*.npz", "data", number)
    with capsys.disabled():
        print(f"\ngenerate was ended {kills} times by {number.name}")
    patterns = ("data/long/*/sim_*/*", "data/long/*/sim_*/reference/*")
    assert kills >= 3 and contents(tmp_path, *patterns) == contents(long_work, *patterns)


def test_training_is_killed(long_scene, long_work, tmp_path, capsys):
    (tmp_path / "long.py").write_text(long_scene)
    shutil.copytree(long_work / "data", tmp_path / "data")
    command = f"{TRAINING} --steps 150 --out runs/long/sol"
    kills = killed_often(command, f"{command} --resume", tmp_path, "runs/long/sol/**/*", "runs/long/sol/run.json")
    with capsys.disabled():
        print(f"\na training was killed {kills} times")
    ours, theirs = (
        contents(f / "runs/long/sol", "log.csv", "checkpoints/ckpt-150.data*") for f in (tmp_path, long_work)
    )
    logs = [[line.split(b",")[3:] for line in c.pop("log.csv").splitlines()] for c in (ours, theirs)]
    assert kills >= 3 and logs[0] == logs[1]  # but for seconds
    from phi_sol import Corrector

    a, b = (Corrector.load(f / "runs/long/sol").fingerprint for f in (tmp_path, long_work))
    assert a == b


SIDE_BY_SIDE = {
    "generate": "generate long.py --split test",
    "train": f"{TRAINING} --steps 5 --out runs/long/new",
    "resume": f"{TRAINING} --steps 155 --resume --out runs/long/sol",
    "evaluate": "evaluate long.py --frames 20 --no-numerics",
    "export": "export long.py --run runs/long/sol --frames 5 --out exported",
}


@pytest.mark.parametrize("pair", [*itertools.combinations_with_replacement(SIDE_BY_SIDE, 2)], ids=" and ".join)
def test_side_by_side(pair, long_work, tmp_path):
    """Both end well, or one is refused in one line; nothing that was there is lost."""
    folder = tmp_path / "copy"
    shutil.copytree(long_work, folder)
    shutil.rmtree(folder / "data" / "long" / "test")
    shutil.copytree(long_work / "data" / "long" / "test", folder / "data" / "long" / "test")
    processes = [start(SIDE_BY_SIDE[name], folder) for name in pair]
    codes = [code for code, _ in map(ended, processes)]
    assert set(codes) <= {0, 2} and 0 in codes
    patterns = ("data/long/*/sim_*/*", "data/long/*/sim_*/reference/*")
    assert contents(folder, *patterns) == contents(long_work, *patterns)
    with chdir(folder):
        assert main(["evaluate", "long.py", "--frames", "5", "--no-numerics", "--out", "checked"]) == 0
