"""Every option of every command with hostile values, listed ones and such that Hypothesis draws."""

from collections import Counter
from pathlib import Path

import click
import pytest
import typer.main
from folders import chdir
from hostile import lines_of, report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phi_sol.cli import app, main

VALUES = ["", "-1", "0", "nan", "inf", "1e400", "1.5", "9" * 5000, "True", "[1]", "é", "../..", "x" * 300, "a=b"]
VALUES += ["=", ",", "a\nb", "\x1b[2J", "\udcff", "file", "loop/x", "nowhere", "/proc/x", "file.py:x", "tiny.py:none"]
BEFORE = {
    "generate": ["tiny.py", "--dry-run"],
    "train": ["tiny.py", "--data", "data", "--network", "small", "--steps", "2", "--out", "out"],
    "evaluate": ["tiny.py", "--data", "data", "--no-numerics", "--frames", "1", "--out", "out"],
    "estimate": ["tiny.py", "--unknown", "reynolds", "--data", "data", "--out", "out"],
    "export": ["tiny.py", "--data", "data", "--out", "out"],
    "compare": ["a", "b"],
    "reproduce": ["tiny.py", "--dry-run", "--budget", "1s", "--data", "data", "--out", "out"],
    "networks": ["--no-timing"],
    "pretrained": [],
    "init": ["new.py"],
    "scenes": [],
    "animate": ["data", "--out", "out.gif"],
}


def options_of(command: str) -> dict[str, click.Parameter]:
    """The options of a command that have a value."""
    parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    options = [p for p in parameters if p.param_type_name == "option" and not p.is_flag]
    return {max(o.opts, key=len): o for o in options}


class Begun(BaseException):  # no mistake in code of the user's, which commands would report
    """The work would begin now: everything was accepted."""


@pytest.fixture
def no_work(monkeypatch):
    """All that commands are let in for raises `Begun`."""

    def begin(*args, **options):
        raise Begun

    for place in (
        "phi_sol.training.trainer.Trainer.fit",
        "phi_sol.generation.generator.Generator.run",
        "phi_sol.generation.generator.Generator.plan",
        "phi_sol.evaluation.export.Exporter.run",
        "phi_sol.tasks.estimation.estimation.Estimation.fit",
        "phi_sol.evaluation.evaluator.roll_out",
        "phi_sol.reproduce.reproduction.Reproduction.costs",
        "phi_sol.viewer.films.Film.write",
    ):
        monkeypatch.setattr(place, begin)


def outcome(folder: Path, capsys, command: str, option: str, value: str) -> tuple[str, str]:
    """What comes of a command with one of its options set to a value, and what is wrong with that, or nothing."""
    before = BEFORE[command]
    own = before[: before.index(option)] + before[before.index(option) + 2 :] if option in before else before
    call = [command, *own, f"{option}={value}"]
    try:
        with chdir(folder):
            code = main(call)
    except Begun:
        return "accepted", ""
    except BaseException as err:
        return "others", f"{ascii(call)[:90]}: {type(err).__name__}: {str(err)[:90]}"
    message = [m for m in lines_of(capsys) if m.startswith("phi-sol:")]
    if not code:
        return "done", ""
    if code == 2 and len(message) == 1 and message[0].isprintable():
        return "refused", ""
    return f"code {code}", f"{ascii(call)[:90]}: code {code}: {message}"


def tried(folder: Path, capsys, every: int) -> tuple[Counter, list[str]]:
    """Every so many of all pairs of an option and a hostile value."""
    pairs = [(c, o, v) for c in BEFORE for o in options_of(c) for v in VALUES]
    results = [outcome(folder, capsys, *pair) for pair in pairs[::every]]
    return Counter(kind for kind, _ in results), [w for _, w in results if w]


NUMBERS = st.integers().map(str) | st.floats().map(str) | st.integers(min_value=2**63).map(str)
TEXTS = st.text(st.characters(codec=None), max_size=30) | st.text("0123456789.,-+eE_smhxy=:/[](){}'\\ ", max_size=20)
PAIRS = st.tuples(st.sampled_from(["reynolds", "seed", "y", "x", "dt", ""]), NUMBERS | TEXTS).map("=".join)
PATHS = st.lists(st.sampled_from(["file", "loop", "nowhere", "data", "..", ".", "a", "é", "-", "~", "*"]), min_size=1)
DRAWN = NUMBERS | TEXTS | PAIRS | PATHS.map("/".join) | st.lists(NUMBERS, min_size=2, max_size=4).map(",".join)


def drawn(folder: Path, capsys, examples: int) -> tuple[Counter, list[str]]:
    """So many values that are drawn, each of an option that is drawn."""
    places, results = [(c, o) for c in BEFORE for o in options_of(c)], []

    @settings(
        max_examples=examples, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(places), DRAWN)
    def draw(place, value):
        results.append(outcome(folder, capsys, *place, value))

    draw()
    return Counter(kind for kind, _ in results), [w for _, w in results if w]


@pytest.fixture
def place(odd_places, tiny_scene, tiny_data, no_work) -> Path:
    (odd_places / "tiny.py").write_text(tiny_scene.read_text())
    (odd_places / "data").symlink_to(tiny_data)
    return odd_places


WHAT = "commands with hostile options"


def test_some_hostile_values_of_every_option_are_refused_in_one_line(place, capsys):
    report(*tried(place, capsys, every=29), WHAT)


@pytest.mark.slow
def test_all_hostile_values_of_every_option_are_refused_in_one_line(place, capsys):
    report(*tried(place, capsys, every=1), WHAT)


def test_some_drawn_values_of_options_are_refused_in_one_line(place, capsys):
    report(*drawn(place, capsys, 60), WHAT)


@pytest.mark.slow
def test_many_drawn_values_of_options_are_refused_in_one_line(place, capsys):
    report(*drawn(place, capsys, 3000), WHAT)
