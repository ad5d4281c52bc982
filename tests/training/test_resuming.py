"""Runs that go on after they were interrupted, at a change of stage, or when they are made longer."""

import json
import shutil

import keras
import numpy as np
import pytest
from tiny import trainer, weights

from phi_sol import (
    Correction,
    Corrector,
    InputError,
    Method,
    Plan,
    Stage,
    Trainer,
    Validation,
)


class StopAfter(keras.callbacks.Callback):
    def __init__(self, step):
        super().__init__()
        self.stop = step

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.stop:
            raise KeyboardInterrupt


def test_interrupted_and_resumed_run_equals_an_uninterrupted_one(tiny_train, tmp_path, monkeypatch):
    """Bit by bit, with all that has a state: optimizer, schedule, data order, noise, moving average, validation."""
    monkeypatch.setattr(Trainer, "epoch_length", 3)
    method = Method("sol", 2, noise=0.01)
    how = dict(
        steps=7,
        unroll=2,
        method=method,
        plan=dict(ema=0.9, clip=0.01, ramp=0.3),
        validation=Validation(1, frames=3, every=3),
    )
    one = trainer(tiny_train, tmp_path / "whole", **how)
    whole = one.fit()
    with pytest.raises(KeyboardInterrupt):
        trainer(tiny_train, tmp_path / "parts", **how).fit([StopAfter(2)])
    again = trainer(tiny_train, tmp_path / "parts", resume=True, **how)
    assert again.step == 2
    with pytest.raises(KeyboardInterrupt):
        again.fit([StopAfter(5)])
    last = trainer(tiny_train, tmp_path / "parts", resume=True, **how | {"validation": None})  # has its own
    parts = last.fit()
    np.testing.assert_array_equal(weights(last.task.corrector), weights(one.task.corrector))
    np.testing.assert_array_equal(weights(parts), weights(whole))
    assert parts.description["chosen"] == whole.description["chosen"]
    for file in ("run.json", "log.csv"):
        first, second = ((tmp_path / run / file).read_text() for run in ("whole", "parts"))
        assert first.count("\n") == second.count("\n")
    assert [line.split(",")[0] for line in second.splitlines()] == ["step", "3", "6", "7"]
    assert json.loads((tmp_path / "parts" / "run.json").read_text())["complete"]
    assert trainer(tiny_train, tmp_path / "parts", resume=True, **how).progress == 1


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam", "nadam", "lion"])
def test_a_later_stage_takes_no_longer_steps_than_its_rate(tiny_train, tmp_path, monkeypatch, optimizer):
    """
    Where gradients are suddenly a thousand times larger. Adam with the moments of before would take steps of three
    times its rate, at its full rate, and more in the iterations after (see `Optimization.renew`).
    """
    losses_of = Correction.losses
    monkeypatch.setattr(Correction, "losses", lambda t, n, *a: losses_of(t, n, *a) * (1e3 if n == 4 else 1.0))
    stages = (Stage(2, 0.5), Stage(4, 1.0))
    plan = Plan(stages, batch=2, learning_rate=1e-3, steps=40, decay="constant", optimizer=optimizer)
    run, found = Trainer(Correction(tiny_train, "sol", "small"), plan, tmp_path / "run", scene="tiny"), []

    class Record(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.before = weights(run.task.corrector)

        def on_train_batch_end(self, batch, logs=None):
            now = weights(run.task.corrector)
            found.append((logs["unroll"], logs["learning_rate"], np.abs(now - self.before).max()))
            self.before = now

    run.fit([Record()])
    first, second = ([v for v in found if v[0] == n] for n in (2, 4))
    assert len(first) == len(second) == 20
    _, rate, change = second[0]
    assert 0 < change <= 1.07 * rate <= 2e-5  # of Nadam 1.06
    # Adam's bound for any gradients is (1 - 0.9) / sqrt(1 - 0.999) = 3.2; close to 1 where they are alike
    assert max(change / rate for _, rate, change in second) < 1.5


def test_an_average_of_the_weights_survives_a_change_of_stage(tiny_train, tmp_path):
    """What is saved at the end of a stage is the average, and the next stage's begins at its own weights."""
    stages, saved = (Stage(1, 0.5), Stage(2, 1.0)), []
    plan = Plan(stages, batch=2, learning_rate=1e-2, steps=8, ema=0.9)
    run = Trainer(Correction(tiny_train, "sol", "small"), plan, tmp_path / "run", scene="tiny")

    class Record(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            saved.append((weights(Corrector.load(tmp_path / "run")), weights(run.task.corrector)))

    run.fit([Record()])
    (average, last), (ending, end) = saved
    for one, other in ((average, last), (ending, end)):
        assert np.isfinite(one).all() and 0 < np.abs(one - other).max() < 0.1


def test_a_run_that_ends_at_a_change_of_stage_goes_on_alike(tiny_train, tmp_path):
    plan = Plan((Stage(1, 0.5), Stage(2, 1.0)), batch=2, learning_rate=1e-3, steps=8)

    def make(name, **more):
        return Trainer(Correction(tiny_train, "sol", "small"), plan, tmp_path / name, scene="tiny", **more)

    whole = make("whole").fit()
    with pytest.raises(KeyboardInterrupt):
        make("parts").fit([StopAfter(4)])
    again = make("parts", resume=True)
    assert again.step == 4 and again.stage.unroll == 2
    np.testing.assert_array_equal(weights(again.fit()), weights(whole))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(unroll=4), "another run: unroll is 2 instead of 4"),
        (dict(plan=dict(clip=3.0)), "started with another plan: clip is None instead of 3.0. A run keeps its plan"),
        (dict(plan=dict(precision="mixed_bfloat16")), "precision is float32 instead of mixed_bfloat16"),
        (dict(steps=3), "is planned for 4 iterations in all: it can be made longer, not end at 3"),
        (dict(steps=None, plan=dict(budget=60.0)), r"is planned in iterations \(4\), not in seconds"),
        (dict(validation=Validation(1, frames=3)), "validation.simulations is None instead of 1"),
    ],
)
def test_a_resumed_run_keeps_its_plan(tiny_run, tiny_train, wrong, message):
    with pytest.raises(InputError, match=message):
        trainer(tiny_train, tiny_run, resume=True, **{"steps": 4} | wrong)


