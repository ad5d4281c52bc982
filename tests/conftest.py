"""Shared pieces: a wake scene on tiny grids, its data and a trained run, made once per test session."""

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# what is measured to be faster is remembered for all tests, and for none after them
os.environ["XDG_CACHE_HOME"] = os.environ.get("PHI_SOL_TEST_CACHE") or tempfile.mkdtemp(prefix="phi_sol-cache-")

import pytest

TINY_SCENE = '''"""A wake on tiny grids, for tests."""

from phi_sol import Experiment, Schedule, WakeFlow

experiment = Experiment(
    name="tiny",
    flow=WakeFlow,
    source=dict(y=24, x=12),
    ratio=2,
    train=dict(reynolds=(150.0, 600.0)),
    test=dict(reynolds=(300.0,)),
    warmup=15,
    frames=12,
    keep_reference_every=5,
    schedule=Schedule(network="small", unroll=2, steps=4, batch=2),
)
'''


@pytest.fixture(scope="module", autouse=True)
def quiet_background():
    """
    PhiML's precision is one setting for all threads: what tests of the viewer began to compute must end before other
    tests begin.
    """
    yield
    views = sys.modules.get("phi_sol.viewer.rollouts")
    free, deadline = 0, time.monotonic() + 120
    while views and free < 5 and time.monotonic() < deadline:
        if idle := views.COMPUTING.acquire(blocking=False):
            views.COMPUTING.release()
        free = free + 1 if idle else 0
        time.sleep(0.05)


@pytest.fixture(scope="session")
def tiny_scene(tmp_path_factory) -> Path:
    """Path of a scene file."""
    path = tmp_path_factory.mktemp("scene") / "tiny.py"
    path.write_text(TINY_SCENE)
    return path


@pytest.fixture(scope="session")
def tiny(tiny_scene):
    """The experiment of the tiny scene."""
    from phi_sol import load_experiment

    return load_experiment(str(tiny_scene))


@pytest.fixture(scope="session")
def tiny_data(tiny, tmp_path_factory) -> Path:
    """Folder with the generated simulations of the tiny scene, in train/ and test/. Not to be written to."""
    from phi_sol import Generator

    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "test"):
        Generator(tiny, split, folder / split).run()
    return folder


@pytest.fixture(scope="session")
def tiny_train(tiny, tiny_data):
    """The training set of the tiny scene."""
    from phi_sol.storage.dataset import Dataset, find_simulations

    return Dataset(tiny.pair, find_simulations(tiny_data, "train"))


@pytest.fixture(scope="session")
def tiny_run(tiny, tiny_train, tmp_path_factory) -> Path:
    """Folder of a finished short training. Not to be written to."""
    from phi_sol import Correction, Plan, Trainer, curriculum

    folder = tmp_path_factory.mktemp("runs") / "sol"
    plan = Plan(curriculum(2), batch=2, learning_rate=1e-3, steps=4)
    Trainer(Correction(tiny_train, "sol", "small"), plan, folder, scene="tiny").fit()
    return folder


@pytest.fixture(scope="session")
def tiny_evaluation(tiny, tiny_run, tiny_data, tmp_path_factory):
    """The evaluation of a run and of its copy under another seed, over 10 frames. Not to be written to."""
    import shutil

    from phi_sol import evaluate
    from phi_sol.storage.files import read_json, write_json

    folder = tmp_path_factory.mktemp("evaluation")
    for seed in range(2):
        shutil.copytree(tiny_run, folder / f"sol_seed{seed}")
        description = folder / f"sol_seed{seed}" / "corrector.json"
        write_json(description, read_json(description) | {"seed": seed})
    runs = [folder / "sol_seed0", folder / "sol_seed1"]
    return evaluate(tiny, runs, tiny_data, folder / "out", frames=10, command="made by a test")
