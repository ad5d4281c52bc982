"""`phi-sol init`: scene files that work at once, and what is refused."""

from pathlib import Path

import pytest

from phi_sol import load_experiment
from phi_sol.cli import main
from phi_sol.cli.templates import FLOWS, scene_file


@pytest.mark.parametrize("flow", FLOWS)
def test_a_scene_of_every_flow_is_loaded_and_short(flow, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", f"my_{flow}.py", "--flow", flow]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[1:] == [f"  phi-sol {c} my_{flow}.py" for c in ("generate", "train", "evaluate")]
    text = Path(f"my_{flow}.py").read_text()
    assert text == scene_file(flow, f"my_{flow}") and 15 <= text.count("\n") <= 30
    assert all(len(line) <= 120 for line in text.splitlines()) and text.count("  # ") >= 8
    experiment = load_experiment(f"my_{flow}.py")
    assert experiment.name == f"my_{flow}" and len(experiment.simulations("test")) >= 2


@pytest.mark.parametrize("flow", [pytest.param(f, marks=[] if f == "wake" else pytest.mark.slow) for f in FLOWS])
def test_frames_are_generated_from_it(flow, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine.py", "--flow", flow]) == 0
    assert main(["generate", "mine.py", "--split", "test", "--frames", "2", "--warmup", "1"]) == 0
    count = len(load_experiment("mine.py").simulations("test"))
    assert f"{count} simulations with 2 frames in data/mine/test" in capsys.readouterr().out
    assert len(list(Path("data/mine/test").glob("sim_*/velocity_000002.npz"))) == count


@pytest.mark.slow
@pytest.mark.parametrize("flow", FLOWS)
def test_it_is_trained_and_evaluated(flow, tmp_path, monkeypatch, few_numerics):
    """A few frames and iterations of each."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine.py", "--flow", flow]) == 0
    frames = "10" if flow in ("box", "kolmogorov", "advection") else "5"
    for split in ("train", "test"):
        assert main(["generate", "mine.py", "--split", split, "--frames", frames, "--warmup", "1"]) == 0
    assert main(["train", "mine.py", "--steps", "2", "--validation", "0"]) == 0
    assert main(["evaluate", "mine.py"]) == 0
    assert list(Path("runs/mine/evaluation").glob("results.json"))


def test_what_is_refused(tmp_path, refused_here):
    (tmp_path / "there.py").write_text("mine\n")
    assert "there.py is there already, and stays as it is" in refused_here("init", "there.py")
    assert (tmp_path / "there.py").read_text() == "mine\n"
    (tmp_path / "link.py").symlink_to("nothing.py")
    assert "link.py is there already" in refused_here("init", "link.py")
    assert "Unknown flow 'wak'. Did you mean 'wake'? Known: wake, plume" in refused_here(
        "init", "new.py", "--flow", "wak"
    )
    assert "A scene file is a Python file: new.py, e.g." in refused_here("init", "new")
    assert "The name of a scene, which is that of its file, must be a name" in refused_here("init", "my scene.py")
    assert "is a file, not a folder" in refused_here("init", "there.py/new.py")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.py", "there.py"]
