"""
At the door of commands: scene files, names, options and paths that can't be used end in one line and exit code 2,
before any work; text from outside is never taken for markup.
"""

import os
from io import StringIO
from pathlib import Path

import matplotlib.figure
import pytest
from folders import chdir
from hostile import lines_of
from rich.console import Console

from phi_sol import Experiment, InputError, WakeFlow, write
from phi_sol.cli import main
from phi_sol.limits import memory
from phi_sol.places import check_file, check_place
from phi_sol.texts import code_for_markdown, for_figure, for_html, for_markdown, for_rich

WRONG_LINES = {
    "import sys; sys.exit(3)": "SystemExit",
    "raise SystemExit": "SystemExit",
    "source=(32, 16)": "source must be a dictionary",
    "options=5": "options must be a dictionary",
    "flow=WakeFlow(y=24, x=12)": "flow must be a class",
    "options=dict(dt='1')": "time step must be a number, positive and finite, not '1'",
    "time_ratio=10**9": "time ratio of a solver pair must be at most",
    "options={1: 2}": "options of Experiment must be a dictionary",
    "options=dict(y=32)": "y is given twice",
    "options=dict(colour=5)": "no argument 'colour'",
    "source=dict(y=10**9, x=10**9)": "needs at least",
    "ratio=10**6": "needs at least",
    "frames=10**9": "frames must be at most 999999",
    "warmup=10**12": "warmup must be at most",
    "correct=()": "correct must be",
    "name='../../x'": "name of a scene must be",
    "name='/tmp/x'": "name of a scene must be",
    "name='a\\x1b[2Jb'": "name of a scene must be",
    "test=dict(reynolds=(1e39,))": "not possible",
    "test=dict(reynolds=[True])": "not possible",
    "schedule=5": "schedule must be a Schedule",
    "task='nothing'": "task must be one of",
    "schedule=Schedule(batch=10**12)": "batch of a schedule must be at most",
    "1/0": "ZeroDivisionError",
    "\0": "null",
    "x = (": "SyntaxError",
    "experiment = 5": "defines no experiment",
    "experiment = Experiment": "defines no experiment",
}


@pytest.mark.parametrize(("line", "expected"), WRONG_LINES.items(), ids=repr)
def test_a_scene_file_that_is_wrong_is_one_line(tmp_path, tiny_scene, capsys, line, expected):
    text, name = tiny_scene.read_text(), line.partition("=")[0]
    own = next((n for n in text.split("\n") if n.strip().startswith(f"{name}=")), "")
    if own and name.isidentifier():
        text = text.replace(own, f"    {line},")
    elif name.isidentifier() and "=" in line and not line.startswith("x ="):
        text = (
            text.replace("    flow=", f"    {line},\n    flow=", 1) if "experiment" not in line else f"{text}{line}\n"
        )
    else:
        text += line + "\n"
    (tmp_path / "wrong.py").write_text(text)
    with chdir(tmp_path):
        assert main(["generate", "wrong.py", "--dry-run"]) == 2
    (message,) = lines_of(capsys)
    assert expected in message
    assert [p.name for p in tmp_path.iterdir() if p.name != "__pycache__"] == ["wrong.py"]


def test_what_a_grid_would_need_is_said_before_it_is_made():
    with pytest.raises(InputError, match=r"WakeFlow\(y=1000000, x=1000000\) needs at least 36 TB of memory"):
        WakeFlow(y=10**6, x=10**6)
    assert memory() > 2**28


def test_a_rollout_that_no_memory_can_hold_is_refused(tiny):
    flow = tiny.pair.source
    state = flow.initial_state(reynolds=200.0)
    with pytest.raises(InputError, match="needs at least .* of memory; this machine has"):
        flow.rollout(state, 2**31 - 1, progress=False)


@pytest.mark.parametrize("name", ["karman_2d", "a", "A-b_c.1", "x" * 100])
def test_names_that_files_can_have(tiny, name):
    made = Experiment(
        name, WakeFlow, {"y": 24, "x": 12}, ratio=2, train={"reynolds": (100,)}, test={"reynolds": (200,)}
    )
    assert made.name == name


class Sideways(WakeFlow):
    parameters = ("../reynolds",)


def test_names_of_parameters_are_names_of_files_too():
    with pytest.raises(InputError, match="A field or parameter of Sideways must be a name"):
        Sideways(y=24, x=12)


REFUSED = ["file", "file/x", "loop", "loop/x", "nowhere", "nowhere/x", "x" * 300, "x/" * 2500, "a\nb", "a\x1b[2J"]
REFUSED += [os.fsdecode(b"\xff\xfe"), "/proc/x", *([] if os.geteuid() == 0 else ["closed/x"])]
FINE = ["a", "a/b c", "é ü 漢", "runs/lr=[1e-3]", "a\\b", "-x", "*?", "a'b\"c", "$x$", "%s"]


@pytest.mark.parametrize("place", REFUSED, ids=lambda p: ascii(p)[:20])
def test_places_that_can_not_be_written_to(odd_places, place):
    with chdir(odd_places), pytest.raises(InputError, match="Name another") as info:
        check_place(Path(place), "Name another folder.")
    assert str(info.value).isprintable()


@pytest.mark.parametrize("place", FINE)
def test_places_that_can_be_written_to(tmp_path, place):
    with chdir(tmp_path):
        check_place(Path(place), "")
        check_file(Path(place))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", FINE)
def test_files_are_written_at_odd_places(tmp_path, tiny, place):
    state = tiny.pair.source.initial_state(reynolds=200.0)
    with chdir(tmp_path):
        write(state, Path(place) / "state.vti", tiny.pair.source)
        assert (Path(place) / "state.vti").is_file()


HOSTILE = "<script>alert(1)</script> [red]x[/red] $\\frac{$ |a|b| `c` *d* _e_ &amp; # \x1b[2J\x07 \udcff"


def test_text_is_no_markup_anywhere():
    console = Console(width=300, record=True, file=StringIO())
    console.print(for_rich(HOSTILE))
    assert "[red]x[/red]" in console.export_text() and "\x1b" not in str(for_rich(HOSTILE))
    assert "<" not in for_html(HOSTILE) and "\x1b" not in for_html(HOSTILE)
    shown = for_markdown(HOSTILE)
    assert "\\<script\\>" in shown and "\\|a\\|" in shown and "\\`c\\`" in shown and "\x1b" not in shown
    assert for_markdown("# a\n- b") == "\\# a - b" and for_markdown("karman_2d: -5 %") == "karman_2d: -5 %"
    assert code_for_markdown("a `b` ``c") == "``` a `b` ``c ```" and code_for_markdown("phi-sol") == "`phi-sol`"
    figure = matplotlib.figure.Figure()
    figure.suptitle(for_figure(HOSTILE))
    figure.savefig(os.devnull, format="png")
