"""`phi-sol runs` and `show`: what is known of runs from their files, also of damaged and unfinished ones; `--json`."""

import json
import os
import shutil
from pathlib import Path

import pytest

from phi_sol.cli import main
from phi_sol.storage.files import read_json, write_json
from phi_sol.storage.shipped import pretrained_folder
from phi_sol.tasks.about import about, run_folder

LOG = "step,seconds,progress,unroll,learning_rate,loss,gradient_norm,val_error\n"
ROWS = "50,10,0.25,2,0.002,0.5,1,0.09\n100,20,0.5,2,0.001,0.3,1,0.04\n150,30,0.75,4,0.0005,0.2,1,0.06\n"
RUN = {"complete": True, "steps_done": 200, "seconds": 40.5, "stopped_early": False}
RUN |= {"validation": {"simulations": 1, "held_out": ["sim_000003"]}, "seed": 7}


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """A folder with a run in `runs/wake_2d/mine` that is made of what comes with phi_sol, and an evaluation of it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "wake_2d" / "mine"
    shutil.copytree(pretrained_folder("wake_2d"), folder)
    facts = read_json(folder / "corrector.json")
    kept = ("scene", "method", "label", "network", "correct", "pair", "data", "parameters", "plan", "versions")
    start = {"from": {"label": facts["label"], "weights": "ab", "data": facts["data"]}}
    write_json(folder / "run.json", {n: facts[n] for n in kept} | RUN | start)
    (folder / "log.csv").write_text(LOG + ROWS + "200,40,1,4,2e-")
    solvers = {
        "SRC": {"mae": {"50": 0.1, "500": 0.16}},
        "mine": {"mae": {"50": 0.01, "500": 0.02}, "ms_per_time": 0.03},
    }
    evaluation = tmp_path / "runs" / "wake_2d" / "evaluation"
    evaluation.mkdir()
    write_json(evaluation / "results.json", {"scene": "wake_2d", "frames": 50, "dt": 10.0, "solvers": solvers})
    return tmp_path


def shown(capsys, *arguments: str):
    """What a command prints as JSON."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_all_that_is_known_of_a_run(work, capsys):
    facts = shown(capsys, "show", "runs/wake_2d/mine")
    about_it = {"kind": "corrector", "state": "finished", "scene": "wake_2d", "method": "SOL-4", "network": "faster"}
    assert about_it.items() <= facts.items() and facts["from"] == {"label": "SOL-4", "run": "pretrained:wake_2d"}
    assert facts["reference"] == {
        "steps": 20,
        "advection": "mac_cormack",
        "resolution": {"y": 256, "x": 128},
        "dt": 0.5,
    }
    training = facts["training"]
    assert (training["iterations"], training["seconds"], training["seed"]) == (200, 40.5, 7)
    assert training["simulations"] == 8 and training["held_out"] == ["sim_000003"]
    assert training["loss"] == {"50": 0.5, "150": 0.2}  # the last line is not complete
    assert facts["validation"]["history"] == [[50, 0.09], [100, 0.04], [150, 0.06]]
    assert facts["validation"]["best"] == {"step": 100, "error": 0.04}
    (evaluation,) = facts["evaluations"]
    assert (evaluation["error"], evaluation["source_error"], evaluation["ms_per_time"]) == (0.02, 0.16, 0.03)
    assert facts["valid_for"]["parameters"] == {"reynolds": [100.0, 1000.0]}
    files = [work / "runs" / "wake_2d" / "mine" / f"corrector.{e}" for e in ("json", "keras")]
    assert facts["bytes"] == sum(f.stat().st_size for f in files) and facts["versions"]["phi_sol"]
    assert main(["show", "runs/wake_2d/mine"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "runs/wake_2d/mine: corrector, finished"
    text = {line.split()[0]: line for line in lines[1:]}
    assert text["trained"].endswith("200 iterations in 40 s") and text["from"].endswith("pretrained:wake_2d")
    assert text["validation"].endswith("best 0.04 at iteration 100; 0.09, 0.04, 0.06")
    assert "MAE 0.02 (SRC 0.16) over 500 units of time; 0.03 ms per unit of time" in text["evaluation"]
    assert text["valid"].endswith("reynolds 100 to 1000") and "8 simulations, 1 of them held out" in text["data"]


def test_an_evaluation_from_before_the_run_is_said_to_be(work, capsys):
    os.utime(work / "runs" / "wake_2d" / "evaluation" / "results.json", (0, 0))
    assert shown(capsys, "show", "runs/wake_2d/mine")["evaluations"][0]["older"] is True
    assert main(["show", "runs/wake_2d/mine"]) == 0 and "before the run was written last" in capsys.readouterr().out


def test_runs_one_line_each(work, capsys):
    broken = work / "runs" / "wake_2d" / "broken"
    broken.mkdir()
    (broken / "run.json").write_text("{")
    rows = {r["folder"]: r for r in shown(capsys, "runs")}
    assert list(rows) == ["runs/wake_2d/broken", "runs/wake_2d/mine"]
    mine = rows["runs/wake_2d/mine"]
    assert (mine["method"], mine["state"], mine["iterations"]) == ("SOL-4", "finished", 200)
    assert (mine["error"], mine["error_of"]) == (0.02, "evaluation")
    assert "run.json is damaged" in rows["runs/wake_2d/broken"]["state"]
    assert main(["runs"]) == 0 and "0.02 (evaluation)" in capsys.readouterr().out
    (work / "empty").mkdir()
    assert shown(capsys, "runs", "empty") == [] and main(["runs", "empty"]) == 0
    assert "There are no runs in empty." in capsys.readouterr().out


def test_what_is_not_finished(work, capsys):
    folder = work / "runs" / "wake_2d" / "mine"
    write_json(folder / "run.json", read_json(folder / "run.json") | {"complete": False})
    assert about(folder)["state"] == "not finished: 75 % of it are done"
    for name in ("corrector.json", "corrector.keras"):
        (folder / name).unlink()
    facts = about(folder)
    assert (facts["kind"], facts["state"]) == (
        "training",
        "not finished: 75 % of it are done, and nothing is saved yet",
    )
    (folder / "log.csv").unlink()
    assert about(folder)["state"] == "not finished, and nothing is saved yet" and "validation" not in about(folder)
    assert main(["show", str(folder)]) == 0


def test_what_comes_with_phi_sol(capsys):
    facts = shown(capsys, "show", "pretrained:wake_2d")
    assert facts["state"] == "a trained model" and facts["card"]["scene"] == "wake_2d"
    assert shown(capsys, "show", "pretrained:foundation_2d")["flows"][:2] == ["cylinder_2d", "square_2d"]
    assert main(["show", "pretrained:foundation_2d"]) == 0
    assert "fails at" in capsys.readouterr().out and run_folder("runs/x") == Path("runs/x")


def test_costs_have_a_unit_where_they_are_times(capsys):
    unit, lines = "ms per unit of simulated time", {}
    for scene in ("wake_2d", "foundation_2d"):
        assert main(["pretrained", scene]) == 0
        lines[scene] = [line for line in capsys.readouterr().out.splitlines() if "cost" in line.split("  ")[0]]
    assert len(lines["wake_2d"]) == 3 and all(line.endswith(unit) for line in lines["wake_2d"])
    assert len(lines["foundation_2d"]) == 1 and unit not in lines["foundation_2d"][0]


def test_the_number_of_weights_is_that_of_the_network(capsys):
    import phi_sol

    for scene in ("wake_2d", "foundation_2d"):
        assert about(pretrained_folder(scene))["parameters"] == phi_sol.pretrained(scene).network.count_params()


def test_estimates_and_sweeps(work, capsys):
    folder = work / "runs" / "wake_2d" / "estimate"
    folder.mkdir()
    entry = {"recorded": {"reynolds": 300.0}, "estimates": {"reynolds": 301.5}, "errors": {"reynolds": 2.0}}
    entry |= {"chi2": 1.0, "message": "converged", "history": [1.0]}
    content = {"scene": "wake_2d", "wanted": {"unknowns": ["reynolds"], "every": 1}, "frames": 20, "task": "estimation"}
    solver = {"type": "WakeFlow", "corrector": "abc"}
    write_json(folder / "estimate.json", content | {"solver": solver, "simulations": {"sim_000000": entry}})
    facts = shown(capsys, "show", str(folder))
    assert facts["kind"] == "estimation" and facts["corrected"] is True
    assert facts["simulations"]["sim_000000"]["estimates"] == {"reynolds": 301.5}
    assert main(["show", str(folder)]) == 0
    assert "reynolds 301.5 ± 2 (recorded 300); converged" in capsys.readouterr().out
    sweep = work / "runs" / "wake_2d" / "sweep"
    shutil.copytree(work / "runs" / "wake_2d" / "mine", sweep / "unroll-4_seed0")
    write_json(sweep / "sweep.json", {"scene": "wake_2d", "same": {"steps": "6"}, "runs": ["unroll-4_seed0", "b"]})
    facts = shown(capsys, "show", str(sweep))
    assert facts["state"] == "1 of 2 trainings are finished"
    assert facts["runs"] == {"unroll-4_seed0": "finished", "b": "not begun"} and main(["show", str(sweep)]) == 0
    assert shown(capsys, "show", str(sweep / "unroll-4_seed0"))["sweep"] == str(sweep)


def test_guesses_and_neural_solutions(tmp_path, capsys):
    """Of a file that a neural solution is, with three networks of known size."""
    import numpy as np

    from phi_sol.files import write_arrays
    from phi_sol.tasks.pinn.solution import FILE, KIND

    about_it = {
        "kind": KIND,
        "flow": {"type": "PeriodicBox", "resolution": {"y": 8, "x": 8}},
        "speed": 1.0,
        "horizon": 2.0,
    }
    arrays = {f"weight_{i:02d}": np.zeros((3, n), np.float32) for i, n in enumerate((4, 5))}
    write_arrays(tmp_path / FILE, arrays | {"start_y": np.zeros((3, 8, 8), np.float32)}, about_it | {"label": "PINN"})
    facts = shown(capsys, "show", str(tmp_path))
    assert (facts["kind"], facts["parameters"], facts["method"]) == ("neural solution", 27, "PINN")


def test_initial_guesses(tmp_path, capsys):
    """The iterations of conjugate gradients in an evaluation, against those from zero."""
    folder, place = tmp_path / "sol-phy", tmp_path / "evaluation"
    for made in (folder, place):
        made.mkdir()
    shutil.copy(pretrained_folder("wake_2d") / "corrector.keras", folder / "guess.keras")
    flow = {"type": "SmokeBox", "resolution": {"y": 32, "x": 32}, "size": {"y": 100.0, "x": 100.0}}
    write_json(folder / "guess.json", {"flow": flow, "scale": 2.0, "scene": "poisson_2d", "label": "SOL-PHY-5"})
    solvers = {n: {"iterations": {"0.001": {"mean": m}}} for n, m in (("zero guess", 50.0), ("sol-phy", 8.0))}
    write_json(place / "results.json", {"scene": "poisson_2d", "tolerance": 1e-3, "frames": 5, "solvers": solvers})
    facts = shown(capsys, "show", str(folder))
    assert (facts["kind"], facts["method"]) == ("initial guess", "SOL-PHY-5")
    assert facts["evaluations"][0]["iterations"] == 8 and facts["evaluations"][0]["iterations_from_zero"] == 50
    assert main(["show", str(folder)]) == 0 and "8 iterations, from zero 50" in capsys.readouterr().out


@pytest.mark.parametrize(
    "changed", [{"plan": {"stages": [3]}}, {"scene": 3}, {"plan": {"steps": [], "budget": "x"}}, {"versions": [1]}]
)
def test_other_types_than_phi_sol_writes_are_one_line(work, refused_in, changed):
    """With the right checksum, as some other program might write them."""
    folder = work / "runs" / "wake_2d" / "mine"
    (folder / "run.json").unlink()
    write_json(folder / "corrector.json", read_json(folder / "corrector.json") | changed)
    assert "runs/wake_2d/mine hold what phi_sol does not write" in refused_in("show", "runs/wake_2d/mine")


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("run.json", b"{", "run.json is damaged"),
        ("run.json", b"[]", "run.json is damaged (it holds no JSON object)"),
        ("run.json", b'{"plan": 3}', "run.json is damaged"),
        ("corrector.json", b"{}", "corrector.json is damaged"),
        ("corrector.keras", b"no zip", "corrector.keras is damaged"),
        ("corrector.keras", None, "corrector.keras is missing"),
        ("../evaluation/results.json", b"{", "results.json is damaged"),
    ],
)
def test_damaged_runs_are_one_line(work, refused_in, name, content, message):
    file = work / "runs" / "wake_2d" / "mine" / name
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert message in refused_in("show", "runs/wake_2d/mine")


@pytest.fixture
def refused_in(capsys):
    """The one line on stderr of a command that ends with exit code 2."""

    def refused(*arguments) -> str:
        capsys.readouterr()
        assert main([*arguments]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    return refused


def test_what_is_no_run(work, refused_in):
    (work / "file").touch()
    assert "nowhere is missing" in refused_in("show", "nowhere")
    assert "file is a file: give its folder" in refused_in("show", "file")
    assert "but in mine below it: name one of them" in refused_in("show", "runs/wake_2d")
    assert "it is an evaluation, which 'phi-sol compare'" in refused_in("show", "runs/wake_2d/evaluation")
    assert "Which one? Name its scene: pretrained:foundation_2d" in refused_in("show", "pretrained")
    assert "No trained corrector for 'wake' comes with phi_sol" in refused_in("show", "pretrained:wake")
    assert "There is no folder nowhere" in refused_in("runs", "nowhere")
