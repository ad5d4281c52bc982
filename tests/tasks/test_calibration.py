"""The gain of a corrector in a flow that it was not trained in, against loops over states and what must come out."""

from dataclasses import replace

import numpy as np
import pytest
from phi.math import batch

from phi_sol import (
    Correction,
    Corrector,
    HybridSolver,
    InputError,
    Method,
    Plan,
    Rollout,
    SolverPair,
    Stage,
    Trainer,
    Validation,
    WakeFlow,
    calibrated,
)
from phi_sol.generation.brief import brief_data
from phi_sol.storage.dataset import Dataset
from phi_sol.tasks.correction.calibration import one_step_gain, with_gain

NAMES = ("velocity.y", "velocity.x")


@pytest.fixture(scope="module")
def trained(tiny_train, tmp_path_factory):
    """A corrector that is somewhat right."""
    task = Correction(tiny_train, Method("sol", 2), "small")
    plan = Plan((Stage(2, 1.0),), steps=60, batch=2, learning_rate=2e-3)
    return Trainer(task, plan, tmp_path_factory.mktemp("run"), validation=Validation(simulations=0)).fit(progress=False)


def scaled(corrector: Corrector, factor: float, folder) -> Corrector:
    """With other weights in the last layer, which is linear."""
    corrector.save(folder)
    other = Corrector.load(folder)
    last = [layer for layer in other.network.layers if layer.weights][-1]
    last.set_weights([factor * w for w in last.get_weights()])
    return other


def error(solver, data: Dataset) -> float:
    """Mean over simulations and frames, of rollouts from recorded states."""
    frames, flow = data.arrays["velocity.y"].shape[1] - 1, data.pair.source
    arrays = {n: np.moveaxis(np.asarray(a), 1, 0) for n, a in data.arrays.items()}
    recorded = Rollout(
        flow, arrays, data.parameters, flow.dt * np.arange(frames + 1), batch=batch(simulation=len(data))
    )
    own = solver.rollout(recorded[0], frames, progress=False)
    return float(np.mean([np.abs(own.arrays[n] - arrays[n][1:]).mean() for n in NAMES]))


class Lacking:
    """Corrects a known multiple of what the source lacks in the first step that it sees, and nothing else."""

    outputs = NAMES

    def __init__(self, lacks: dict[str, np.ndarray], factor: float):
        self.lacks, self.factor = lacks, factor

    def __call__(self, stepped, parameters):
        return {n: self.factor * self.lacks[n] for n in NAMES}


def test_the_gain_of_one_step_is_that_of_least_squares(tiny_train):
    source, frames = tiny_train.pair.source, 4
    lacks: dict[str, list] = {n: [] for n in NAMES}
    for t in range(frames):
        arrays = {n: a[:, t] for n, a in tiny_train.arrays.items()}
        stepped = source.advance(arrays, dict(tiny_train.parameters), np.float32(source.dt))
        for n in NAMES:
            lacks[n].append(tiny_train.arrays[n][:, t + 1] - np.asarray(stepped[n]))
    exact = {n: np.concatenate(v) for n, v in lacks.items()}
    assert one_step_gain(Lacking(exact, 4.0), tiny_train, frames) == pytest.approx(0.25, rel=1e-4)
    assert one_step_gain(Lacking(exact, -2.0), tiny_train, frames) == pytest.approx(-0.5, rel=1e-4)
    assert one_step_gain(Lacking(exact, 0.0), tiny_train, frames) == 1.0
    rng = np.random.default_rng(0)
    noise = {n: rng.normal(size=a.shape).astype(np.float32) for n, a in exact.items()}
    square = lambda g: sum(  # noqa: E731
        sum(((exact[n][i] - g * noise[n][i]) ** 2).sum() for n in NAMES) / sum((exact[n][i] ** 2).sum() for n in NAMES)
        for i in range(len(exact["velocity.y"]))
    )
    found = one_step_gain(Lacking(noise, 1.0), tiny_train, frames)
    assert square(found) < min(square(found - 1e-3), square(found + 1e-3))


def test_a_correction_that_is_too_large_is_damped_and_one_that_is_wrong_is_left_out(trained, tiny_train, tmp_path):
    source = tiny_train.pair.source
    kept = calibrated(trained, tiny_train)
    large = calibrated(scaled(trained, 6.0, tmp_path / "a"), tiny_train)
    assert 0 < large.gain < 0.5
    told = large.description["calibration"]
    assert [g for g, _ in told["errors"]] == [0.0, large.gain, 1.0] and told["frames"] == 12
    errors = dict(map(tuple, told["errors"]))
    assert errors[large.gain] == min(e for e in errors.values() if e is not None) and errors[0.0] == 1.0
    assert told["ratio"] == tiny_train.pair.ratio
    bound = with_gain(trained, 1.0, {}).on(source)
    assert large.gain == pytest.approx(one_step_gain(bound, tiny_train, 12) / 6, abs=0.0051)
    own = error(HybridSolver(source, large, strict=False), tiny_train) / error(source, tiny_train)
    assert own == pytest.approx(errors[large.gain], rel=1e-3)
    assert dict(map(tuple, kept.description["calibration"]["errors"]))[kept.gain] <= 1
    arrays = {n: a[:, 3] for n, a in tiny_train.arrays.items()}
    whole = with_gain(large, 1.0, {})(arrays, dict(tiny_train.parameters))
    part = large(arrays, dict(tiny_train.parameters))
    np.testing.assert_allclose(part["velocity.x"], large.gain * np.asarray(whole["velocity.x"]), rtol=1e-5, atol=1e-9)

    wrong = calibrated(scaled(trained, -1.0, tmp_path / "b"), tiny_train)
    assert wrong.gain == 0
    assert not np.any(wrong(arrays, dict(tiny_train.parameters))["velocity.y"])


