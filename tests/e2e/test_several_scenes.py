"""One corrector for several scenes, by the commands, and what is refused of them."""

import json
from pathlib import Path

import pytest

from phi_sol import Corrector
from phi_sol.cli import main

SCENE = """from phi_sol import Experiment, {flow}, Schedule

experiment = Experiment(
    name="{name}", flow={flow}, source=dict({cells}), ratio=2, train=dict({values}), test=dict({tested}), warmup=2,
    frames=5, options=dict({options}), {more}
    schedule=Schedule(network="fastest", unroll=2, steps=4, batch=2),
)
"""
WAKE = dict(flow="WakeFlow", cells="y=16, x=8", values="reynolds=(150.0, 300.0)", tested="reynolds=(200.0,)")
BOX = dict(
    flow="PeriodicBox", cells="y=8, x=8", values="seed=(0, 1), viscosity=(0.05,)", tested="seed=(9,), viscosity=(0.05,)"
)
SMOKE = dict(
    flow="SmokeBox", cells="y=10, x=8", values="seed=(0, 1), buoyancy=(0.1,)", tested="seed=(9,), buoyancy=(0.1,)"
)
DEEP = WAKE | dict(cells="y=16, x=8, z=8")


def scene(folder, name, options="", more="", **parts):
    (folder / f"{name}.py").write_text(SCENE.format(name=name, options=options, more=more, **parts))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    scene(folder, "wake", "dt=4.0", **WAKE)
    scene(folder, "box", 'dt=0.1, advection="semi_lagrangian"', **BOX)
    scene(folder, "smoke", more='correct=("velocity", "marker"),', **SMOKE)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        for name in ("wake", "box", "smoke"):
            assert main(["generate", f"{name}.py"]) == 0
        assert main(["train", "wake.py", "box.py", "smoke.py", "--weights", "wake=2", "--out", "runs/all"]) == 0
    return folder


def test_trained_on_all_evaluated_on_each(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    corrector = Corrector.load("runs/all")
    assert corrector.scale_free and list(corrector.description["flows"]) == ["wake", "box", "smoke"]
    assert corrector.outputs == ("velocity.y", "velocity.x")  # the marker that one of the scenes corrects is its own
    run = json.loads(Path("runs/all/run.json").read_text())
    assert run["scene"] == "wake+box+smoke" and run["complete"]
    assert [m["weight"] for m in run["members"].values()] == [2.0, 1.0, 1.0]
    for name in ("wake", "box"):
        assert main(["evaluate", f"{name}.py", "--run", "runs/all", "--no-numerics", "--out", f"e/{name}"]) == 0
        results = json.loads(Path(f"e/{name}/results.json").read_text())
        assert "remark" not in results["correctors"]["all"]
    capsys.readouterr()
    # its own training data are no test
    assert main(["evaluate", "wake.py", "--run", "runs/all", "--data", "data/wake/train", "--out", "e/own"]) == 2
    assert "trained on" in capsys.readouterr().err


def test_it_is_gone_on_with_and_from(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    several = ["wake.py", "box.py", "smoke.py", "--weights", "wake=2", "--out", "runs/all"]
    assert main(["train", *several, "--resume", "--steps", "6"]) == 0
    assert "6 iterations" in capsys.readouterr().out
    for more, folder in ((), "tuned"), (("--frozen",), "frozen"):
        assert main(["train", "box.py", "--from", "runs/all", "--steps", "2", *more, "--out", f"runs/{folder}"]) == 0
    assert "all but the last layer fixed" in capsys.readouterr().out
    assert Corrector.load("runs/tuned").scale_free  # without being asked for


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wake.py", "box.py"], "A training on several scenes needs a folder: --out, e.g. --out runs/foundation."),
        (["wake.py", "wake.py", "--out", "o"], "The scene wake is there twice"),
        (["wake.py", "--weights", "wake=2"], "--weights says how often each of several scenes is drawn"),
        (["wake.py", "box.py", "--out", "o", "--weights", "cake=2"], "no flow 'cake' to weigh"),
        (["wake.py", "box.py", "--out", "o", "--weights", "wake=no"], "'no' is no number"),
        (["wake.py", "box.py", "--out", "o", "--data", "data/wake"], "2 scenes need --data 2 times"),
        (["wake.py", "deep.py", "--out", "o"], "one dimension, but wake has 2 axes and deep 3"),
        (["wake.py", "poisson_2d", "--out", "o"], "wake and poisson_2d can't be trained together"),
        (["wake.py", "none.py", "--out", "o"], "There is no scene file"),
        (["wake.py", "other.py", "--out", "o"], "There is no data folder data/other"),
        (["box.py", "--frozen"], "Only a network that was trained before can be frozen"),
        (["wake.py", "box.py", "--out", "o", "--method", "pre"], "PRE trains outside of the solver's loop"),
    ],
)
def test_what_is_refused(place, refused_here, monkeypatch, arguments, message):
    monkeypatch.chdir(place)
    scene(place, "deep", **DEEP)
    scene(place, "other", **BOX)
    assert message in refused_here("train", *arguments)


def test_it_is_offered_in_the_viewer_for_each(place, monkeypatch):
    from phi_sol.viewer.catalogue import Catalogue
    from phi_sol.viewer.comparison import Comparison

    monkeypatch.chdir(place)
    comparison = Comparison(Catalogue(["runs/all", "data/wake/test", "data/box/test"]))
    for name in ("wake", "box"):
        assert list(comparison.runs(comparison.recording(f"{name}/test/sim_000000"))) == ["all"]
