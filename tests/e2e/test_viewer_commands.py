"""`phi-sol view` and `phi-sol animate` as users run them."""

import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from phi_sol.cli import main
from phi_sol.viewer.phiflow import compat


@pytest.fixture
def folder(tiny_run, tmp_path, monkeypatch):
    """A working directory with a run, an empty folder and a file."""
    shutil.copytree(tiny_run, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["view", "nowhere"], "There is no folder nowhere, and no scene of this name"),
        (["view", "empty"], "There is nothing to show in empty: neither a run (run.json) nor simulations"),
        (["view", "file.txt"], "file.txt is a file: give its folder."),
        (["view", "run", "--data", "gone"], "There is no folder gone."),
        (["view", "run", "--port", "70000"], "A port is a number from 1 to 65535, not 70000."),
        (["view", "run", "--host", "203.0.113.7"], "203.0.113.7 is no address of this machine"),
        (["view"], "Missing argument 'PATH ...'"),
        (["animate", "run", "-o", "a.avi"], "a.avi must end with one of .mp4, .gif, .html"),
        (["animate", "run", "-o", "a.gif"], "There is no recorded simulation"),
        (["animate", "run", "-o", "file.txt/a.gif"], "file.txt is a file, not a folder"),
        (["animate", "run"], "Missing option '--out' / '-o'"),
    ],
)
def test_wrong_use(folder, arguments, message, capsys):
    if arguments[0] == "view":
        pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")
    assert main(arguments) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and len(error.splitlines()) == 1
    assert sorted(p.name for p in folder.iterdir()) == ["empty", "file.txt", "run"], "something was written"


def test_without_the_extra(folder, capsys, monkeypatch):
    monkeypatch.setattr(compat, "find_spec", lambda name: None)
    assert main(["view", "run"]) == 2
    assert (
        capsys.readouterr().err.strip()
        == "phi-sol: The viewer needs dash and plotly, which is not installed: pip install 'phi_sol[view]'"
    )


def test_view_takes_the_next_port_and_ends_with_ctrl_c(folder, tiny_data):
    pytest.importorskip("dash", reason="Dash is not installed: pip install phi_sol[view]")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "phi_sol",
            "view",
            "run",
            "--data",
            str(tiny_data / "test"),
            "--port",
            str(port),
        ]
        # a test run in the background ignores Ctrl-C
        heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
        lines = []
        while not lines or not lines[-1].startswith("http"):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
    assert lines[0].startswith("Reading ") and f"Port {port} is in use; taking " in lines[2]
    with urllib.request.urlopen(lines[-1].split()[0], timeout=60) as answer:
        assert answer.status == 200 and b"phi_sol" in answer.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, "Ctrl-C is how it ends"
    assert "Traceback" not in process.stderr.read()


def test_no_film_of_a_corrector_that_can_t_be_loaded(folder, tiny_data, capsys):
    """It is an error, not a picture of its message."""
    shutil.copytree(folder / "run", folder / "damaged")
    (folder / "damaged" / "corrector.keras").write_bytes(b"no zip")
    assert main(["animate", "damaged", "--data", str(tiny_data / "test"), "-o", "a.gif", "--frames", "0:2"]) == 2
    assert "corrector.keras is damaged" in capsys.readouterr().err and not (folder / "a.gif").exists()


@pytest.mark.slow
def test_animate(folder, tiny_data, capsys):
    assert (
        main(
            [
                "animate",
                "run",
                "--data",
                str(tiny_data / "test"),
                "-o",
                "films/wake.gif",
                "--frames",
                "0:2:2",
                "--quantity",
                "magnitude",
            ]
        )
        == 0
    )
    assert "films/wake.gif: 2 frames of test/sim_000000 (reynolds 300), corrector run" in capsys.readouterr().out
    assert (folder / "films" / "wake.gif").read_bytes()[:3] == b"GIF"
