"""Shared pieces: a wake scene on tiny grids, its data and a trained run, made once per test session."""

import fcntl
import os
import pickle
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# all processes of a test run share a folder, and the next run has another one
os.environ["PHI_SOL_TEST_SHARED"] = os.environ.get("PHI_SOL_TEST_SHARED") or tempfile.mkdtemp(prefix="phi_sol-tests-")
# what is chosen to be faster is remembered for all tests of a process, and for none after them: no other process may
# choose in the middle of a test that compares bits
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="cache-", dir=os.environ["PHI_SOL_TEST_SHARED"])

import pytest

SHARED = Path(os.environ["PHI_SOL_TEST_SHARED"])

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


@pytest.fixture(scope="session", autouse=True)
def known_scenes():
    """
    A scene file that is given to several commands is loaded once in a process, as long as it and the Python files
    beside it are the same: what is compiled of its flows serves all commands. Tests of loading call the function
    itself. Yields what is known; to clear it is as to begin a new process.
    """
    import phi_sol.experiment
    import phi_sol.viewer.catalogue

    load, known = phi_sol.experiment.load_experiment, {}

    def load_once(scene):
        path = Path(scene) if isinstance(scene, str | Path) and "\0" not in str(scene) else Path()
        if path.suffix != ".py" or not path.is_file():
            return load(scene)
        beside = sorted(path.resolve().parent.glob("*.py"))
        contents = [(p.name, p.read_bytes()) for p in beside]
        copied = len(contents) == 1 and contents[0][1] == TINY_SCENE.encode()  # the same wherever it is
        key = (path.name if copied else path.resolve(), *contents)
        if key not in known:
            known[key] = load(scene)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phi_sol.experiment, "load_experiment", load_once)
        patch.setattr(phi_sol.viewer.catalogue, "load_experiment", load_once)
        yield known


@pytest.fixture(scope="session", autouse=True)
def short_timings():
    """Evaluations time steps for half a second instead of six: no test asks how fast anything is."""
    from phi_sol.evaluation import rollouts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rollouts, "time_alternately", partial(rollouts.time_alternately, seconds=0.5))
        yield


@pytest.fixture(scope="session", autouse=True)
def nothing_measured():
    """
    Which way to compile a loop is faster is not measured, since this compiles it in both: the way that a solver has on
    its own is chosen. Yields what measures, for its tests and for `tiny_evaluation`.
    """
    from phi_sol.kernels.choices import remember, remembered
    from phi_sol.kernels.loops import Loop

    def choose(loop, arrays, parameters, dt):
        if not loop.jit_compile and loop.measured is not None and remembered(loop._key(arrays)) is None:
            remember(loop._key(arrays), False)
        return loop._way(arrays)

    measured = Loop.choose
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "choose", choose)
        yield measured


@pytest.fixture
def few_numerics(monkeypatch):
    """
    Two of the schemes of advection, without longer time steps, beside the source in evaluations: each takes seconds to
    compile. All of them are in `tiny_evaluation` and tests/evaluation/test_plain_solvers.py.
    """
    from phi_sol.evaluation import baselines

    monkeypatch.setattr(baselines, "SCHEMES", ("semi_lagrangian", "mac_cormack"))
    monkeypatch.setattr(baselines, "LONGER", 0)


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first process that needs it makes, while the others wait. Not to be written to."""
    folder, done = SHARED / name, SHARED / f"{name}.done"
    with open(SHARED / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that failed
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


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
def tiny_data(tiny) -> Path:
    """Folder with the generated simulations of the tiny scene, in train/ and test/. Not to be written to."""
    from phi_sol import Generator

    def make(folder):
        for split in ("train", "test"):
            Generator(tiny, split, folder / split).run()

    return made_once("data", make)


@pytest.fixture(scope="session")
def tiny_train(tiny, tiny_data):
    """The training set of the tiny scene."""
    from phi_sol.storage.dataset import Dataset, find_simulations

    return Dataset(tiny.pair, find_simulations(tiny_data, "train"))


@pytest.fixture(scope="session")
def tiny_run(tiny, tiny_train) -> Path:
    """Folder of a finished short training. Not to be written to."""
    from phi_sol import Correction, Plan, Trainer, curriculum

    def make(folder):
        plan = Plan(curriculum(2), batch=2, learning_rate=1e-3, steps=4)
        Trainer(Correction(tiny_train, "sol", "small"), plan, folder / "sol", scene="tiny").fit()

    return made_once("runs", make) / "sol"


@pytest.fixture(scope="session")
def tiny_evaluation(tiny, tiny_run, tiny_data, nothing_measured):
    """The evaluation of a run and of its copy under another seed, over 10 frames. Not to be written to."""
    from phi_sol import evaluate
    from phi_sol.storage.files import read_json, write_json

    def make(folder):
        for seed in range(2):
            shutil.copytree(tiny_run, folder / f"sol_seed{seed}")
            description = folder / f"sol_seed{seed}" / "corrector.json"
            write_json(description, read_json(description) | {"seed": seed})
        runs = [folder / "sol_seed0", folder / "sol_seed1"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("phi_sol.kernels.loops.Loop.choose", nothing_measured)
            made = evaluate(tiny, runs, tiny_data, folder / "out", frames=10, command="made by a test")
        (folder / "evaluation.pickle").write_bytes(pickle.dumps(made))

    return pickle.loads((made_once("evaluation", make) / "evaluation.pickle").read_bytes())
