"""`phi-sol train --workers`: several processes share each batch; one that is killed is replaced."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from phi_sol import Corrector, FailedError
from phi_sol.cli import launch as launching
from phi_sol.cli import main
from phi_sol.cli.launch import launch, without


def test_an_option_is_left_out_in_both_forms():
    given = ["train", "x.py", "--workers", "2", "--seed", "2"]
    assert without(given, "--workers") == ["train", "x.py", "--seed", "2"]
    assert without(["train", "--workers=2", "--seed=2"], "--workers") == ["train", "--seed=2"]
    assert without(["train", "--workers", "--workers", "a"], "--workers") == ["train", "a"]


def test_restarts_end_and_bad_input_is_passed_on(monkeypatch, tmp_path, caplog):
    (tmp_path / "run.json").touch()
    ends, commands = [(1, -9, "")] * 4, []

    def once(command, count):
        commands.append(command)
        return ends.pop(0)

    monkeypatch.setattr(launching, "_once", once)
    with pytest.raises(FailedError, match="Worker 1 of 2 was ended by signal 9, the fourth time"):
        launch(["train", "x.py", "--workers", "2"], 2, tmp_path)
    assert commands[0] == ["train", "x.py", "--strategy", "multi-worker"]
    assert commands[1:] == [[*commands[0], "--resume"]] * 3 and len(caplog.records) == 3
    ends[:] = [(1, 2, "no such thing")]
    with pytest.raises(FailedError, match="Worker 1 of 2 ended with the exit code 2: no such thing"):
        launch(["train", "x.py", "--workers=2"], 2, tmp_path)
    ends[:] = [(0, 0, "")]
    launch(["train", "x.py", "--workers=2"], 2, tmp_path)


def test_not_with_another_strategy(tiny_scene, tiny_data, capsys):
    command = ["train", str(tiny_scene), "--data", str(tiny_data), "--workers", "2", "--strategy", "mirrored"]
    assert main(command) == 2
    assert "--workers and --strategy exclude each other" in capsys.readouterr().err


@pytest.mark.slow
def test_the_second_of_two_workers_is_killed_and_the_run_goes_on(tiny_scene, tiny_data, tmp_path):
    """It ends with the iterations that were asked for, and the weights of one process with the same batch."""
    shutil.copy(tiny_scene, tmp_path / "tiny.py")
    common = f"train tiny.py --data {tiny_data} --network small --validation 0 --batch 2 --steps 200 --seed 3"
    command = [sys.executable, "-m", "phi_sol", *common.split(), "--workers", "2", "--out", "two"]
    process, killed = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True), []

    def kill():
        while not list(tmp_path.glob("two/checkpoints/*.index")):
            time.sleep(0.01)
        for stat in Path("/proc").glob("[0-9]*/environ"):
            try:
                config = dict(x.partition("=")[::2] for x in stat.read_bytes().decode().split("\0")).get(
                    "TF_CONFIG", ""
                )
            except OSError:
                continue
            parent = int((stat.parent / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process.pid and json.loads(config)["task"]["index"] == 1:
                killed.append(int(stat.parent.name))
                os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    _, said = process.communicate(timeout=900)
    assert process.returncode == 0 and killed, said
    assert "Worker 1 of 2 was ended by signal 9: all begin again from the last checkpoint" in said
    assert "Traceback" not in said
    assert (tmp_path / "two" / "log.csv").read_text().splitlines()[-1].startswith("200,")
    alone = [sys.executable, "-m", "phi_sol", *common.split(), "--out", "one"]
    subprocess.run(alone, cwd=tmp_path, check=True, capture_output=True)
    one, two = (read_csv(tmp_path / n / "log.csv")[-1] for n in ("one", "two"))
    assert one["step"] == two["step"] == "200"
    assert float(two["loss"]) == pytest.approx(float(one["loss"]), rel=0.02)  # 200 iterations of Adam apart
    weights = [Corrector.load(tmp_path / n).network.get_weights() for n in ("one", "two")]
    off = max(abs(a - b).max() for a, b in zip(*weights, strict=True))
    assert off < 0.1 * max(abs(a).max() for a in weights[0])


def read_csv(path: Path) -> list[dict]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
