"""Ways in which the product is used by people with a goal of their own, from the documentation alone."""

import json
import shutil
from pathlib import Path

import pytest

from phi_sol.cli import main

SQUARE = '''"""A square in the place of the cylinder."""

from phi.geom import Box

from phi_sol import Experiment, WakeFlow


class Square(WakeFlow):
    @property
    def obstacles(self):
        return (Box(y=(40, 60), x=(40, 60)),)


experiment = Experiment(
    name="square",
    flow=Square,
    source=dict(y=24, x=12),
    ratio=2,
    train=dict(reynolds=(150.0,)),
    test=dict(reynolds=(1200.0,)),
    warmup=4,
    frames=8,
    keep_reference_every=8,
)
'''


@pytest.fixture(scope="module")
def square(tiny_run, tmp_path_factory):
    """A scene file, its test data, and the run of another scene."""
    place = tmp_path_factory.mktemp("square")
    (place / "square.py").write_text(SQUARE)
    shutil.copytree(tiny_run, place / "cylinder")
    out = str(place / "data" / "test")
    assert main(["generate", str(place / "square.py"), "--split", "test", "--out", out]) == 0
    return place


@pytest.fixture
def beside_the_square(square, monkeypatch):
    monkeypatch.chdir(square)


@pytest.mark.parametrize("command", [["evaluate"], ["export", "--out", "fields"]])
def test_a_corrector_of_the_cylinder_is_refused_around_a_square(command, beside_the_square, capsys):
    assert main([*command, "square.py", "--data", "data", "--run", "cylinder"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "trained for another flow: type is WakeFlow instead of Square" in line and "--anyway" in line


def test_it_is_evaluated_anyway_and_the_report_says_so(beside_the_square):
    given = ["square.py", "--data", "data", "--run", "cylinder", "--anyway", "--no-numerics", "--out", "evaluation"]
    assert main(["evaluate", *given]) == 0
    results, report = (Path("evaluation", n).read_text() for n in ("results.json", "report.md"))
    results = json.loads(results)
    remark = results["correctors"]["cylinder"]["remark"]
    assert "type is WakeFlow instead of Square" in remark and "reynolds was 150 to 600 there" in remark
    assert results["solvers"]["cylinder"]["mae"] and f"cylinder: {remark}" in report


def test_it_is_exported_and_filmed(beside_the_square, capsys):
    assert main(["export", "square.py", "--data", "data", "--run", "cylinder", "--anyway", "--out", "fields"]) == 0
    assert Path("fields/cylinder/sim_000000.nc").read_bytes()[1:4] == b"HDF"
    capsys.readouterr()
    assert main(["animate", "square.py", "cylinder", "--data", "data", "--anyway", "--out", "film.gif"]) == 0
    first, last = capsys.readouterr().out.strip().splitlines()
    assert "another flow" in first and last.startswith("film.gif: 9 frames") and "corrector cylinder" in last
