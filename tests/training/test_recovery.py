"""Trainings that diverge and are taken up again; where they go back to."""

import csv
import json

import keras
import numpy as np
import pytest

from phi_sol import Correction, DivergedError, Plan, Stage, Trainer, Validation
from phi_sol.training.recovery import LOWER, last_good

NAN = float("nan")


class Poison(keras.callbacks.Callback):
    """Makes weights not finite after some iterations, each once."""

    def __init__(self, *steps):
        super().__init__()
        self.steps = list(steps)

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 in self.steps:
            self.steps.remove(batch + 1)
            self.model.layers[-1].bias.assign([np.nan, np.nan])


class Stop(keras.callbacks.Callback):
    """Interrupts after an iteration of a training that was taken up."""

    def __init__(self, run, step):
        super().__init__()
        self.run, self.step = run, step

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 == self.step and self.run.course.recoveries:
            raise KeyboardInterrupt


def one_layer(layers, x, outputs):
    return layers.last(x, outputs, 3)


def trainer(data, folder, resume=False, **plan):
    plan = Plan((Stage(1, 0.5), Stage(1, 1.0)), batch=2, learning_rate=1e-3, **{"steps": 8, "decay": "constant"} | plan)
    how = dict(scene="tiny", validation=Validation(1, frames=2, every=3), resume=resume)
    return Trainer(Correction(data, "sol", one_layer), plan, folder, **how)


def weights(run):
    return np.concatenate([np.asarray(w).ravel() for w in run.task.model.get_weights()])


def rows(folder):
    with open(folder / "log.csv") as file:
        return list(csv.DictReader(file))


def test_back_to_the_last_checkpoint_with_a_lower_rate(tiny_train, tmp_path, monkeypatch, caplog):
    """
    In the second stage, whose optimizer is a new one, with a moving average and a scaled loss; and bit by bit, whether
    or not it is killed and resumed then.
    """
    monkeypatch.setattr(Trainer, "epoch_length", 3)
    plan = dict(ema=0.9, precision="mixed_float16")
    whole = trainer(tiny_train, tmp_path / "whole", **plan)
    whole.fit([Poison(7)])
    run = json.loads((tmp_path / "whole" / "run.json").read_text())
    (one,) = run["recoveries"]
    assert run["complete"] and (one["iteration"], one["back_to"]) == (8, 6) and "The loss is nan" in one["cause"]
    (line,) = [m for m in caplog.messages if "Going back" in m]
    assert line == f"{one['cause']} Going back to iteration 6, with 0.2 times its learning rate."
    steps, rates = zip(*((int(r["step"]), float(r["learning_rate"])) for r in rows(tmp_path / "whole")), strict=True)
    assert steps == (3, 4, 6, 8) and rates == pytest.approx((1e-3, 1e-3, 1e-3, LOWER * 1e-3))
    assert json.loads((tmp_path / "whole" / "last" / "corrector.json").read_text())["recoveries"] == [one]

    parts = trainer(tiny_train, tmp_path / "parts", **plan)
    with pytest.raises(KeyboardInterrupt):
        parts.fit([Poison(7), Stop(parts, 7)])
    again = trainer(tiny_train, tmp_path / "parts", resume=True, **plan)
    assert again.step == 7 and len(again.course.recoveries) == 1
    again.fit()
    np.testing.assert_array_equal(weights(again), weights(whole))
    assert rows(tmp_path / "parts")[-1]["learning_rate"] == f"{LOWER * 1e-3:.7g}"


def test_twice_from_the_start_and_then_the_end(tiny_train, tmp_path):
    """Before there is any other checkpoint: initial weights, a new optimizer, the clock at zero. Then it ends."""
    run = trainer(tiny_train, tmp_path / "run", budget=60.0, steps=None)
    before = weights(run)
    with pytest.raises(DivergedError, match=r"The loss is nan at iteration 2 .SOL-1.*is that of iteration 0"):
        run.fit([Poison(1, 1, 1)])  # the first iteration comes three times
    assert [r["back_to"] for r in run.course.recoveries] == [0, 0] and run.step == 1
    run.checkpoints.restore()
    np.testing.assert_array_equal(weights(run), before)
    assert run.step == run.progress == int(run.optimization.optimizer.iterations) == 0
    again = trainer(tiny_train, tmp_path / "run", budget=60.0, steps=None, resume=True)
    with pytest.raises(DivergedError):  # it was tried often enough
        again.fit([Poison(1)])


def test_not_twice_to_the_same_checkpoint(tiny_train, tmp_path, monkeypatch):
    """It may hold weights whose loss was not known yet when they were saved."""
    monkeypatch.setattr(Trainer, "epoch_length", 2)
    run = trainer(tiny_train, tmp_path / "run", steps=20)
    run.fit([Poison(5, 5)])
    assert [(r["iteration"], r["back_to"]) for r in run.course.recoveries] == [(6, 4), (6, 2)] and run.finished


def row(step, loss, unroll=2):
    return {"step": str(step), "unroll": str(unroll), "loss": str(loss)}


@pytest.mark.parametrize(
    ("rows", "unroll", "loss", "expected"),
    [
        ([row(50, 2.0), row(100, 1.0), row(150, 1.5)], 2, 3.0, 150),
        ([row(50, 2.0), row(100, 1.0), row(150, 1e4)], 2, NAN, 100),  # it was diverging when it was saved
        ([row(50, 2.0), row(100, 1e5), row(150, 1e9)], 2, NAN, 50),
        ([row(50, 0.01), row(100, 0.01), row(150, 0.3, 4)], 4, NAN, 150),  # longer stages have larger losses
        ([row(50, 2.0), row(100, 1.0)], 2, 1e7, 100),  # 150 was saved within the epoch that diverged
        ([row(50, 2.0), row(100, 1.0)], 2, 3.0, 150),
        ([], 2, NAN, 150),
    ],
)
def test_the_last_good_checkpoint(rows, unroll, loss, expected):
    assert last_good([150, 100, 50], rows, unroll, loss) == expected


def test_the_start_is_good():
    assert last_good([0], [row(50, 1.0)], 2, 1e9) == 0 == last_good([], [], 2, NAN)
