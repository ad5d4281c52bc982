"""Validation: what is held out, how often, which model is kept."""

import json

import keras
import numpy as np
import pytest

from phi_sol import Corrector, Dataset, HybridSolver, InputError
from phi_sol.evaluation.rollout import run_solver
from phi_sol.training import Plan, Stage, Trainer, Validation
from phi_sol.training.validation import rollout_error


def test_held_out_simulations():
    assert [Validation().held_out(n) for n in (1, 3, 4, 6)] == [[], [], [2], [3]]
    assert Validation(2).held_out(6) == [1, 4] and Validation(3).held_out(4) == [0, 2, 3] and Validation(0).held_out(9) == []
    with pytest.raises(InputError, match="2 of 2 simulations can't be held out"):
        Validation(2).held_out(2)
    with pytest.raises(InputError, match="none is held out by default"):
        Validation(patience=3).held_out(2)
    for wrong in (dict(simulations=-1), dict(frames=0), dict(every=0), dict(patience=0), dict(simulations=0, patience=1)):
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


@pytest.fixture
def run(tiny_train, tmp_path, monkeypatch):
    monkeypatch.setattr(Trainer, "epoch_length", 1)

    def fit(offsets, steps=5, **kwargs):
        plan = Plan((Stage(1, 1.0),), batch=2, learning_rate=1e-9, steps=steps)
        validation = Validation(1, frames=2, every=1, **kwargs)
        trainer = Trainer(tiny_train, tmp_path / "run", plan, "non", "small", validation=validation)
        return trainer, trainer.fit([Shift(offsets)])

    return fit


def test_the_best_model_is_kept(run, tmp_path):
    trainer, best = run({0: 3.0, 2: 0.0, 3: 30.0})
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


def test_patience_ends_the_run(run, tmp_path):
    trainer, _ = run({0: 0.0, 2: 3.0}, steps=50, patience=2)
    assert trainer.step == 4
    content = json.loads((tmp_path / "run" / "run.json").read_text())
    assert content["stopped_early"] and not content["complete"] and content["steps_done"] == 4


def test_a_rollout_that_is_not_finite_is_never_the_best(run, monkeypatch):
    from phi_sol.training import validation

    monkeypatch.setattr(validation, "rollout_error", lambda *_: float("inf"))
    trainer, corrector = run({}, steps=2)
    assert corrector.description["chosen"]["kind"] == "last" and trainer.validation_error == np.inf
