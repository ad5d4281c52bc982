"""The commands as users run them: in processes of their own, but for most of the wrong uses."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import phi_sol
from phi_sol import InputError
from phi_sol.cli import in_options, main
from phi_sol.storage.dataset import find_simulations

COMMAND = [sys.executable, "-m", "phi_sol"]


def run(*arguments, cwd, check=True) -> subprocess.CompletedProcess:
    result = subprocess.run([*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True)
    if check:
        assert result.returncode == 0, result.stderr
    return result


def refused(*arguments, cwd) -> str:
    """The one line on stderr of a command that ends with exit code 2."""
    result = run(*arguments, cwd=cwd, check=False)
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 2 and len(lines) == 1, (result.returncode, result.stderr)
    assert "Traceback" not in result.stderr
    return lines[0]


@pytest.fixture(scope="module")
def workplace(tiny_scene, tmp_path_factory) -> Path:
    """A folder in which the tiny scene went through generate, train and evaluate."""
    folder = tmp_path_factory.mktemp("work")
    shutil.copy(tiny_scene, folder / "tiny.py")
    run("generate", "tiny.py", cwd=folder)
    run("train", "tiny.py", "--method", "sol", "--unroll", 2, "--steps", 6, cwd=folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "tiny.py", "--method", "non", "--budget", "1s"]) == 0
    return folder


def test_the_whole_way(workplace):
    assert sorted(p.name for p in (workplace / "data" / "tiny").iterdir()) == ["test", "train"]
    assert sorted(p.name for p in (workplace / "runs" / "tiny").iterdir()) == ["non", "sol"]
    result = run(
        "evaluate", "tiny.py", "--frames", 1, "--schemes", "semi_lagrangian,mac_cormack", cwd=workplace
    )  # numerics have no longer time steps then
    out = workplace / "runs" / "tiny" / "evaluation"
    content = json.loads((out / "results.json").read_text())
    assert list(content["solvers"]) == ["SRC", *content["numerics"], "non", "sol", "REF"]
    assert content["frames"] == 1 and content["command"].startswith("phi-sol evaluate tiny.py --frames 1 --schemes ")
    assert content["solvers"]["SRC"]["mae"]["1"] > 0
    # the table shows what the file holds, and the paths of what was written
    for name in ("SRC", "sol"):
        row, *_ = [line for line in result.stdout.splitlines() if re.search(rf"[│|]\s*{name}\s", line)]
        assert f"{content['solvers'][name]['mae']['1']:.4f}" in row
    for file in ("results.json", "report.html", "report.md", "error_curves.png", "fields.png"):
        assert str(Path("runs/tiny/evaluation") / file) in result.stdout and (out / file).stat().st_size > 500
    assert re.search(r"SRC-MC .* \+0.0 %", run("compare", out, out / "results.json", cwd=workplace).stdout)


def test_run_and_data_by_folder(workplace, tmp_path, capsys, monkeypatch):
    options = [
        "--split",
        "test",
        "--param",
        "reynolds=250,900",
        "--frames",
        8,
        "--batch",
        1,
        "--out",
        tmp_path / "mine",
    ]
    monkeypatch.setattr("phi_sol.progress.LINES_EVERY", 0.0)
    assert main(["generate", *map(str, [workplace / "tiny.py", *options])]) == 0
    shown = capsys.readouterr().err  # no terminal: lines, with speed and time
    assert re.search(r"^tiny test: 100 % of \d+, [\d.e+]+ steps/s, \d:\d\d so far$", shown, re.M)
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == ["sim_000000", "sim_000001"]
    sol = workplace / "runs" / "tiny" / "sol"
    options = ["--data", tmp_path / "mine", "--runs", sol, "--frames", 5, "--no-numerics", "--out", tmp_path / "out"]
    options += ["--series", "--probe", "y=100,x=50"]
    assert main(["evaluate", *map(str, [workplace / "tiny.py", *options])]) == 0
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(content["solvers"]) == ["SRC", "sol", "REF"] and list(content["solvers"]["sol"]["mae"]) == ["5"]
    assert content["parameters"] == [{"reynolds": 250.0}, {"reynolds": 900.0}]
    assert sorted(p.name for p in (tmp_path / "out" / "series").iterdir()) == ["REF.csv", "SRC.csv", "sol.csv"]
    for name in ("SRC", "REF"):
        with open(tmp_path / "out" / "series" / f"{name}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(r["simulation"], r["reynolds"], r["time"]) for r in rows[4:6]] == [
            ("sim_000000", "250.0", "5"),
            ("sim_000001", "900.0", "1"),
        ]
        assert len(rows) == 10 and all(np.isfinite(float(r["velocity.y at y=100 x=50"])) for r in rows)
        assert ("mae" in rows[0]) == (name == "SRC") and float(rows[0]["drag"]) > 0
        if name == "SRC":
            of_all = np.mean([float(r["mae"]) for r in rows])
            assert content["solvers"]["SRC"]["mae"]["5"] == pytest.approx(of_all, rel=1e-6)


def test_finished_work_is_not_repeated(workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    before = {p: p.stat().st_mtime_ns for p in (workplace / "data").rglob("*.npz")}
    assert main(["generate", "tiny.py"]) == 0
    assert {p: p.stat().st_mtime_ns for p in (workplace / "data").rglob("*.npz")} == before
    assert "2 simulations with 12 frames in data/tiny/train" in capsys.readouterr().out
    assert main(["train", "tiny.py", "--unroll", "2", "--steps", "6", "--resume"]) == 0
    assert "is finished (6 iterations)" in capsys.readouterr().out


def test_scenes_and_help(tmp_path):
    assert re.search(r"^karman_2d +Karman vortex street", run("scenes", cwd=tmp_path).stdout, re.M)
    for command in ("generate", "train", "evaluate"):
        assert "SCENE" in run(command, "--help", cwd=tmp_path).stdout
    assert "generate" in run(cwd=tmp_path).stdout


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["generate", "karman_3x"], "Unknown scene 'karman_3x'"),
        (["generate", "nothing.py"], "no scene file"),
        (["generate", "empty.py"], "defines no experiment"),
        (["generate", "karman_2d", "--param", "reynolds=0"], "reynolds=0.0 is not possible"),
        (["generate", "karman_2d", "--param", "reynolds=-5"], "reynolds=-5.0 is not possible"),
        (["generate", "karman_2d", "--param", "reynolds=nan"], "reynolds=nan is not possible"),
        (["generate", "karman_2d", "--param", "reynolds=fast"], "not a comma-separated list of numbers"),
        (["generate", "karman_2d", "--param", "reynolds"], "must have the form NAME=VALUE"),
        (["generate", "karman_2d", "--param", "re=100"], "no parameter 're'"),
        (["generate", "karman_2d", "--param", "reynolds=100", "--split", "all"], "--param needs one split"),
        (["generate", "karman_2d", "--split", "validation"], "Known: train, test, all"),
        (["generate", "karman_2d", "--frames", "0"], "at least 1"),
        (["generate", "karman_2d", "--frames", "many"], "--frames"),
        (["generate", "karman_2d", "--out", "."], "not a phi_sol data folder: it holds 'empty.py'"),
        (["generate", "karman_2d", "--split", "test", "--out", "."], "not a phi_sol data folder: it holds 'empty.py'"),
        (["generate", "karman_2d", "--workers", "0"], "number of workers must be an integer of at least 1, not 0"),
        (["generate", "karman_2d", "--workers", "2", "--part", "1/2"], "--workers and --part exclude each other"),
        (["generate", "karman_2d", "--part", "3/2"], "the first number must be between 1 and the second"),
        (["generate", "karman_2d", "--part", "half"], "--part must have the form i/n, e.g. 1/4, not 'half'"),
        (["generate", "karman_2d", "--cluster", "none.yaml"], "none.yaml is missing"),
        (["train", "karman_2d"], "no data folder data/karman_2d"),
        (["sweep", "karman_2d"], "There is nothing to vary: give values with --set"),
        (["sweep", "karman_2d", "--set", "unroll=4,8"], "no data folder data/karman_2d"),
        (["evaluate", "karman_2d"], "no data folder data/karman_2d"),
        (
            ["evaluate", "karman_2d", "--probe", "100,50"],
            "--probe '100' must have the form NAME=VALUE",
        ),
        (["train", "karman_2d", "--steps", "5", "--budget", "5m"], "either --steps or --budget"),
        (["simulate"], "No such command 'simulate'"),
        (["compare", "nowhere", "nowhere"], "There is no evaluation in nowhere"),
        (["export", "karman_2d", "--out", "exported"], "no data folder data/karman_2d"),
        (["reproduce", "karman_2d", "plume_2d", "--out", "here"], "--data and --out are for one scene"),
        (["generate"], "Missing argument 'SCENE'"),
    ],
)
def test_wrong_use(arguments, message, tmp_path, refused_here):
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert message in refused_here(*arguments)
    assert [p.name for p in tmp_path.iterdir()] == ["empty.py"], "something was written"


def test_wrong_use_with_data(workplace, tmp_path, refused_here, monkeypatch):
    scene, data = workplace / "tiny.py", workplace / "data" / "tiny"
    assert "another solver pair" in refused("train", "karman_2d", "--data", data, cwd=tmp_path)
    assert "another configuration: frames is 12 instead of 9" in refused_here(
        "generate", scene, "--frames", 9, "--out", data
    )
    assert "SOL-13 needs simulations of at least 13 frames" in refused_here(
        "train", scene, "--data", data, "--unroll", 13
    )
    assert "Did you mean 'sol'? Known: pre, pre-sr, non, nog, sol, pure, node, pinn" in refused_here(
        "train", scene, "--data", data, "--method", "sool"
    )
    assert "Known: resnet, small" in refused_here("train", scene, "--data", data, "--network", "big")
    with monkeypatch.context() as without_gpu:
        without_gpu.setattr("tensorflow.config.list_physical_devices", lambda kind: [])
        assert "TensorFlow finds no GPU" in refused_here("train", scene, "--data", data, "--device", "gpu")
    assert "2 of 2 simulations can't be held out" in refused_here("train", scene, "--data", data, "--validation", 2)
    assert "not a duration" in refused_here("train", scene, "--data", data, "--budget", "soon")
    assert "no run to resume" in refused_here("train", scene, "--data", data, "--resume")
    assert "--resume goes on" in refused_here(
        "train", scene, "--data", data, "--out", workplace / "runs" / "tiny" / "sol"
    )
    assert "no corrector in nowhere" in refused_here("evaluate", scene, "--data", data, "--run", "nowhere")
    assert "13 frames are asked for" in refused_here(
        "evaluate", scene, "--data", data, "--run", workplace / "runs/tiny/sol", "--frames", 13
    )
    assert not list(tmp_path.iterdir())
    (tmp_path / "data").write_text("a file")
    assert "data is a file, not a folder" in refused_here("generate", scene, "--split", "test")
    (tmp_path / "data").unlink()
    shutil.copytree(data, tmp_path / "broken")
    frame = tmp_path / "broken" / "train" / "sim_000001" / "velocity_000004.npz"
    frame.write_bytes(frame.read_bytes()[:300])
    assert "velocity_000004.npz is damaged" in refused_here("train", scene, "--data", "broken")


def interrupt(process: subprocess.Popen, when) -> int:
    """Sends Ctrl-C as soon as `when()` is true."""
    deadline = time.monotonic() + 120
    while not when():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    return end(process)


def start(*arguments, cwd) -> subprocess.Popen:
    pipe = subprocess.PIPE
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  a test run in the background ignores Ctrl-C
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=cwd, stdout=pipe, stderr=pipe, text=True, preexec_fn=heed
    )


def end(process: subprocess.Popen) -> int:
    try:
        return process.wait(60)
    finally:
        process.kill()


@pytest.mark.slow
def test_ctrl_c_during_generation_and_what_comes_after(workplace, tmp_path, refused_here):
    """In the middle of a batch of two simulations."""
    scene = tmp_path / "longer.py"
    scene.write_text((workplace / "tiny.py").read_text().replace("frames=12", "frames=300"))
    process = start("generate", scene, "--split", "train", "--out", "data", cwd=tmp_path)
    simulations = [tmp_path / "data" / f"sim_00000{i}" for i in range(2)]
    assert interrupt(process, lambda: (simulations[1] / "velocity_000120.npz").exists()) == 130
    assert process.stderr.read().splitlines()[-1] == "phi-sol: interrupted; what is finished is kept."
    for simulation in simulations:
        assert not json.loads((simulation / "description.json").read_text())["complete"]
    assert "unfinished" in refused_here("train", scene, "--data", "data")
    run("generate", scene, "--split", "train", "--out", "data", cwd=tmp_path)
    assert main(["generate", str(scene), "--split", "train", "--out", "whole"]) == 0
    a, b = (
        {p.relative_to(tmp_path / f): p.read_bytes() for p in (tmp_path / f).rglob("*") if p.is_file()}
        for f in ("data", "whole")
    )
    assert a == b


@pytest.mark.slow
def test_ctrl_c_during_training_and_resume(workplace, tmp_path):
    arguments = [
        "train",
        workplace / "tiny.py",
        "--data",
        workplace / "data" / "tiny",
        "--unroll",
        2,
        "--steps",
        100000,
        "--out",
        "run",
    ]
    process = start(*arguments, cwd=tmp_path)
    assert (
        interrupt(
            process,
            lambda: (tmp_path / "run" / "log.csv").exists() and os.path.getsize(tmp_path / "run" / "log.csv") > 100,
        )
        == 130
    )
    said = process.stderr.read()
    assert "Traceback" not in said and said.count("Stopping after this iteration") == 1
    assert (tmp_path / "run" / "corrector.keras").is_file()
    process = start(*arguments, "--resume", cwd=tmp_path)
    rows = len((tmp_path / "run" / "log.csv").read_text().splitlines())
    assert interrupt(process, lambda: len((tmp_path / "run" / "log.csv").read_text().splitlines()) > rows) == 130
    epochs = [line.split(",")[0] for line in (tmp_path / "run" / "log.csv").read_text().splitlines()[1:]]
    assert epochs == sorted(epochs, key=int)


@pytest.mark.parametrize("delay", [0.3, 0.6, 1.0, 1.5, 2.5])
def test_ctrl_c_at_the_start(tmp_path, delay):
    process = start("generate", "karman_2d", cwd=tmp_path)
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    assert end(process) == 130
    assert process.stderr.read().splitlines()[-1] == "phi-sol: interrupted; what is finished is kept."


def test_messages_name_arguments_in_python_and_options_in_commands(capsys):
    names = {"out", "resume", "numerics", "reference_error", "dt"}
    text = "Use folder=, out=. Or resume=True (numerics=False) but dt=4, dt= 5: give reference_error=True; size="
    said = "Use --out, --out. Or --resume (--no-numerics) but dt=4, --dt 5: give --reference-error; size="
    assert in_options(text, names) == said and in_options(text, set()) == text
    assert main(["train", "wake_2d", "--data", "gone"]) == 2 and "name one (--data)." in capsys.readouterr().err
    with pytest.raises(InputError, match=r"name one \(data=\)\."):
        find_simulations("gone", "train")


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"phi-sol {phi_sol.__version__} (phiflow 3.")
    assert main([]) == 0 and "Usage: phi-sol" in capsys.readouterr().out
