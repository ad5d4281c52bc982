"""Tables and reports."""

import re

import pytest

from phi_sol.evaluation.paper import TABLE, comparison
from phi_sol.evaluation.tables import tables
from phi_sol.evaluation.verdicts import verdicts


def test_report_is_one_file(tiny_evaluation):
    """Nothing in it is loaded from anywhere, and it shows every picture and figure."""
    page = (tiny_evaluation.files[0].parent / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    pictures = [f for f in tiny_evaluation.files if f.suffix in (".png", ".gif")]
    assert len(sources) == len(pictures) + 1 and all(s.startswith("data:") for s in sources) and "http" not in page
    assert len([s for s in sources if s.startswith("data:image/gif")]) == 1
    mae = tiny_evaluation.results["solvers"]["SRC"]["mae"]["10"]
    assert f"<td>{mae:.4f}</td>" in page and "made by a test" in page


def test_markdown_shows_the_pictures_beside_it(tiny_evaluation):
    folder = tiny_evaluation.files[0].parent
    text = (folder / "report.md").read_text()
    assert {f.name for f in folder.iterdir() if f.suffix in (".png", ".gif")} == set(
        re.findall(r"!\[.*\]\((.*)\)", text)
    )
    widths = {line.count("|") for line in text.split("## ")[1].splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_tables(tiny_evaluation):
    results = tiny_evaluation.results
    made = tables(results)
    assert [t.columns[0] for t in made] == ["solver", "trained alike", "solver", "solver", "solver", "solver"]
    assert [t.title.partition(":")[0] for t in made[2:4]] == ["Cost and accuracy", "Plain numerics"]
    assert all(len(row) == len(t.columns) for t in made for row in t.rows)
    (line,) = verdicts(results)
    assert line.startswith("sol: velocity MAE") and " SRC, " in line and "than the reference" in line
    blown = results | {
        "solvers": {
            n: e | ({"mae": {"10": None}, "mae_shared": None, "blow_ups": 1} if n == "sol_seed0" else {})
            for n, e in results["solvers"].items()
        }
    }
    blown["groups"] = {"sol": results["groups"]["sol"] | {"mean": None, "std": None, "mae_shared": None}}
    rows = {row[0]: row for row in tables(blown)[0].rows}
    assert rows["sol_seed0"][:2] == ["sol_seed0", "blew up"] and "sol_seed0: 1 of 1" in tables(blown)[0].note
    assert verdicts(blown) == ["sol blew up in 1 of 2 rollouts."]


def test_paper():
    groups = {
        "mine": {"method": "sol", "unroll": 8, "mean": 0.03, "std": 0.01},
        "non": {"method": "non", "unroll": 1, "mean": None, "std": None},
    }
    rows = comparison("karman_2d", 0.15, groups)["rows"]
    assert [(r["solver"], r["paper_solver"]) for r in rows] == [
        ("SRC", "SRC"), ("mine", "SOL, few steps"), ("non", "NON"), (None, "PRE"), (None, "SOL-32"),
    ]  # fmt: skip
    assert rows[1]["improvement"] == pytest.approx(0.8) and rows[1]["paper_improvement"] == pytest.approx(
        1 - 0.041 / 0.146
    )
    assert rows[2]["improvement"] is None and comparison("mine", 0.1, groups) is None
    assert TABLE["karman_2d"].match("sol", 32) == "SOL-32" and TABLE["karman_2d"].match("nog", 8) is None
