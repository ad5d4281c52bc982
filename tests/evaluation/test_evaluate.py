"""Evaluation: rollouts, results, figures, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Corrector, Dataset, HybridSolver, InputError, MissingError, evaluate
from phi_sol.data.dataset import find_simulations
from phi_sol.evaluation.results import milestones
from phi_sol.evaluation.rollout import run_solver


@pytest.fixture(scope="module")
def test_set(tiny, tiny_data):
    return Dataset(tiny.pair, find_simulations(tiny_data, "test"))


def test_rollout_errors_by_hand(tiny, test_set):
    run = run_solver(tiny.pair.source.compiled, test_set, 5, [2, 5])
    arrays = {n: tf.constant(a) for n, a in test_set.frame(0).items()}
    parameters = {"reynolds": tf.constant([300.0])}
    for i in range(1, 6):
        arrays = tiny.pair.source.compiled(arrays, parameters, tf.constant(1.0))
        errors = [np.abs(arrays[n][0] - test_set.arrays[n][0, i]).mean() for n in ("velocity.y", "velocity.x")]
        assert run.mae[i - 1, 0] == pytest.approx(np.mean(errors), rel=1e-4)
    assert run.mae[4, 0] > run.mae[0, 0] > 0
    np.testing.assert_array_equal(run.kept[5]["velocity.x"], arrays["velocity.x"])
    assert set(run.kept) == {2, 5} and run.blow_ups == 0 and run.ms_per_step > 0
    assert run.mean(5) == pytest.approx(run.mae[:5].mean())


def test_blow_ups_are_counted_and_not_averaged_away(tiny, tiny_run, test_set):
    corrector = Corrector.load(tiny_run)
    corrector.network.layers[-1].bias.assign([1e9, 0.0])
    run = run_solver(HybridSolver(tiny.pair.source, corrector), test_set, 6, [])
    assert run.blow_ups == 1 and run.mean(6) is None and run.mean_per_simulation(6) == [None]


def test_results_and_figures(tiny, tiny_run, tiny_data, tmp_path):
    result = evaluate(tiny, [tiny_run], tiny_data, tmp_path / "out", frames=10, command="made by a test")
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert content == result.results
    assert content["scene"] == "tiny" and content["frames"] == 10 and content["parameters"] == [{"reynolds": 300.0}]
    assert list(content["solvers"]) == ["SRC", "sol", "REF"] and content["command"] == "made by a test"
    for name in ("SRC", "sol"):
        entry = content["solvers"][name]
        assert entry["mae"]["10"] == pytest.approx(entry["mae_per_parameter"][0]) and entry["blow_ups"] == 0
    assert content["solvers"]["REF"]["ms_per_step"] > 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["error_curves.png", "fields.png", "results.json"]
    for name in ("error_curves.png", "fields.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")


def test_refused(tiny, tiny_run, tiny_data, tmp_path):
    with pytest.raises(MissingError, match="No corrector to evaluate"):
        evaluate(tiny, [], tiny_data, tmp_path / "out")
    with pytest.raises(InputError, match="13 frames are asked for"):
        evaluate(tiny, [tiny_run], tiny_data, tmp_path / "out", frames=13)
    with pytest.raises(InputError, match="at least 1"):
        evaluate(tiny, [tiny_run], tiny_data, tmp_path / "out", frames=0)
    with pytest.raises(InputError, match=r"corrector was trained on \(sim_000000, sim_000001\)"):
        evaluate(tiny, [tiny_run], tiny_data / "train", tmp_path / "out")
    shutil.copytree(tiny_run, tmp_path / "other")
    description = json.loads((tiny_run / "corrector.json").read_text())
    description["flow"]["radius"] = 12.0
    (tmp_path / "other" / "corrector.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match="other: The corrector was trained for another flow: radius is 12.0 instead of 10.0"):
        evaluate(tiny, [tmp_path / "other"], tiny_data, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file is a file, not a folder"):
        evaluate(tiny, [tiny_run], tiny_data, tmp_path / "file" / "out")


def test_milestones():
    assert milestones(500) == [50, 100, 250, 500] and milestones(120) == [50, 100, 120] and milestones(7) == [7]
