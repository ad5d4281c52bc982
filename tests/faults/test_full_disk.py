"""A disk without room: what does not fit is refused before any work; where it fills up meanwhile, the file is named."""

import os
import shutil
import subprocess
import time

import pytest
from processes import TRAINING, ended, start

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path):
    """Mounts a disk of so many kB."""
    place = tmp_path / "disk"
    place.mkdir()

    def mounted(size: int):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(place)]
        if not (shutil.which("mount") and os.geteuid() == 0 and subprocess.run(mount).returncode == 0):
            pytest.skip("no file system may be mounted here")
        return place

    yield mounted
    subprocess.run(["umount", "-l", str(place)], stderr=subprocess.DEVNULL)


WRITES = {
    "generate": "generate long.py --out DISK/data",
    "netcdf": "export long.py --run runs/long/sol --out DISK/exported",
    "vtk": "export long.py --run runs/long/sol --format vtk --out DISK/exported",
    "phiflow": "export long.py --run runs/long/sol --format phiflow --out DISK/exported",
}


@pytest.mark.parametrize("command", WRITES.values(), ids=WRITES)
def test_what_does_not_fit_is_refused_before_any_work(command, long_work, disk):
    place = disk(256)
    code, line = ended(start(command.replace("DISK", str(place)), long_work))
    assert code == 2 and "MB of disk; 0.262 MB are free in" in line, line
    assert not list(place.iterdir())


@pytest.mark.parametrize("command", WRITES.values(), ids=WRITES)
def test_a_disk_that_fills_up_meanwhile_is_named(command, long_work, disk):
    """By another program, as soon as there is a first file."""
    place = disk(20_000)
    process, deadline = start(command.replace("DISK", str(place)), long_work), time.monotonic() + 120
    while not list(place.glob("*/*/*")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    with open(place / "other", "wb", buffering=0) as other, pytest.raises(OSError):
        while other.write(bytes(4096)):
            pass
    code, line = ended(process)
    assert code == 1 and line.startswith(f"phi-sol: {place}") and "No space left on device" in line, line


@pytest.mark.parametrize(
    "command",
    [
        f"{TRAINING} --steps 60 --out DISK/run",
        "evaluate long.py --frames 20 --no-numerics --out DISK/evaluation",
        "animate runs/long/sol -o DISK/film.gif",
    ],
)
def test_a_full_disk_is_named(command, long_work, disk):
    place = disk(256)
    code, line = ended(start(command.replace("DISK", str(place)), long_work))
    assert code == 1 and line.startswith(f"phi-sol: {place}") and "No space left on device" in line, line


def test_a_training_whose_pack_does_not_fit_is_refused(long_work, disk):
    train = long_work / "data" / "long" / "train"
    files = [p for p in train.glob("sim_*/**/*") if p.is_file()]
    place = disk(1000 + 4 * sum(-(-p.stat().st_size // 4096) for p in files))
    shutil.copytree(train, place / "train", ignore=shutil.ignore_patterns(".packed"))
    code, line = ended(start(f"{TRAINING} --data {place}/train --steps 5 --out {place}/run", long_work))
    assert code == 2 and "What is unpacked for training needs up to" in line, line
