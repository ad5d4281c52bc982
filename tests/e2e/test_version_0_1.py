"""Data, runs and evaluations that version 0.1 of phi_sol wrote (tests/fixtures/version_0_1) load and go on."""

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from phi_sol import Dataset, Generator, SolverPair, load_experiment
from phi_sol.cli import main
from phi_sol.generation.checkpoint import OLD, Checkpoint, Entry
from phi_sol.stepping.arrays import array_names

RECORDED = Path(__file__).parents[1] / "fixtures" / "version_0_1"


@pytest.fixture
def recorded(tmp_path, monkeypatch) -> Path:
    """A copy of the recorded folder, which is the current one."""
    with tarfile.open(RECORDED / "recorded.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    for scene in RECORDED.glob("[wb]*.py"):
        shutil.copy(scene, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def changed(scene: Path, old: str, new: str):
    text = scene.read_text()
    assert old in text
    scene.write_text(text.replace(old, new))


@pytest.mark.parametrize("scene", ["wake", "box"])
def test_nothing_is_left_to_generate(recorded, scene, capsys):
    assert main(["generate", f"{scene}.py", "--dry-run"]) == 0
    for line in capsys.readouterr().out.strip().splitlines():
        assert ("0 reference steps to compute" in line and "(2 finished)" in line) or "(1 finished)" in line


def test_an_interrupted_generation_goes_on_from_its_checkpoint(recorded):
    folder = recorded / "data" / "wake" / "train"
    scene, entries = load_experiment("wake.py"), {}
    names = array_names(scene.pair.reference)
    for simulation in sorted(folder.glob("sim_*")):
        path = simulation / "description.json"
        description = json.loads(path.read_text())
        path.write_text(json.dumps(description | {"complete": False}))
        (simulation / "marker_000004.npz").unlink()
        entries[description["fingerprint"]] = Entry(3, {n: np.zeros(2) for n in names}, None)
    (made := Checkpoint(folder, "all", names)).save(entries)
    made.path.rename(folder / OLD)  # as that version had it
    assert Generator(scene, "train", folder).plan()["steps"] == 2 * 1


@pytest.mark.slow
@pytest.mark.parametrize("scene", ["wake", "box"])
def test_runs_are_evaluated_and_compared_and_go_on(recorded, scene, few_numerics, capfd):
    run = recorded / "runs" / scene / "non"
    assert main(["evaluate", f"{scene}.py", "--run", str(run), "--out", "now"]) == 0
    before, now = (json.loads((recorded / f / "results.json").read_text()) for f in (f"evaluation/{scene}", "now"))
    assert (
        {"SRC", "non"} <= set(before["solvers"])
        if scene == "wake"
        else before.keys() == now.keys() - {"task", "checksum"}
    )
    if scene == "wake":
        for solver in ("SRC", "non"):
            assert now["solvers"][solver]["mae"] == pytest.approx(before["solvers"][solver]["mae"], rel=1e-3)
    assert main(["compare", f"evaluation/{scene}", "now"]) == 0
    command = ["train", f"{scene}.py", "--method", "non", "--unroll", "1", "--network", "small", "--out", str(run)]
    assert main([*command, "--resume"]) == 0
    stored = json.loads((run / "run.json").read_text())
    assert stored["steps_done"] == 2 and stored["complete"]


@pytest.mark.parametrize(
    "change, message",
    [
        (("flow=WakeFlow,", "flow=WakeFlow, options=dict(dt=0.5),"), "dt is 1.0 instead of 0.5"),
        (
            ("flow=WakeFlow,", "flow=type('WakeFlow', (WakeFlow,), dict(radius=30.0)),"),
            "radius is 10.0 instead of 30.0",
        ),
        (("y=16, x=8", "y=16, x=16"), "resolution.x is 8 instead of 16"),
    ],
)
def test_what_version_0_1_refused_is_refused(recorded, change, message, capsys):
    changed(recorded / "wake.py", *change)
    for command in (["generate", "wake.py"], ["evaluate", "wake.py"], ["train", "wake.py", "--method", "non"]):
        capsys.readouterr()
        assert main(command) == 2
        assert message in capsys.readouterr().err


def test_unpacked_frames_of_version_0_1_stay(recorded, monkeypatch):
    """The key of a pack is that of version 0.1, so that large data need not be unpacked anew."""
    from phi_sol.storage import packed

    pair = load_experiment("wake.py").pair
    old = json.loads(Path("data/wake/train/sim_000000/description.json").read_text())["pair"]["source"]
    Dataset.load(pair, "data/wake")
    monkeypatch.setattr(type(pair.source), "config", lambda flow: old)  # as version 0.1 computed it
    monkeypatch.setattr(packed, "read_frame", lambda *_: pytest.fail("unpacked again"))
    Dataset.load(SolverPair.of_config({"source": old, "ratio": 2}), "data/wake")


@pytest.mark.parametrize("scene", ["wake", "box"])
def test_pairs_are_made_from_old_descriptions(recorded, scene):
    description = json.loads(Path(f"data/{scene}/test/sim_000000/description.json").read_text())
    assert "definition" not in description["pair"]["source"]
    assert SolverPair.of_config(description["pair"]).config == load_experiment(f"{scene}.py").pair.config
