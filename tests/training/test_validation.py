"""Validation: what is held out, how often, which model is kept."""

from contextlib import nullcontext
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from phi_sol import Correction, Corrector, Dataset, HybridSolver, InputError
from phi_sol.evaluation.records import run_solver
from phi_sol.tasks.correction.validation import rollout_error
from phi_sol.training.distribution import make_strategy
from phi_sol.training.plan import Plan, Stage
from phi_sol.training.trainer import Trainer
from phi_sol.training.validation import Validation, Validator


def test_held_out_simulations():
    assert [Validation().held_out(n) for n in (1, 3, 4, 6)] == [[], [], [2], [3]]
    assert (
        Validation(2).held_out(6) == [1, 4]
        and Validation(3).held_out(4) == [0, 2, 3]
        and Validation(0).held_out(9) == []
    )
    with pytest.raises(InputError, match="2 of 2 simulations can't be held out"):
        Validation(2).held_out(2)
    with pytest.raises(InputError, match="none is held out by default"):
        Validation(patience=3).held_out(2)
    for wrong in (
        dict(simulations=-1),
        dict(frames=0),
        dict(every=0),
        dict(patience=0),
        dict(simulations=0, patience=1),
    ):
        with pytest.raises(InputError, match="validation"):
            Validation(**wrong)


def test_interval():
    """100 steps of a rollout are as long as 100 / 24 iterations of SOL-8: once in 84 iterations is a twentieth."""
    assert Validation().interval(8, batch=6, simulations=1, epoch=1) == 84
    assert Validation().interval(8, batch=6, simulations=1, epoch=50) == 100
    assert Validation().interval(8, batch=2, simulations=4, epoch=1) == 167
    assert Validation(every=7).interval(8, batch=2, simulations=4, epoch=50) == 7


def test_the_error_is_that_of_the_evaluation(tiny, tiny_train, tiny_run):
    hybrid = HybridSolver(tiny.pair.source, Corrector.load(tiny_run))
    names = ["velocity.y", "velocity.x"]
    expected = run_solver(hybrid, Dataset(tiny.pair, tiny_train.folders[1:]), 5, [])
    assert rollout_error(hybrid, tiny_train, [1], 5, names) == pytest.approx(expected.mean(5), rel=1e-5)
    both = run_solver(hybrid, tiny_train, 5, [])
    assert rollout_error(hybrid, tiny_train, [0, 1], 5, names) == pytest.approx(both.mean(5), rel=1e-5)


class Shift(keras.callbacks.Callback):
    """Makes the network worse, or better again, after some iterations: an offset of the output."""

    def __init__(self, offsets):
        super().__init__()
        self.offsets = offsets

    def on_train_batch_begin(self, batch, logs=None):
        if batch in self.offsets:
            bias = self.model.layers[-1].bias
            bias.assign(np.full(bias.shape, self.offsets[batch]))


def test_the_best_model_is_kept(tiny_train, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "epoch_length", 1)
    plan = Plan((Stage(1, 1.0),), batch=2, learning_rate=1e-9, steps=5)
    trainer = Trainer(
        Correction(tiny_train, "non", "small"), plan, tmp_path / "run", validation=Validation(1, frames=2, every=1)
    )
    best = trainer.fit([Shift({0: 3.0, 2: 0.0, 3: 30.0})])
    assert best.description["chosen"]["step"] == 3 and best.description["chosen"]["kind"] == "best on validation"
    assert best.description["validation"]["held_out"] == ["sim_000001"]
    assert np.abs(best.network.layers[-1].bias.numpy()).max() < 1e-6
    last = Corrector.load(tmp_path / "run" / "last")
    assert last.description["chosen"] == {"kind": "last", "step": 5, "averaged": False}
    assert last.network.layers[-1].bias.numpy().min() > 29
    rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
    errors = [float(r[-1]) for r in rows[1:]]
    assert rows[0][-1] == "val_error" and np.argmin(errors) == 2 and len(errors) == 5
    assert trainer.outcome.startswith("best corrector (iteration 3, ")


@pytest.fixture
def scripted(tiny_train):
    """
    Validates without a training: gives the errors of a list, one per iteration; returns the iterations whose model was
    kept, and the last one.
    """

    def validate(errors, **kwargs):
        given = iter(errors)
        kept, network = [], SimpleNamespace(stop_training=False)
        task = SimpleNamespace(
            errors={}, model=network, unrolled=lambda unroll: unroll, error=lambda simulations, frames: next(given)
        )
        run = SimpleNamespace(data=tiny_train, task=task, step=0, progress=0.0, epoch_length=1, stage=Stage(1, 1.0))
        run.plan, run.strategy, run.optimization = (
            SimpleNamespace(batch=1),
            make_strategy("none"),
            SimpleNamespace(averaged=nullcontext),
        )
        run.save_best = lambda: kept.append(run.step)
        validator = Validator(run, Validation(1, every=1, **kwargs), [1])
        for i in range(len(errors)):
            run.step, run.progress = i + 1, (i + 1) / len(errors)
            validator.on_epoch_end(i, logs := {})
            assert logs["val_error"] == errors[i]
            if network.stop_training:
                break
        return kept, run.step

    return validate


def test_patience_ends_the_run(scripted):
    assert scripted([5.0, 4.0, 4.5, 3.0, 3.5, 4.0, 1.0], patience=2) == ([1, 2, 4], 6)
    assert scripted([5.0, 4.0, 4.5, 3.0, 3.5, 4.0, 1.0], patience=3) == ([1, 2, 4, 7], 7)


def test_a_rollout_that_is_not_finite_is_never_the_best(scripted):
    assert scripted([np.inf, 7.0, np.inf]) == ([2], 3) and scripted([np.inf, np.inf]) == ([], 2)
