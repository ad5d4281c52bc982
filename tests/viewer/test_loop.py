"""`phi_sol.view` around a loop of one's own."""

import gc
import http.client
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")

from phi import math
from phi.field import CenteredGrid

import phi_sol
from phi_sol.errors import InputError
from phi_sol.stepping.state import State
from phi_sol.viewer.loop import LoopViewer


def grid(value):
    with math.NUMPY:
        return CenteredGrid(value, 0, y=4, x=6)


def shown(viewer, name):
    return float(viewer.values(name).parts[""][0, 0])


def test_loop_in_a_function_shows_its_variables():
    smoke, state = grid(0.0), State({"marker": grid(5.0)})
    viewer = phi_sol.view(
        smoke, state, {"twice": lambda: smoke * 2}, controls={"gain": (0.5, 0.0, 1.0)}, keep_alive=False, port=18110
    )
    assert viewer.field_names == ("smoke", "marker", "twice") and shown(viewer, "marker") == 5
    seen = []
    for step in viewer.range(4):
        seen.append(step)
        smoke = smoke + viewer.gain
        state = state.with_fields(marker=state.marker + 1)
        viewer.set_control_value("gain", 1.0)
        viewer.log_scalars(mean=smoke.values.mean)
    assert seen == [0, 1, 2, 3] and viewer.steps == 4
    assert (shown(viewer, "smoke"), shown(viewer, "twice"), shown(viewer, "marker")) == (3.5, 7.0, 9.0)
    np.testing.assert_allclose(viewer.get_curve("mean"), [[0, 1, 2, 3], [0.5, 1.5, 2.5, 3.5]])
    assert "ended after 4 steps" in viewer.message
    viewer.update(smoke=grid(11.0))
    assert shown(viewer, "smoke") == 11
    viewer.close()


def test_a_paused_loop_waits_for_the_page():
    smoke = grid(0.0)
    viewer = phi_sol.view("smoke", play=False, keep_alive=False, port=18110, actions={"add": lambda: calls.append(1)})
    calls = []
    viewer.run_action("add")
    assert calls == [1]
    from threading import Thread

    clicks = []

    def click():
        for _ in range(2):
            time.sleep(0.2)
            clicks.append(viewer.steps)
            viewer.progress()

    Thread(target=click, daemon=True).start()
    for _ in viewer.range(2):
        smoke = smoke + 1
        assert clicks, "a step before the first click"
    assert clicks == [0, 1]
    viewer.close()


@pytest.mark.parametrize(
    "fields, controls, message",
    [
        ((), {}, "nothing to view"),
        (("unknown_name",), {}, "no variable 'unknown_name'"),
        (("value",), {"gain": (2.0, 0.0, 1.0)}, "lowest <= value <= highest"),
        (("value",), {"gain": [1, 2]}, "must start with a number"),
        (("value",), {"gain": (1.0, 2.0)}, "must be a value or"),
        (("value",), {"steps": 1.0}, "can't be named 'steps'"),
    ],
)
def test_wrong_use(fields, controls, message):
    value = grid(0.0)  # noqa: F841  looked up by its name
    with pytest.raises(InputError, match=message):
        phi_sol.view(*fields, controls=controls, keep_alive=False)


def test_what_is_no_field_is_said_on_the_page():
    value = grid(0.0)
    with (
        phi_sol.view({"number": 3, "value": value}, keep_alive=False, port=18110) as viewer,
        pytest.raises(InputError, match="Only PhiFlow grids can be shown, not int"),
    ):
        viewer.values("number")


SCRIPT = '''"""A script of a PhiFlow user."""
from phi.flow import *
from phi import vis
import phi_sol
speed = vis.control(0.5, (0.0, 1.0))
smoke = CenteredGrid(0, 0, y=4, x=6)
viewer = phi_sol.view(smoke, keep_alive=False, port=18130)
for step in viewer.range():
    viewer.set_control_value("speed", 0.25)
    smoke = smoke + speed
    if step == 3:
        {end}
print(step, viewer.steps, float(smoke.values.mean), speed, viewer.message)
'''


