"""Viewers that are ended at any moment leave no temporary folder, and two Ctrl-C end with exit code 130."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter

import pytest

pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")

PORT = 18220
LATEST = 2.5  # seconds after which it serves
LOOP = """
import time
import phi_sol
from phi.flow import CenteredGrid
smoke = CenteredGrid(0, 0, y=4, x=6)
viewer = phi_sol.view(smoke, port=18240)
for _ in viewer.range():
    time.sleep(0.01)
"""


@pytest.fixture
def started(tiny_run, tmp_path):
    """
    Starts the command or a script with a viewer, until it serves, or for some seconds; gives it, and the folder for its
    temporary ones.
    """
    processes = []

    def started(*arguments, seconds: float | None = None):
        folder = tmp_path / f"tmp{len(processes)}"
        folder.mkdir()
        heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  ignored in the background
        command = [sys.executable, *(arguments or ("-m", "phi_sol", "view", str(tiny_run), "--port", str(PORT)))]
        options = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
        process = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(folder)}, cwd=tmp_path, **options)
        processes.append(process)
        if seconds is None:
            while not (line := process.stdout.readline()).startswith("http"):
                assert line, process.stderr.read()
            process.address = line.split()[0].rstrip("/")
            with urllib.request.urlopen(process.address, timeout=60) as answer:
                assert answer.status == 200
            assert [p.name[:13] for p in folder.glob("phi_sol*")] == ["phi_sol_view_"]
        else:
            time.sleep(seconds)
        return process, folder

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def left(folder) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith("phi_sol")]


@pytest.mark.parametrize("script", [False, True])
def test_sigterm_removes_temporary_folders(started, script):
    process, folder = started("-c", LOOP) if script else started()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == -signal.SIGTERM
    assert left(folder) == [] and "Traceback" not in process.stderr.read()


def test_a_second_interrupt_does_not_wait_for_a_step(started):
    """The first one waits for the step that is under way, here for its compilation."""
    process, folder = started()
    names = ("play", "pause", "step", "reset", "poke", "save")
    inputs = [{"id": f"live-{n}", "property": "n_clicks", "value": int(n == "play")} for n in names]
    body = {"output": "live-did.data", "inputs": inputs, "state": [], "changedPropIds": ["live-play.n_clicks"]}
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{process.address}/_dash-update-component", json.dumps(body).encode(), head)
    urllib.request.urlopen(request, timeout=60).close()
    process.send_signal(signal.SIGINT)
    time.sleep(1)
    assert process.poll() is None, "it waits"
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130 and time.monotonic() - begin < 5
    assert left(folder) == [] and "Traceback" not in process.stderr.read()


@pytest.mark.slow
def test_two_interrupts_at_random_moments(started):
    """While it imports, serves, and ends."""
    chance, codes = random.Random(3), Counter()
    for _ in range(25):
        process, folder = started(seconds=chance.uniform(0, LATEST))
        process.send_signal(signal.SIGINT)
        time.sleep(chance.choice([0, 0.001, 0.01, 0.1]))
        process.send_signal(signal.SIGINT)
        code = process.wait(60)
        said = process.stderr.read()
        assert code in (0, 130) or not re.search(r'phi_sol/\S+", line \d+, in main', said), said  # Python was starting
        assert left(folder) == [], (code, said)
        codes[code] += 1
    print(f"\nexit codes after two Ctrl-C: {dict(codes)}")


@pytest.mark.slow
def test_sigterm_at_random_moments(started):
    chance = random.Random(4)
    for _ in range(25):
        process, folder = started(seconds=chance.uniform(0, LATEST))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM and left(folder) == []
