"""Disks that can only be read: what is on them is used, and what would be written there is refused in one line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from processes import TRAINING, contents, ended, start

pytestmark = pytest.mark.slow
READ = {
    "generate": "generate long.py --out DISK/data/long",
    "train": f"{TRAINING} --data DISK/data/long --steps 2 --out new",
    "evaluate": "evaluate long.py --data DISK/data/long --run DISK/runs/long/sol --frames 5 --no-numerics --out new",
    "compare": "compare DISK/runs/long/evaluation DISK/runs/long/evaluation",
    "export": "export long.py --data DISK/data/long --run DISK/runs/long/sol --frames 5 --out new",
    "animate": "animate DISK/runs/long/sol --data DISK/data/long/test --frames 0:5 -o new.gif",
}
WRITTEN = {
    "generate": "generate long.py --out DISK/data/other",
    "train": f"{TRAINING} --data DISK/data/long --steps 2 --out DISK/runs/long/new",
    "resume": f"{TRAINING} --data DISK/data/long --steps 155 --resume --out DISK/runs/long/sol",
    "evaluate": "evaluate long.py --data DISK/data/long --frames 5 --no-numerics --out DISK/runs/long/evaluation",
    "export": "export long.py --data DISK/data/long --run DISK/runs/long/sol --frames 5 --out DISK/new",
    "animate": "animate DISK/runs/long/sol --data DISK/data/long/test --frames 0:5 -o DISK/new.gif",
}


@pytest.fixture(scope="module")
def disk(long_work, tmp_path_factory):
    """A disk with everything on it but what was unpacked, which can only be read."""
    place = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(place)]
    if not (shutil.which("mount") and os.geteuid() == 0 and subprocess.run(mount).returncode == 0):
        pytest.skip("no file system may be mounted here")
    shutil.copytree(long_work, place / "all", ignore=shutil.ignore_patterns(".packed"))
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    yield place / "all"
    subprocess.run(["umount", "-l", str(place)], check=True)


def in_place(command: str, disk: Path, folder: Path) -> tuple[int, str]:
    """Exit code and last line of a command on a scene that is in a folder where files can be written."""
    shutil.copy(disk / "long.py", folder)
    return ended(start(command.replace("DISK", str(disk)), folder))


@pytest.mark.parametrize("command", READ.values(), ids=READ)
def test_what_is_there_is_used(command, disk, tmp_path):
    code, line = in_place(command, disk, tmp_path)
    assert code == 0, line


@pytest.mark.parametrize("command", WRITTEN.values(), ids=WRITTEN)
def test_what_would_be_written_is_refused_in_one_line(command, disk, tmp_path):
    code, line = in_place(command, disk, tmp_path)
    assert code == 2 and line.startswith("phi-sol: ") and "Read-only file system" in line, line
    assert not contents(tmp_path, "new*", "runs/**/*")


@pytest.mark.parametrize("command", ["evaluate long.py --frames 5 --no-numerics", "animate runs/long/sol -o film.gif"])
def test_commands_that_are_called_there(command, disk):
    code, line = ended(start(command, disk))
    assert code == 2 and "Read-only file system" in line, line