def test_it_is_kept_when_saved_and_trained_on_and_found_anew(trained, tiny_train, tmp_path):
    large = calibrated(scaled(trained, 6.0, tmp_path / "a"), tiny_train)
    large.save(tmp_path / "kept")
    again = Corrector.load(tmp_path / "kept")
    assert again.gain == large.gain and again.fingerprint == large.fingerprint
    first = {n: a[:, 0] for n, a in tiny_train.arrays.items()}
    said = HybridSolver(tiny_train.pair.source, again).remark(first, tiny_train.parameters)
    assert said == f"All its corrections are multiplied by {large.gain:.2f} (phi-sol calibrate)."
    assert again.fingerprint != with_gain(large, 1.0, {}).fingerprint
    assert f"{again.gain:.3g}" in again._repr_html_()
    assert calibrated(again, tiny_train).gain == large.gain  # not of what is left
    task = Correction(tiny_train, Method("sol", 2), again)
    plan = Plan((Stage(2, 1.0),), steps=1, batch=2, learning_rate=1e-9)
    on = Trainer(task, plan, tmp_path / "on", validation=Validation(simulations=0)).fit(progress=False)
    assert on.gain == large.gain


def test_a_scene_needs_no_data(trained, tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    known = tiny.simulations("train")
    own = {n: [known[0][n], known[-1][n]] for n in known[0]}
    twice = SolverPair(tiny.flow, tiny.pair.source.resolution, 2, time_ratio=1, **tiny.options)
    start = twice.fine.rollout(twice.reference.initial_state(**own), tiny.warmup, tiny.warmup, progress=False).last
    right = twice.restrict(twice.fine.rollout(start, 5, progress=False))
    data = brief_data(tiny, 5)
    for name in NAMES:
        np.testing.assert_allclose(
            data.arrays[name][:, 1:], np.moveaxis(np.asarray(right.arrays[name]), 1, 0), atol=2e-5
        )
    found = calibrated(trained, tiny, frames=5)
    assert found.gain == calibrated(trained, data).gain
    assert found.description["calibration"]["ratio"] == 2 and found.description["calibration"]["frames"] == 5
    assert not list(tmp_path.iterdir())
    assert brief_data(replace(tiny, ratio=1), 1).pair.ratio == 1
    with pytest.raises(InputError, match="20 frames are asked for, but the data have 5"):
        calibrated(trained, data, frames=20)
    with pytest.raises(InputError, match="no correction is trained"):
        calibrated(trained, replace(tiny, task="guess"))


def test_what_can_not_be_calibrated_is_said(trained, tiny_train, tiny):
    flow = tiny_train.pair.source
    inside = Corrector.create(flow, "small", trained.statistics, placement="inside")
    with pytest.raises(InputError, match="after the step"):
        calibrated(inside, tiny_train)
    stress = Corrector.create(flow, "small", trained.statistics, form="stress", placement="inside")
    with pytest.raises(InputError, match="form stress"):
        calibrated(stress, tiny_train)
    other = WakeFlow(y=12, x=6)
    elsewhere = Corrector.create(other, "small", trained.statistics)
    with pytest.raises(InputError, match="can't be used"):
        calibrated(elsewhere, tiny_train)
    with pytest.raises(InputError, match="Dataset"):
        calibrated(trained, "data/tiny")


def test_who_uses_it_elsewhere_is_told_of_it(tiny_train, tmp_path):
    """A corrector in a flow that is strange to it says how to calibrate it; at home, or calibrated, it does not."""
    task = Correction(tiny_train, Method("sol", 2, scale_free=True), "fast")
    plan = Plan((Stage(2, 1.0),), steps=2, batch=2, learning_rate=1e-3)
    known = Trainer(task, plan, tmp_path, validation=Validation(simulations=0)).fit(progress=False)
    source, advice = tiny_train.pair.source, "phi-sol calibrate --without-data says how much of it is right"
    other = WakeFlow(**source.resolution, dt=source.dt, speed=4.0)
    first = {n: a[:, 0] for n, a in tiny_train.arrays.items()}
    faster = {n: 4 * a if n.startswith("velocity") else a for n, a in first.items()}
    said = HybridSolver(other, known, strict=False).remark(faster, tiny_train.parameters)
    assert said.startswith("The corrector was trained for another flow (speed") and advice in said
    assert advice not in HybridSolver(source, known).remark(faster, tiny_train.parameters)
    half = HybridSolver(other, with_gain(known, 0.5, {}), strict=False).remark(faster, tiny_train.parameters)
    assert "multiplied by 0.50" in half and "trained for another flow" in half and advice not in half
