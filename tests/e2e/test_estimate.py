"""`phi-sol estimate`: of recorded simulations, resumed, interrupted, and used wrongly."""

import json

import numpy as np
import pytest

from phi_sol import load_state
from phi_sol.cli import main
from phi_sol.tasks.estimation.estimation import Estimation


@pytest.fixture
def place(tiny_scene, tiny_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return [str(tiny_scene), "--data", str(tiny_data)]


def test_parameters_of_recorded_simulations(place, tiny, tmp_path, capsys):
    """From the recorded frames of the reference; each file is there, and a second command needs another folder."""
    given = ["estimate", *place, "--unknown", "reynolds", "--noise", "0.05", "--every", "2", "--out", "found"]
    assert main([*given, "--bounds", "reynolds=50:5000", "--simulation", "0"]) == 0
    content = json.loads((tmp_path / "found" / "estimate.json").read_text())
    (name,) = content["simulations"]
    entry = content["simulations"][name]
    assert 50 <= entry["estimates"]["reynolds"] <= 5000 and entry["errors"]["reynolds"] > 0
    assert entry["recorded"]["reynolds"] == tiny.test["reynolds"][0] and entry["observed"] > 100
    assert entry["history"] == sorted(entry["history"], reverse=True)
    state = load_state(tmp_path / "found" / name / "state.npz", tiny.pair.source)
    assert float(state.reynolds.batch[0]) == pytest.approx(entry["estimates"]["reynolds"], rel=1e-6)
    said = capsys.readouterr().out
    assert f"{name}: reynolds" in said and "report.html" in said
    for file in ("report.md", "report.html", "search.png", f"{name}.png"):
        assert (tmp_path / "found" / file).stat().st_size > 100
    assert main([*given, "--bounds", "reynolds=50:5000", "--simulation", "0"]) == 2
    assert "estimate.json is there already: go on with it (--resume)" in capsys.readouterr().err
    assert main([*given, "--bounds", "reynolds=50:5000", "--simulation", "0", "--resume"]) == 0
    assert json.loads((tmp_path / "found" / "estimate.json").read_text())["simulations"] == content["simulations"]
    assert main([*given, "--bounds", "reynolds=40:5000", "--resume"]) == 2
    assert "is of other estimates" in capsys.readouterr().err


def test_probes(place, tmp_path, capsys):
    given = ["estimate", *place, "--unknown", "reynolds", "--simulation", "0", "--noise", "0.01", "--out", "found"]
    given[2:3] = ["--from"]
    given += ["--bounds", "reynolds=50:5000", "--iterations", "3"]
    assert main([*given, "--probe", "y=120,x=50", "--probe", "y=150,x=40"]) == 0
    (entry,) = json.loads((tmp_path / "found" / "estimate.json").read_text())["simulations"].values()
    frames = entry["observed"] // 4
    assert entry["observed"] == 4 * frames and entry["noise"] == {"probes": 0.01}  # two components, two points
    assert main([*given, "--resume", "--probe", "y=120,x=50"]) == 2
    assert "is of other estimates" in capsys.readouterr().err


def test_an_interrupted_command_goes_on(place, tmp_path, monkeypatch, capsys):
    given = ["estimate", *place, "--unknown", "reynolds", "--out", "found", "--simulation", "0"]
    jacobian = Estimation.jacobian

    def interrupted(task, x):
        raise KeyboardInterrupt

    monkeypatch.setattr(Estimation, "jacobian", interrupted)
    assert main(given) == 130
    monkeypatch.setattr(Estimation, "jacobian", jacobian)
    (folder,) = (tmp_path / "found").glob("sim_*")
    assert (folder / "search.npz").is_file()
    assert main([*given, "--resume"]) == 0
    (entry,) = json.loads((tmp_path / "found" / "estimate.json").read_text())["simulations"].values()
    assert entry["message"] != "interrupted" and np.isfinite(entry["estimates"]["reynolds"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "What shall be estimated? Name it by --unknown, e.g. --unknown reynolds"),
        (["--unknown", "reynold"], "no 'reynold' to estimate. Did you mean 'reynolds'?"),
        (["--unknown", "reynolds", "--start", "velocity=1"], "start is given for 'velocity', which is not estimated"),
        (["--unknown", "reynolds", "--start", "reynolds"], "must have the form NAME=VALUE"),
        (["--unknown", "reynolds", "--start", "reynolds=fast"], "'fast' is no number"),
        (["--unknown", "reynolds", "--start", "reynolds=-3"], "start of 'reynolds' must be positive, not -3"),
        (["--unknown", "reynolds", "--bounds", "reynolds=5"], "must have the form reynolds=FROM:TO"),
        (["--unknown", "reynolds", "--bounds", "reynolds=5:4"], "must be in order"),
        (["--unknown", "reynolds", "--region", "z=1:2"], "has the axes y, x, not 'z'"),
        (["--unknown", "reynolds", "--observe", "pressure"], "'pressure' can't be observed"),
        (["--unknown", "reynolds", "--probe", "y=100"], "A probe of WakeFlow"),
        (["--unknown", "reynolds", "--probe", "y=100,x=900"], "lies at y in [0, 200], x in [0, 100]"),
        (["--unknown", "reynolds", "--probe", "y=100,x=here"], "--probe x=here: 'here' is no number"),
        (["--unknown", "reynolds", "--probe", "here"], "must have the form NAME=VALUE, e.g. y=100,x=50"),
        (["--unknown", "reynolds", "--probe", "y=9,x=9", "--region", "y=1:2"], "by a region or by probes, not by both"),
        (["--unknown", "reynolds", "--every", "99"], "none is observed with every=99"),
        (["--unknown", "reynolds", "--simulation", "7"], "There is no simulation 7: the data hold"),
        (["--unknown", "reynolds", "--noise", "0"], "noise of observations must be positive"),
        (["--unknown", "reynolds", "--starts", "3"], "give each unknown one of these"),
        (["--unknown", "reynolds", "--method", "newton"], "knows the methods"),
        (["--unknown", "reynolds", "--run", "nowhere"], "nowhere"),
        (["--unknown", "reynolds", "--unknown", "reynolds"], "each once"),
    ],
)
def test_wrong_uses_are_one_line(place, options, message, capsys):
    assert main(["estimate", *place, *options]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0], lines
