"""Progress: lines where there is no terminal, bars in terminals and notebooks, functions of one's own."""

import io
import sys
import types
from itertools import product

import pytest

from phi_sol import InputError
from phi_sol import progress as module
from phi_sol.progress import Part, showing


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def work(clock, seconds, steps=10, **options):
    with showing(True, "steps/s", **options) as show:
        for i in range(steps + 1):
            show("wake", 20 + 8 * i, 100)
            clock.now += seconds


def test_quick_work_says_nothing_where_there_is_no_terminal(clock, capsys):
    work(clock, 1.0)
    assert capsys.readouterr() == ("", "")


def test_long_work_says_a_line_every_half_minute(clock, capsys):
    work(clock, 16.0)
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines() == [
        "wake: 36 % of 100, 0.5 steps/s, 0:32 so far, 2:08 to go",
        "wake: 52 % of 100, 0.5 steps/s, 1:04 so far, 1:36 to go",
        "wake: 68 % of 100, 0.5 steps/s, 1:36 so far, 1:04 to go",
        "wake: 84 % of 100, 0.5 steps/s, 2:08 so far, 0:32 to go",
        "wake: 100 % of 100, 0.5 steps/s, 2:40 so far",
    ]


def test_what_is_left_is_not_estimated_from_what_was_compiled_before(clock, capsys):
    with showing(True) as show:
        for done, seconds in ((0, 40), (0, 40), (0.25, 0)):
            show("sol", done, 1.0)
            clock.now += seconds
    assert capsys.readouterr().err.splitlines()[-1] == "sol: 25 %, 1:20 so far, 2:00 to go"


def test_a_bar_in_a_terminal(clock, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    work(clock, 1.0)
    assert "wake" in sys.stderr.getvalue() and "100%" in sys.stderr.getvalue()
    monkeypatch.setattr(sys, "stderr", Terminal())
    work(clock, 1.0, after=60.0)
    assert sys.stderr.getvalue() == ""


@pytest.fixture
def notebook(monkeypatch):
    """What the output of a cell shows, one after the other: outputs that were updated are there once, as they are."""
    shown = []

    class DisplayHandle:
        def display(self, what, raw):
            assert raw
            self.place = len(shown)
            shown.append(what)
            shown_at_all.append(what["text/html"])

        def update(self, what, raw):
            assert raw
            shown[self.place] = what
            shown_at_all.append(what["text/html"])

    shown_at_all = []
    shell = type("Shell", (type("ZMQInteractiveShell", (), {}),), {})()  # as Colab's
    parts = types.ModuleType("IPython.display")
    parts.DisplayHandle = DisplayHandle
    ipython = types.ModuleType("IPython")
    ipython.get_ipython, ipython.display = lambda: shell, parts
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", parts)
    return shown, shown_at_all


def test_one_line_in_a_notebook(clock, notebook, capsys):
    shown, ever = notebook
    work(clock, 1.0)
    assert "value='0.2000'" in ever[0] and all(html.count("<progress") == 1 for html in ever[:-1])
    assert shown == [
        dict.fromkeys(["text/html"], "<div>wake: 100 % of 100, 7.27 steps/s, 0:11</div>")
        | {"text/plain": "wake: 100 % of 100, 7.27 steps/s, 0:11"}
    ]
    assert capsys.readouterr() == ("", "")


def test_parts_one_after_the_other_are_one_line_in_a_notebook(clock, notebook):
    shown, ever = notebook
    with showing(True) as show:
        for part, done in product(("SRC", "<b>"), (0, 1, 2)):
            show(part, done, 2, info="loss < 1")
            clock.now += 1
    assert len(shown) == 1 and all(html.count("<progress") == 1 for html in ever[:-1])
    assert "&lt;b&gt;: 50 % of 2, loss &lt; 1" in ever[-3]
    assert shown[0]["text/plain"] == "<b>: 100 % of 2, loss < 1, 0:03"


def test_an_interruption_leaves_a_line_in_a_notebook(clock, notebook):
    shown, _ = notebook
    with pytest.raises(KeyboardInterrupt), showing(True) as show:
        show("rollout", 0, 100)
        clock.now += 5
        show("rollout", 40, 100)
        raise KeyboardInterrupt
    assert [s["text/plain"] for s in shown] == ["rollout: 40 % of 100, stopped after 0:05"]


def test_an_interruption_while_it_is_first_shown_leaves_a_line_too(clock, notebook, monkeypatch):
    """The signal may come when the front end has got the bar, and Python has not returned from that."""
    handle = sys.modules["IPython.display"].DisplayHandle
    usual = handle.display

    def interrupted(self, what, raw):
        usual(self, what, raw)
        raise KeyboardInterrupt

    monkeypatch.setattr(handle, "display", interrupted)
    with pytest.raises(KeyboardInterrupt), showing(True) as show:
        show("rollout", 0, 100)
    assert [s["text/plain"] for s in notebook[0]] == ["rollout: 0 % of 100, stopped after 0:00"]


def test_nothing_in_a_notebook_that_asked_for_nothing(clock, notebook):
    with showing(False) as show:
        show("rollout", 40, 100)
    with showing(True, after=60.0) as show:
        show("rollout", 40, 100)
    assert notebook == ([], [])


def test_no_speed_of_what_was_done_when_it_was_first_heard_of(clock):
    part = Part("rollout", 20, 20, 20)
    assert part.line("steps/s") == "rollout: 100 % of 20, 0:00 so far"


def test_titles_and_what_is_said_besides(clock, capsys):
    with showing(True) as show:
        for share in (0.0, 0.5):
            show("training", share, 1.0, info=f"loss {share}", title="sol SOL-4")
            clock.now += 40
    assert capsys.readouterr().err == "sol SOL-4: 50 %, loss 0.5, 0:40 so far, 0:40 to go\n"


def test_functions_of_one_s_own_and_none_at_all(clock, capsys):
    calls = []
    with showing(lambda *given: calls.append(given)) as show:
        show("part", 1, 2)
    assert calls == [("part", 1, 2)]
    with showing(False) as show:
        show("part", 1, 2, info="nothing")
    assert capsys.readouterr() == ("", "")
    with pytest.raises(InputError, match="True, False or a function, not 'yes'"), showing("yes"):
        pass


def test_long_rollouts_show_how_far_they_are(capsys, monkeypatch):
    from phi_sol import WakeFlow

    flow, calls = WakeFlow(y=16, x=8), []
    start = flow.initial_state(reynolds=100.0)
    flow.rollout(start, 120, 2, progress=lambda *given: calls.append(given))
    assert calls == [("rollout", 100, 120), ("rollout", 120, 120)]
    flow.rollout(start, 120, 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(module, "LINES_EVERY", 0.0)
    monkeypatch.setattr("phi_sol.stepping.solver.SHOWN_AFTER", 0.0)
    flow.rollout(start, 120, 2)
    assert "rollout: 100 % of 120" in capsys.readouterr().err
