"""Simulations computed by several processes: the same bytes as by one, whoever is killed; parts; what is refused."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from phi_sol import DivergedError, Generator, InputError, State, load_experiment
from phi_sol.cli import main
from phi_sol.storage.files import read_json
from phi_sol.storage.locks import FolderLock
from phi_sol.workers import local

SCENE = '''"""A wake on tiny grids."""
from phi_sol import Experiment, WakeFlow

experiment = Experiment(
    name="wakes", flow=WakeFlow, source=dict(y=24, x=12), ratio=2, warmup=105, frames=120, keep_reference_every=40,
    train=dict(reynolds=(150.0, 200.0, 300.0, 450.0, 600.0)), test=dict(reynolds=(250.0,)),
)
'''


def contents(folder: Path) -> dict[str, bytes]:
    """All files of data, but the folder of checkpoints."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("sim_*/**/*")) if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A scene file, and its data by one process."""
    folder = tmp_path_factory.mktemp("several")
    (folder / "wakes.py").write_text(SCENE)
    experiment = load_experiment(folder / "wakes.py")
    Generator(experiment, "train", folder / "alone", batch=2).run(progress=False)
    return experiment, contents(folder / "alone")


def test_workers_write_the_same_bytes_also_if_one_is_killed(made, tmp_path):
    """The first process is killed once there is a checkpoint; nothing is left but the data."""
    experiment, expected = made
    generator, killed, told = Generator(experiment, "train", tmp_path / "data", batch=2), [], []

    def kill():
        while not list(tmp_path.glob("data/.checkpoints/*/state.npz")):
            time.sleep(0.01)
        for stat in Path("/proc").glob("[0-9]*/cmdline"):
            parent = int((stat.parent / "stat").read_text().rpartition(")")[2].split()[1])
            if b"phi_sol.workers.process" in stat.read_bytes() and parent == os.getpid() and not killed:
                killed.append(int(stat.parent.name))
                os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    folders = generator.run(lambda done, total: told.append((done, total)), workers=2)
    assert killed and [f.name for f in folders] == [f"sim_00000{i}" for i in range(5)]
    assert contents(tmp_path / "data") == expected
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == [f.name for f in folders]
    assert told[-1] == (5 * 225, 5 * 225) and told == sorted(told)
    assert generator.plan()["finished"] == 5


@pytest.mark.slow
def test_workers_of_a_scheduler_by_the_command(made, tmp_path, monkeypatch, capsys):
    """Two processes of Dask, one of which is killed: the same bytes, and Dask replaces it."""
    distributed = pytest.importorskip("distributed")
    experiment, expected = made
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        victim = next(iter(cluster.workers.values()))

        def kill():
            while not list(tmp_path.glob("data/.checkpoints/*/state.npz")):
                time.sleep(0.01)
            os.kill(victim.pid, signal.SIGKILL)

        threading.Thread(target=kill, daemon=True).start()
        command = ["generate", experiment.origin, "--split", "train", "--batch", "2", "--out", str(tmp_path / "data")]
        assert main([*command, "--scheduler", cluster.scheduler_address]) == 0
    assert contents(tmp_path / "data") == expected
    assert "5 simulations with 120 frames" in capsys.readouterr().out


def test_parts_of_an_array_of_jobs_together_are_the_whole(made, tmp_path):
    experiment, expected = made
    sizes = []
    for i in (3, 1, 2):
        found = Generator(experiment, "train", tmp_path, batch=2).run(progress=False, part=(i, 3))
        sizes.append(len(found))
    assert sizes == [1, 2, 2] and contents(tmp_path) == expected
    assert Generator(experiment, "train", tmp_path, batch=2).run(progress=False, part=(1, 9)) == [
        tmp_path / "sim_000000",
        tmp_path / "sim_000001",
    ]
    assert Generator(experiment, "train", tmp_path, batch=2).run(progress=False, part=(9, 9)) == []


def test_workers_repair_and_begin_from_a_state(made, tmp_path, caplog):
    """What is damaged is computed again by workers, from the state that is given to them."""
    experiment, _ = made
    flow = experiment.pair.reference
    start = flow.initial_state(reynolds=100.0)
    start = State({n: f * 0.5 for n, f in start.fields.items()}, start.parameters)
    for folder in ("one", "two"):
        Generator(experiment, "test", tmp_path / folder, start=start, warmup=0, frames=6).run(progress=False)
    damaged = tmp_path / "two" / "sim_000000" / "velocity_000003.npz"
    damaged.write_bytes(damaged.read_bytes()[:50])
    with pytest.MonkeyPatch.context() as patch, caplog.at_level("WARNING"):
        patch.setattr(local, "DEATHS", 1)
        Generator(experiment, "test", tmp_path / "two", start=start, warmup=0, frames=6).run(progress=False, workers=2)
    assert "1 batch of up to 8 simulations for 2 workers: a smaller batch=" in caplog.text
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert not list((tmp_path / "two").glob(".start*"))


def test_what_diverges_is_named_and_does_not_stop_the_others(tmp_path):
    experiment = load_experiment(Path(__file__).with_name("growth.py"))
    with pytest.raises(DivergedError, match=r"1 of 3 simulations diverged: rate=1e\+09 by step \d"):
        Generator(experiment, "train", tmp_path / "data", batch=1).run(progress=False, workers=2)
    for i, complete in enumerate((True, False, True)):
        assert read_json(tmp_path / "data" / f"sim_00000{i}" / "description.json")["complete"] is complete
    frame = np.load(tmp_path / "data" / "sim_000002" / "marker_000008.npz")["data"]
    assert np.allclose(frame, 1.25**8)


def test_what_workers_can_not_do_is_said_at_once(made, tmp_path):
    experiment, _ = made
    own = replace(experiment, name="own")
    with pytest.raises(InputError, match="'own' was not loaded from one: write it into a file"):
        Generator(own, "test", tmp_path / "a").run(progress=False, workers=2)
    generator = Generator(experiment, "test", tmp_path / "b")
    with pytest.raises(InputError, match="workers= and part= exclude each other"):
        generator.run(progress=False, workers=2, part=(1, 2))
    for part in ((0, 2), (3, 2), (1, 0)):
        with pytest.raises(InputError, match="number of (the part|parts) must be"):
            generator.run(progress=False, part=part)
    with pytest.raises(InputError, match="number of workers must be an integer of at least 1, not 0"):
        generator.run(progress=False, workers=0)
    with pytest.raises(InputError, match="client must be a distributed.Client, not 'tcp://here'"):
        generator.run(progress=False, client="tcp://here")
    assert not list((tmp_path / "b").glob("sim_*"))


def test_others_at_work_in_the_folder(made, tmp_path):
    """Two that send work to one folder: the second is refused, in one line, and nothing is written."""
    experiment, _ = made
    lock = FolderLock(tmp_path / "data", "")
    code = "import sys; from phi_sol.cli import main; sys.exit(main(sys.argv[1:]))"
    shutil.copy(experiment.origin, tmp_path / "wakes.py")
    command = ["generate", "wakes.py", "--split", "test", "--workers", "1", "--out", "data"]
    found = subprocess.run([sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 2
    assert found.stderr == "phi-sol: Another process is at work in data: wait for it, or end it.\n"
    lock.release()
