"""What shells offer: scenes, runs, parameters, unknowns, names; quickly, and without a word where there is nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from phi_sol.cli import completion, main
from phi_sol.storage.shipped import pretrained_folder

OWN = '''
from phi_sol import Experiment, WakeFlow


class Mine(WakeFlow):
    """A flow of one's own."""


experiment = Experiment("mine", Mine, dict(y=16, x=8), train={"reynolds": (100.0,)}, test=dict(reynolds=(200.0,)))
'''


@pytest.fixture
def offered(tmp_path, monkeypatch, capfd):
    """What bash is offered for a line, whose last word is being written."""
    monkeypatch.chdir(tmp_path)

    def offered(line: str) -> list[str]:
        capfd.readouterr()
        monkeypatch.setenv("_PHI_SOL_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        main([])
        out, err = capfd.readouterr()
        assert err == ""
        return out.split()

    return offered


def test_scenes_and_scene_files(offered, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "other.py").write_text("x = 1\n")
    (tmp_path / "sub").mkdir()
    shutil.copy(tmp_path / "own.py", tmp_path / "sub" / "inside.py")
    assert offered("phi-sol generate wake") == ["wake_2d", "wake_3d"]
    assert offered("phi-sol train o") == ["own.py"] and offered("phi-sol evaluate sub/") == ["sub/inside.py"]
    assert offered("phi-sol generate nothing") == []
    assert {"wake_2d", "own.py"} <= set(offered("phi-sol train karman_2d "))  # of several


def test_commands_and_options(offered):
    assert offered("phi-sol gen") == ["generate"] and offered("phi-sol s") == ["scenes", "show", "sweep"]
    assert offered("phi-sol generate wake_2d --par") == ["--param", "--part"]


def test_parameters_unknowns_and_fields_of_the_scene(offered, tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    assert offered("phi-sol generate wake_2d --param ") == ["reynolds="]
    assert offered("phi-sol generate smoke_2d --frames 3 --param b") == ["buoyancy="]
    assert offered("phi-sol generate own.py --split train --param ") == ["reynolds="]
    assert offered("phi-sol estimate wake_2d --unknown ") == ["reynolds", "inlet", "velocity", "marker"]
    assert offered("phi-sol estimate wake_2d --unknown reynolds --observe v") == ["velocity"]
    assert offered("phi-sol estimate own.py --unknown ") == ["reynolds", "inlet", "velocity", "marker"]  # is loaded
    for scene in ("nothing.py", "nothing", "", "../.."):
        assert offered(f"phi-sol generate {scene} --param ") == []


@pytest.mark.parametrize("text", ["import tensorflow\n" + OWN, "import keras\n" + OWN, "1 / 0\n" + OWN])
def test_a_scene_that_takes_long_or_fails_offers_what_is_written_in_it(offered, tmp_path, text):
    (tmp_path / "own.py").write_text(text)
    modules = {n: m for n, m in sys.modules.items() if n.partition(".")[0] in completion.NOT_OFFERED}
    for name in modules:  # as in a process that has not imported them
        del sys.modules[name]
    try:
        assert offered("phi-sol estimate own.py --unknown ") == ["reynolds"]
    finally:
        sys.modules.update(modules)


def test_runs(offered, tmp_path):
    shutil.copytree(pretrained_folder("wake_2d"), tmp_path / "runs" / "wake_2d" / "sol")
    (tmp_path / "runs" / "wake_2d" / "evaluation").mkdir()
    (tmp_path / "runs" / "wake_2d" / "evaluation" / "results.json").touch()
    (tmp_path / "runs" / "loop").symlink_to(tmp_path / "runs")
    assert offered("phi-sol evaluate wake_2d --run runs/wake") == ["runs/wake_2d/sol"]
    assert offered("phi-sol show pretrained:s") == ["pretrained:smoke_2d", "pretrained:smoke_3d"]
    assert offered("phi-sol train wake_2d --from runs/wake") == ["runs/wake_2d/sol"]
    assert offered("phi-sol compare runs/wake") == ["runs/wake_2d/evaluation"]
    assert offered("phi-sol pretrained wake") == ["wake_2d", "wake_3d"]


def test_names_are_those_that_there_are(offered):
    from phi_sol.evaluation.export import FORMATS
    from phi_sol.flows.runge_kutta import METHODS as INTEGRATORS
    from phi_sol.networks import NETWORKS, POLICIES
    from phi_sol.tasks import task_named

    methods = [m for t in ("correction", "pinn", "guess") for m in task_named(t).methods]
    assert sorted(offered("phi-sol train wake_2d --method ")) == sorted(set(methods))
    assert sorted(offered("phi-sol train wake_2d --network ")) == sorted(NETWORKS)
    assert offered("phi-sol train wake_2d --precision ") == list(POLICIES)
    assert sorted(offered("phi-sol export wake_2d --format ")) == sorted(FORMATS)
    assert set(offered("phi-sol train wake_2d --integrator ")) <= set(INTEGRATORS)


def test_flows_that_are_known_beforehand_are_as_their_classes_say():
    import phi_sol

    scenes = {"WakeFlow": "wake_2d", "BuoyantPlume": "smoke_2d", "PeriodicBox": "decaying_2d", "SmokeBox": "poisson_2d"}
    scenes |= {"ForcedAdvection": "forced_advection_2d"}
    assert set(scenes) == set(completion.FLOWS)
    for name, scene in scenes.items():
        flow = phi_sol.load_experiment(scene).pair.source
        free = tuple(f for f in flow.fields if f not in flow.prescribed)
        assert type(flow).__name__ == name
        assert completion.FLOWS[name] == (tuple(flow.parameters), tuple(flow.profiles), free)


@pytest.fixture
def command(tmp_path) -> dict[str, str]:
    """An environment in which `phi-sol` is this one, with an empty home."""
    script = tmp_path / "bin" / "phi-sol"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m phi_sol "$@"\n')
    script.chmod(0o755)
    root = str(Path(completion.__file__).parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return os.environ | {"PATH": f"{script.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "PYTHONPATH": paths}


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_in_bash_itself(command, tmp_path):
    """Switched on as the documentation says, for a line of a user's."""
    text = 'eval "$(phi-sol --show-completion bash)"; COMP_WORDS=(phi-sol generate wak); COMP_CWORD=2\n'
    text += '_phi_sol_completion phi-sol; echo "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", text], cwd=tmp_path, env=command, capture_output=True, text=True, check=True)
    assert (done.stdout.split(), done.stderr) == (["wake_2d", "wake_3d"], "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_what_other_shells_get(shell, command, tmp_path):
    """One line a word: shells take a second line of a description for another word."""
    asked = {"_PHI_SOL_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "phi-sol generate wa"}
    asked |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = subprocess.run(["phi-sol"], cwd=tmp_path, env=command | asked, capture_output=True, text=True)
    assert done.stderr == "" and len(done.stdout.strip().splitlines()) == 2
    assert "wake_2d" in done.stdout and "Wake of a cylinder in 2D" in done.stdout


def test_neither_tensorflow_nor_phiflow_is_imported(tmp_path):
    code = (
        "import sys; from phi_sol.cli import main; main([]); "
        "print([n for n in ('tensorflow', 'keras', 'phi') if n in sys.modules])"
    )
    asked = {
        "_PHI_SOL_COMPLETE": "complete_bash",
        "COMP_WORDS": "phi-sol estimate wake_2d --unknown ",
        "COMP_CWORD": "4",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | asked, capture_output=True, text=True
    )
    assert done.stdout.splitlines() == ["reynolds", "inlet", "velocity", "marker", "[]"] and done.stderr == ""
