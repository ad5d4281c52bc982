"""`phi_sol.view` around a loop of one's own."""

import subprocess
import sys
import time

import numpy as np
import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi-sol[view]")

from phi import math
from phi.field import CenteredGrid

import phi_sol
from phi_sol.errors import InputError
from phi_sol.stepping.state import State


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
    viewer = phi_sol.view({"number": 3, "value": value}, keep_alive=False, port=18110)
    with pytest.raises(InputError, match="Only PhiFlow grids can be shown, not int"):
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
    told = "import sys, atexit; import phi_sol.viewer.loop as l; atexit.register(lambda: print('told:', [m.message for m in l.VIEWERS][-1]))\n"
    if end != "break":
        script.write_text(told + script.read_text())
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120)
    if end == "break":
        assert result.returncode == 0, result.stderr
        assert result.stdout.splitlines()[-1].startswith("3 3 1.0 0.25")
    else:
        assert result.returncode == 1 and "RuntimeError: out of" in result.stderr
        assert "told: The script stopped: RuntimeError: out of smoke" in result.stdout
