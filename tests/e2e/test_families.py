"""Methods without a solver by the commands of every method: a neural ODE and a physics-informed network."""

import json
from pathlib import Path

import pytest

from phi_sol import Corrector
from phi_sol.cli import main

pytestmark = pytest.mark.slow

SCENE = """from dataclasses import replace

from phi_sol import Schedule, load_experiment

experiment = replace(
    load_experiment("decaying_2d"), name="box", source=dict(y=8, x=8), ratio=2, frames=4, keep_reference_every=2,
    train=dict(seed=(0, 1), viscosity=(0.01,)), test=dict(seed=(100, 101), viscosity=(0.01,)),
    schedule=Schedule(network="small", unroll=2, steps=3, batch=2),
)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("families")
    (folder / "box.py").write_text(SCENE)
    with pytest.MonkeyPatch.context() as here:
        here.chdir(folder)
        assert main(["generate", "box.py"]) == 0
    return folder


def test_trained_and_evaluated_beside_each_other(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["train", "box.py", "--method", "node"]) == 0
    assert main(["train", "box.py", "--method", "node", "--integrator", "heun"]) == 0
    assert main(["train", "box.py", "--method", "pinn"]) == 0
    said = capsys.readouterr().out
    assert "NODE-2 on" in said and "heun-NODE-2 on" in said and "PINN on" in said
    assert "last neural solution in runs/box/pinn" in said
    runs = Path("runs/box")
    assert Corrector.load(runs / "node").integrator == "rk4" and Corrector.load(runs / "heun-node").integrator == "heun"
    assert main(["evaluate", "box.py", "--no-numerics"]) == 0
    results = json.loads((runs / "evaluation" / "results.json").read_text())
    assert list(results["solvers"]) == ["SRC", "heun-node", "node", "pinn", "REF"]
    for name in ("node", "heun-node", "pinn"):
        entry = results["solvers"][name]
        assert entry["mae"]["0.4"] > 0 and entry["ms_per_time"] > 0 and entry["blow_ups"] == 0
        assert results["groups"][name]["runs"] == [name]
    assert results["correctors"]["heun-node"]["integrator"] == "heun"
    assert results["correctors"]["pinn"]["method"] == "pinn"
    assert main(["train", "box.py", "--method", "pinn", "--resume", "--steps", "5"]) == 0
    assert main(["train", "box.py", "--method", "node", "--integrator", "heun", "--resume", "--steps", "5"]) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "node", "--placement", "inside"], "NODE has no solver that a correction could enter"),
        (["--method", "node", "--integrator", "euler"], "Unknown integrator 'euler'. Known: heun, rk3, rk4."),
        (["--method", "sol", "--integrator", "rk4"], "the method node, not for sol"),
        (["--method", "pinn", "--network", "fno"], "--network is not for box, which trains a neural solution"),
        (["--method", "pinn", "--integrator", "rk4"], "--integrator is not for box, which trains a neural solution"),
        (["--method", "pinn", "--unroll", "4"], "trains on 1 step, not on 4 unrolled ones"),
        (["--method", "pinn", "--validation", "1"], "none can be held out"),
    ],
)
def test_wrong_use_is_one_line(options, message, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["train", "box.py", "--out", "other", *options]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line and not Path("other").exists()


def test_a_scene_with_other_equations(tiny_scene, tiny_data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(tiny_scene), "--data", str(tiny_data), "--method", "pinn"]) == 2
    assert "knows the equations of a PeriodicBox, not those of WakeFlow" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
