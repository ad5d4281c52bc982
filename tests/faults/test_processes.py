"""Processes that are killed, that work side by side in one folder, and whose disk is full."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import chdir
from pathlib import Path

import pytest

from phi_sol.cli import main

COMMAND = [sys.executable, "-m", "phi_sol"]
KILLS = 25
LONGER = ("frames=12", "frames=400")
TRAINING = "train long.py --method sol --unroll 2 --network small --validation 0 --batch 2"
pytestmark = pytest.mark.slow


def start(command: str, folder: Path) -> subprocess.Popen:
    return subprocess.Popen([*COMMAND, *command.split()], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def contents(folder: Path, *patterns: str) -> dict[str, bytes]:
    found = sorted(p for pattern in patterns for p in folder.glob(pattern) if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found}


@pytest.fixture(scope="module")
def scene(tiny_scene, tmp_path_factory) -> str:
    return tiny_scene.read_text().replace(*LONGER).replace('"tiny"', '"long"')


@pytest.fixture(scope="module")
def whole(scene, tmp_path_factory) -> Path:
    """A folder with data, two runs and an evaluation that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "long.py").write_text(scene)
    with chdir(folder):
        assert main(["generate", "long.py"]) == 0
        for name in ("sol", "other"):
            assert main(f"{TRAINING} --steps 150 --out runs/long/{name}".split()) == 0
        assert main(["evaluate", "long.py", "--frames", "20", "--no-numerics"]) == 0
    return folder


def killed_often(command: str, again: str, folder: Path, signs: str) -> int:
    """Kills a command at random moments after it gave a sign of life, goes on with it, and at last lets it end."""
    chance, kills = random.Random(0), 0
    while kills < KILLS:
        before = {p: p.stat().st_mtime_ns for p in folder.glob(signs)}
        process, deadline = start(again if kills else command, folder), time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if any(before.get(p) != p.stat().st_mtime_ns for p in folder.glob(signs)):
                break
            time.sleep(0.02)
        time.sleep(chance.uniform(0, 0.5))
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
        assert b"Traceback" not in said, said.decode()
        if process.returncode != -signal.SIGKILL:
            assert process.returncode == 0, said.decode()
            break
        kills += 1
    process = start(again, folder)
    _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    return kills


def test_generate_is_killed(scene, whole, tmp_path, capsys):
    (tmp_path / "long.py").write_text(scene)
    kills = killed_often("generate long.py", "generate long.py", tmp_path, "data/long/*/sim_*/*.npz")
    with capsys.disabled():
        print(f"\ngenerate was killed {kills} times")
    patterns = ("data/long/*/sim_*/*", "data/long/*/sim_*/reference/*")
    assert kills >= 3 and contents(tmp_path, *patterns) == contents(whole, *patterns)


def test_training_is_killed(scene, whole, tmp_path, capsys):
    (tmp_path / "long.py").write_text(scene)
    shutil.copytree(whole / "data", tmp_path / "data")
    command = f"{TRAINING} --steps 150 --out runs/long/sol"
    kills = killed_often(command, f"{command} --resume", tmp_path, "runs/long/sol/**/*")
    with capsys.disabled():
        print(f"\na training was killed {kills} times")
    ours, theirs = (contents(f / "runs/long/sol", "log.csv", "checkpoints/ckpt-150.data*") for f in (tmp_path, whole))
    logs = [[line.split(b",")[3:] for line in c.pop("log.csv").splitlines()] for c in (ours, theirs)]
    assert kills >= 3 and logs[0] == logs[1]  # but for seconds
    from phi_sol import Corrector

    a, b = (Corrector.load(f / "runs/long/sol").fingerprint for f in (tmp_path, whole))
    assert a == b


SIDE_BY_SIDE = {
    "generate": "generate long.py --split test",
    "train": f"{TRAINING} --steps 5 --out runs/long/new",
    "resume": f"{TRAINING} --steps 155 --resume --out runs/long/sol",
    "evaluate": "evaluate long.py --frames 20 --no-numerics",
    "export": "export long.py --run runs/long/sol --frames 5 --out exported",
}


@pytest.mark.parametrize("pair", itertools.combinations_with_replacement(SIDE_BY_SIDE, 2), ids=" and ".join)
def test_side_by_side(pair, whole, tmp_path):
    """Both end well, or one is refused in one line; nothing that was there is lost."""
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    shutil.rmtree(folder / "data" / "long" / "test")
    shutil.copytree(whole / "data" / "long" / "test", folder / "data" / "long" / "test")
    processes = [start(SIDE_BY_SIDE[name], folder) for name in pair]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode in (0, 2) and b"Traceback" not in said, said.decode()
    assert any(p.returncode == 0 for p in processes)
    patterns = ("data/long/*/sim_*/*", "data/long/*/sim_*/reference/*")
    assert contents(folder, *patterns) == contents(whole, *patterns)
    with chdir(folder):
        assert main(["evaluate", "long.py", "--frames", "5", "--no-numerics", "--out", "checked"]) == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and os.geteuid() == 0
    done = mounted and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]).returncode == 0
    if not done:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize(
    "command",
    [
        "generate long.py --out DISK/data",
        f"{TRAINING} --steps 60 --out DISK/run",
        "evaluate long.py --frames 20 --no-numerics --out DISK/evaluation",
        "export long.py --run runs/long/sol --out DISK/exported",
        "export long.py --run runs/long/sol --format netcdf --out DISK/exported",
        "export long.py --run runs/long/sol --format vtk --out DISK/exported",
        "animate runs/long/sol -o DISK/film.gif",
    ],
)
def test_a_full_disk_is_named(command, whole, small_disk):
    process = start(command.replace("DISK", str(small_disk)), whole)
    _, said = process.communicate()
    line = said.decode().strip().splitlines()[-1]
    assert process.returncode == 1 and "Traceback" not in said.decode(), said.decode()
    assert line.startswith(f"phi-sol: {small_disk}") and "No space left on device" in line, line
