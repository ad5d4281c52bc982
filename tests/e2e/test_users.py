"""Ways in which the product is used by people with a goal of their own, from the documentation alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from phi import math

from phi_sol import Generator, WakeFlow, load_experiment
from phi_sol.cli import main

SQUARE = '''"""A square in the place of the cylinder."""

from phi.geom import Box

from phi_sol import Experiment, WakeFlow


class Square(WakeFlow):
    @property
    def obstacles(self):
        return (Box(y=(40, 60), x=(40, 60)),)


experiment = Experiment(
    name="square",
    flow=Square,
    source=dict(y=24, x=12),
    ratio=2,
    train=dict(reynolds=(150.0,)),
    test=dict(reynolds=(1200.0,)),
    warmup=4,
    frames=8,
    keep_reference_every=8,
)
'''


@pytest.fixture(scope="module")
def square(tiny_run, tmp_path_factory):
    """A scene file, its test data, and the run of another scene."""
    place = tmp_path_factory.mktemp("square")
    (place / "square.py").write_text(SQUARE)
    shutil.copytree(tiny_run, place / "cylinder")
    out = str(place / "data" / "test")
    assert main(["generate", str(place / "square.py"), "--split", "test", "--out", out]) == 0
    return place


@pytest.fixture
def beside_the_square(square, monkeypatch):
    monkeypatch.chdir(square)


@pytest.mark.parametrize("command", [["evaluate"], ["export", "--out", "fields"]])
def test_a_corrector_of_the_cylinder_is_refused_around_a_square(command, beside_the_square, capsys):
    assert main([*command, "square.py", "--data", "data", "--run", "cylinder"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "trained for another flow: type is WakeFlow instead of Square" in line and "--anyway" in line


@pytest.mark.slow
def test_it_is_evaluated_anyway_and_the_report_says_so(beside_the_square):
    given = ["square.py", "--data", "data", "--run", "cylinder", "--anyway", "--no-numerics", "--out", "evaluation"]
    assert main(["evaluate", *given]) == 0
    results, report = (Path("evaluation", n).read_text() for n in ("results.json", "report.md"))
    results = json.loads(results)
    remark = results["correctors"]["cylinder"]["remark"]
    assert "type is WakeFlow instead of Square" in remark and "reynolds was 150 to 600 there" in remark
    assert results["solvers"]["cylinder"]["mae"] and f"cylinder: {remark}" in report


def test_it_is_exported_and_filmed(beside_the_square, capsys):
    assert main(["export", "square.py", "--data", "data", "--run", "cylinder", "--anyway", "--out", "fields"]) == 0
    assert Path("fields/cylinder/sim_000000.nc").read_bytes()[1:4] == b"HDF"
    capsys.readouterr()
    assert main(["animate", "square.py", "cylinder", "--data", "data", "--anyway", "--out", "film.gif"]) == 0
    first, last = capsys.readouterr().out.strip().splitlines()
    assert "another flow" in first and last.startswith("film.gif: 9 frames") and "corrector cylinder" in last


@pytest.mark.slow
def test_a_reynolds_number_is_found_from_noisy_observations():
    """One per cent of noise on the velocity of ten frames behind the cylinder, from a first guess of half of it."""
    import tensorflow as tf

    flow, rng, true = WakeFlow(y=48, x=24), np.random.default_rng(0), 300.0
    developed = flow.rollout(flow.initial_state(reynolds=true), 200).last.fields
    clean = flow.rollout(flow.initial_state(reynolds=true).with_fields(**developed), 10).arrays
    seen = {d: tf.constant(clean[f"velocity.{d}"] + rng.normal(0, 0.01, clean[f"velocity.{d}"].shape)) for d in "yx"}

    def misfit(log_reynolds):
        state = flow.initial_state(reynolds=math.exp(log_reynolds)).with_fields(**developed)
        frames = flow.rollout(state, 10)
        parts = [
            tf.reduce_mean((frames.arrays[f"velocity.{d}"] - tf.cast(s, tf.float32)) ** 2) for d, s in seen.items()
        ]
        return math.wrap(1e4 * tf.add_n(parts))

    before = math.backend.default_backend()
    try:
        math.use("tensorflow")
        found = math.minimize(misfit, math.Solve("L-BFGS-B", abs_tol=1e-6, x0=math.tensor(np.log(true / 2))))
    finally:
        math.backend.set_global_default_backend(before)
    assert float(math.exp(found)) == pytest.approx(true, rel=0.1)


@pytest.mark.slow
def test_three_processes_share_a_folder(tiny_scene, tmp_path):
    """Each of them is told to generate all; together they leave what one alone leaves, bit by bit."""
    command = [sys.executable, "-m", "phi_sol", "generate", str(tiny_scene), "--split", "train", "--batch", "1"]
    command += ["--param", "reynolds=150,200,300,400,600,800", "--out", str(tmp_path / "shared")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    outputs = [process.communicate(timeout=500) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], outputs
    parameters = {"reynolds": [150.0, 200.0, 300.0, 400.0, 600.0, 800.0]}
    Generator(load_experiment(str(tiny_scene)), "train", tmp_path / "alone", parameters=parameters, batch=1).run()
    places = tmp_path / "shared", tmp_path / "alone"
    shared, alone = ({p.relative_to(f): p for p in f.rglob("*") if p.is_file()} for f in places)
    assert shared.keys() == alone.keys() and len(shared) == 6 * (1 + 2 * 13 + 2 * 3)
    for name, path in shared.items():
        assert path.read_bytes() == alone[name].read_bytes(), name