@pytest.mark.parametrize("end", ["break", "raise RuntimeError('out of\\nsmoke')"])
def test_scripts_end_as_without_a_viewer(end, tmp_path):
    script = tmp_path / "loop.py"
    script.write_text(SCRIPT.format(end=end) + ("" if end == "break" else "\n"))
    told = "import atexit; atexit.register(lambda: print('told:', viewer.message))\n"
    if end != "break":
        script.write_text(told + script.read_text())
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    if end == "break":
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1].startswith("3 3 1.0 0.25")
    else:
        assert result.returncode == 1 and "RuntimeError: out of" in result.stderr
        assert "told: The script stopped: RuntimeError: out of smoke" in result.stdout


@pytest.fixture
def left_behind(tmp_path, monkeypatch):
    """What there is more of in the process than at the start of the test, as soon as threads had time to end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def traces() -> dict[str, list]:
        gc.collect()
        hooks, hook = [], sys.excepthook
        while hook is not None:
            hooks, hook = [*hooks, id(hook)], getattr(hook, "previous", None)
        descriptors = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else []
        return {
            "threads": [t for t in threading.enumerate() if t.is_alive()],
            "files": [os.path.realpath(f"/proc/self/fd/{d}") for d in descriptors],
            "folders": list(tmp_path.iterdir()),
            "hooks": hooks,
            # what runs at exit would keep them; Dash itself keeps the last one
            "viewers": list(range(sum(isinstance(o, LoopViewer) for o in gc.get_objects()))),
            "loggers": list(logging.Logger.manager.loggerDict),
            "handlers": list(range(sum(isinstance(r(), logging.FileHandler) for r in logging._handlerList))),
        }

    phi_sol.view({"one": 1}, keep_alive=False, port=18160).close()  # what is imported and mended once
    before = traces()

    def left_behind() -> dict[str, list]:
        deadline, more = time.monotonic() + 20, {"": [""]}
        while more and time.monotonic() < deadline:
            time.sleep(0.05)
            more = {k: [v for v in values if v not in before[k]] for k, values in traces().items()}
            more = {k: v for k, v in more.items() if v}
        return more

    return left_behind


def use_many():
    """Pages that a browser has open, loops that wait for the page and loops that play: all end with their viewers."""
    smoke, controls, ports = grid(0.0), {"gain": (0.5, 0.0, 1.0)}, set()
    for i in range(50):
        with phi_sol.view(smoke, controls=controls, play=i % 3 == 0, keep_alive=i % 2 == 0, port=18140) as viewer:
            ports.add(viewer.server.port)
            if i % 10 == 0:
                page = http.client.HTTPConnection("127.0.0.1", viewer.server.port, timeout=30)
                page.request("GET", "/")
                assert b"phi_sol" in page.getresponse().read()
            for _ in viewer.range(2) if i % 3 == 0 else ():
                smoke = smoke + viewer.gain
    assert ports == {18140}, "a port was not given back"
    assert [step for step in viewer.range(3)] == [0, 1, 2], "without its page a loop goes on by itself"
    page.close()


@pytest.mark.slow
def test_many_viewers_leave_nothing_behind(left_behind):
    use_many()
    assert left_behind() == {}


def test_many_viewers_at_once_end_in_any_order():
    smoke, before = grid(0.0), sys.excepthook
    viewers = [phi_sol.view(smoke, play=False, keep_alive=False, port=18150) for _ in range(4)]
    assert len({v.server.port for v in viewers}) == 4
    for i in (1, 0, 3, 2):
        assert sys.excepthook is not before
        viewers[i].close()
    assert sys.excepthook is before


def test_a_viewer_that_cant_start_leaves_nothing_behind(left_behind):
    def refused(**options):
        value = grid(0.0)
        with pytest.raises(InputError):
            phi_sol.view(value, **options)

    for options in ({"port": 0}, {"host": "203.0.113.7"}, {"controls": {"steps": 1.0}}):
        refused(**options)
    assert left_behind() == {}
