"""The reference against itself with another discretisation."""

import json
import sys

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Dataset, InputError, WakeFlow, metrics
from phi_sol.cli import main
from phi_sol.evaluation.measures import Measures
from phi_sol.evaluation.reference_error import reference_error, variants

module = sys.modules[reference_error.__module__]


@pytest.fixture(scope="module")
def data(tiny, tiny_data):
    return Dataset.load(tiny.pair, tiny_data, "test")


@pytest.fixture(scope="module")
def found(tiny, data):
    return reference_error(tiny, Measures(data, 4), simulations=5)


def restricted(fine: np.ndarray, component: str) -> np.ndarray:
    """A component of the velocity of the tiny wake on the source grid, by hand (the outlet's faces are stored)."""
    if component == "y":
        return fine[1::2].reshape(24, 12, 2).mean(2)
    return fine[:, 1::2].reshape(24, 2, 11).mean(1)


@pytest.mark.slow
@pytest.mark.parametrize("name, scheme, dt", [("half dt", "semi_lagrangian", 0.5), ("mac_cormack", "mac_cormack", 1.0)])
def test_by_hand(found, data, name, scheme, dt):
    """The reference flow stepped from its stored frame 0, restricted and compared over four units of time."""
    flow = WakeFlow(y=48, x=24, advection=scheme)
    arrays = {n: tf.constant(a[None], tf.float32) for n, a in data.reference_frame(0, 0).items()}
    errors = []
    for frame in range(1, 5):
        for _ in range(round(1 / dt)):
            arrays = flow.compiled(arrays, {"reynolds": tf.constant([300.0])}, tf.constant(dt))
        coarse = {c: restricted(arrays[f"velocity.{c}"].numpy()[0], c) for c in "yx"}
        errors.append(np.mean([np.abs(coarse[c] - data.arrays[f"velocity.{c}"][0, frame]).mean() for c in "yx"]))
    assert found["reference_error"][name] == pytest.approx(np.mean(errors), rel=1e-3) and np.mean(errors) > 1e-4
    assert found["reference_error_facts"]["dt"][name] == dt


def test_names_and_facts(found):
    assert list(found["reference_error"]) == ["half dt", "twice the resolution", "mac_cormack", "central", "van_leer"]
    assert all(e > 0 for e in found["reference_error"].values())
    facts = found["reference_error_facts"]
    assert facts["parameters"] == [{"reynolds": 300.0}] and facts["dt"]["twice the resolution"] == 1.0
    json.dumps(found, allow_nan=False)


def test_the_finer_grid_starts_from_the_reference_without_divergence(tiny, data):
    variant = variants(tiny, data)["twice the resolution"]()
    flow = variant.solver.flow
    assert flow.resolution == {"y": 96, "x": 48} and variant.solver.output is not flow
    assert metrics.divergence_norm(flow, variant.start).max() < 1e-5
    fine, coarse = variant.start["velocity.y"][0], data.reference_frame(0, 0)["velocity.y"]
    again = fine[1::2].reshape(48, 24, 2).mean(2)
    assert np.abs(again - coarse).mean() < 0.05 * np.abs(coarse).mean()


def test_a_finer_grid_takes_shorter_steps_where_it_has_to(tiny, data, monkeypatch):
    monkeypatch.setattr(data, "simulations", [{"reynolds": 12.0}])
    least = 20 * (1 / (200 / 96) ** 2 + 1 / (100 / 48) ** 2)  # Reynolds number with dt = 1 on 96x48 cells: 9.2
    assert variants(tiny, data)["twice the resolution"]().solver.dt == 1.0 and 6 < least < 12
    monkeypatch.setattr(data, "simulations", [{"reynolds": 6.0}])
    assert variants(tiny, data)["twice the resolution"]().solver.dt == 0.5


def test_some_simulations_of_a_data_set(tiny, tiny_data):
    data = Dataset.load(tiny.pair, tiny_data, "train")
    part = data.only([1])
    assert len(part) == 1 and part.simulations == [{"reynolds": 600.0}] and part.folders == data.folders[1:]
    np.testing.assert_array_equal(part.frame(3)["marker"], data.frame(3)["marker"][1:])
    assert part.largest(["marker"]) == np.abs(data.arrays["marker"][1]).max() and len(data) == 2
    assert part.moments()["marker"][0] == pytest.approx(data.arrays["marker"][1].mean(), rel=1e-5)
    assert part.fingerprints == data.fingerprints[1:]


def test_command(tiny_scene, tiny_data, tmp_path, monkeypatch, capsys):
    """Beside the speed-up in the terminal, in results.json and in the report; wrong use is one line."""
    monkeypatch.chdir(tmp_path)
    half = lambda *given: {"half dt": variants(*given)["half dt"]}  # noqa: E731  the others are in `found`
    monkeypatch.setattr(module, "variants", half)
    command = ["evaluate", str(tiny_scene), "--data", str(tiny_data), "--out", "out", "--no-numerics", "--frames", "3"]
    assert main([*command, "--reference-error", "--reference-simulations", "1"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    error = results["reference_error"]["half dt"]
    assert f"The reference differs from itself by a MAE of {error:.4f} with half dt" in shown
    assert "The reference's own error" in (tmp_path / "out" / "report.md").read_text()
    for options, message in [
        (["--reference-simulations", "1"], "give --reference-error, too"),
        (["--reference-error", "--reference-simulations", "0"], "must be an integer of at least 1, not 0"),
    ]:
        assert main([*command, *options]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert message in line


def test_not_for_guesses(capsys, monkeypatch, tmp_path):
    from phi_sol import load_experiment
    from phi_sol.tasks import task_of

    experiment = load_experiment("poisson_2d")
    with pytest.raises(InputError, match="reference_error= is not for poisson_2d, which trains a guess"):
        task_of(experiment).check_evaluation(experiment, {"reference_error": True})


def test_without_being_asked_for_there_is_none(tiny_evaluation):
    assert "reference_error" not in tiny_evaluation.results