def one_layer(layers, x, outputs):
    return layers.last(x, outputs, 3)


def test_a_finished_run_is_made_longer(tiny_train, tmp_path):
    """By a further stage: its optimizer begins anew, its rate rises and falls; killed and resumed or not."""

    def make(name, steps, **more):
        plan = Plan((Stage(1, 1.0),), batch=2, learning_rate=1e-3, steps=steps, ema=0.9)
        return Trainer(Correction(tiny_train, "sol", one_layer), plan, tmp_path / name, **more)

    make("run", 4).fit()
    shutil.copytree(tmp_path / "run", tmp_path / "killed")
    rates = []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            rates.append(logs["learning_rate"])

    run = make("run", 24, resume=True)
    assert run.step == 4 and [s.until for s in run.plan.stages] == [4 / 24, 1.0]
    assert int(run.optimization.optimizer.iterations) == 0
    run.fit([Record()])
    expected = [1e-3 * (0.01 + 0.99 * (1 + np.cos(np.pi * i / 20)) / 2) for i in range(20)]
    assert rates == pytest.approx([1e-5, *expected[1:]])  # it rises over a twentieth
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["complete"] and facts["steps_done"] == 24 and facts["plan"]["steps"] == 4
    assert facts["longer"] == [{"until": 24, "after": 4}]

    with pytest.raises(KeyboardInterrupt):
        make("killed", 24, resume=True).fit([StopAfter(13)])
    with pytest.raises(InputError, match="is planned for 24 iterations in all: it can be made longer, not end at 4"):
        make("killed", 4, resume=True)
    (again := make("killed", 24, resume=True)).fit()
    np.testing.assert_array_equal(weights(again.task.corrector), weights(run.task.corrector))


def test_a_run_is_made_longer_before_it_is_finished_or_when_its_patience_is(tiny_train, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "epoch_length", 2)

    def make(steps, rate=1e-3, **more):
        plan = Plan((Stage(1, 0.5), Stage(1, 1.0)), batch=2, learning_rate=rate, steps=steps)
        folder = tmp_path / ("patient" if "validation" in more else "plain")
        return Trainer(Correction(tiny_train, "sol", one_layer), plan, folder, **more)

    with pytest.raises(KeyboardInterrupt):
        make(8).fit([StopAfter(3)])
    run = make(16, resume=True)
    assert run.course.longer == [{"until": 16}] and [s.until for s in run.plan.stages] == [0.25, 0.5, 1.0]
    how = dict(rate=1e-12, validation=Validation(1, frames=2, every=1, patience=1))  # it can't get better
    first = make(1000, **how)
    first.fit()
    assert first.finished and first.step == 4
    longer = make(2000, **how, resume=True)
    assert not longer.finished and longer.course.longer == [{"until": 2000, "after": 4}]
    assert [s.until for s in longer.plan.stages] == [4 / 2000, 1.0] and longer.plan.stages[1].anew
