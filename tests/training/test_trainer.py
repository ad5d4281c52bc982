"""The training loop: runs, seeds, folders, divergence."""

import csv
import json
import shutil
import time
from dataclasses import replace

import keras
import numpy as np
import pytest
from tiny import trainer, weights

from phi_sol import (
    Correction,
    Corrector,
    DivergedError,
    InputError,
    Method,
    MissingError,
    Plan,
    Stage,
    Trainer,
    Validation,
)
from phi_sol.storage.locks import LOCK, held


def test_what_a_run_leaves(tiny_run, tiny_train):
    run = json.loads((tiny_run / "run.json").read_text())
    assert run["complete"] and run["method"] == "sol" and run["unroll"] == 2 and run["steps_done"] == 4
    assert run["data"] == tiny_train.fingerprints and run["versions"]["tensorflow"]
    with open(tiny_run / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["progress"]) == 1 and float(rows[-1]["loss"]) > 0
    assert Corrector.load(tiny_run).description["network"] == "small"


def test_training_lowers_the_loss(tiny_train, tmp_path):
    losses = []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            losses.append(logs["loss"])

    trainer(tiny_train, tmp_path / "run", steps=40).fit([Record()])
    assert len(losses) == 40
    assert losses[-1] < 0.7 * losses[0]  # running mean over the epoch


def test_a_budget_starts_when_everything_is_compiled(tiny_train, tmp_path, monkeypatch):
    """Both stages take as long to be traced as the whole budget, and yet there is time for many iterations."""
    losses_of = Correction.losses

    def slow(task, *given):
        time.sleep(2.0)  # while it is traced
        return losses_of(task, *given)

    monkeypatch.setattr(Correction, "losses", slow)
    trainer(tiny_train, tmp_path / "run", steps=None, unroll=4, plan=dict(budget=2.0)).fit()
    with open(tmp_path / "run" / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["seconds"]) for r in rows if r["unroll"] == "2"][-1] < 2.0
    assert int(rows[-1]["step"]) > 5 and rows[-1]["unroll"] == "4" and float(rows[-1]["seconds"]) < 4.0


@pytest.mark.slow
def test_seed_decides_the_result(tiny_train, tmp_path):
    a = trainer(tiny_train, tmp_path / "a", steps=2, seed=1).fit()
    b = trainer(tiny_train, tmp_path / "b", steps=2, seed=1).fit()
    c = trainer(tiny_train, tmp_path / "c", steps=2, seed=2).fit()
    np.testing.assert_array_equal(weights(a), weights(b))
    assert np.abs(weights(a) - weights(c)).max() > 0


def test_nan_ends_the_run_and_keeps_the_last_checkpoint(tiny_train, tmp_path):
    run = trainer(tiny_train, tmp_path / "run", steps=60)

    class Poison(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 52:
                run.task.model.layers[-1].bias.assign([np.nan, np.nan])

    with pytest.raises(
        DivergedError,
        match=r"nan at iteration 54 \(SOL-2\): simulation .* frame .* checkpoint in .* is that of iteration 50\.",
    ):
        run.fit([Poison()])
    assert np.isfinite(weights(Corrector.load(tmp_path / "run"))).all()
    assert trainer(tiny_train, tmp_path / "run", steps=60, resume=True).step == 50


@pytest.mark.slow
def test_keras_early_stopping_works(tiny_train, tmp_path):
    run = trainer(tiny_train, tmp_path / "run", steps=1000)
    run.fit([keras.callbacks.EarlyStopping(monitor="loss", min_delta=1e9, patience=0)])
    assert run.step <= 100 and not json.loads((tmp_path / "run" / "run.json").read_text())["complete"]


def test_folders_in_use(tiny_run, tiny_train, tmp_path):
    with pytest.raises(InputError, match="in use .resume=True goes on with it"):
        trainer(tiny_train, tiny_run)
    with pytest.raises(MissingError, match="no run to resume"):
        trainer(tiny_train, tmp_path / "nothing", resume=True)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="not a run of phi_sol"):
        trainer(tiny_train, tmp_path)
    with pytest.raises(InputError, match="is a file"):
        trainer(tiny_train, tmp_path / "notes.txt")
    shutil.copytree(tiny_run, tmp_path / "run")
    with pytest.raises(InputError, match="another run: seed is 0 instead of 5"):
        trainer(tiny_train, tmp_path / "run", resume=True, seed=5)


def test_a_run_is_trained_by_one_process(tiny_run, tiny_train, tmp_path):
    """Another one is refused from the moment on that a trainer is made, also one that would go on with the run."""
    shutil.copytree(tiny_run, tmp_path / "run")
    for folder, resume in ((tmp_path / "new", False), (tmp_path / "run", True)):
        with (
            held([folder / LOCK], wait=False),
            pytest.raises(InputError, match=f"Another process is at work in .*{folder.name}: wait for it, or name"),
        ):
            trainer(tiny_train, folder, resume=resume)
    one = trainer(tiny_train, tmp_path / "new", steps=2)
    with held([tmp_path / "new" / LOCK], wait=False) as ours:
        assert not ours
    one.fit()
    assert not (tmp_path / "new" / LOCK).exists()


def test_bad_methods_and_unrolls(tiny_train, tmp_path):
    with pytest.raises(InputError, match="Unknown method 'sl'. Did you mean 'sol'\\? Known: pre, pre-sr, non"):
        Method("sl", 2)
    with pytest.raises(InputError, match="at least 1, not 0"):
        Method("sol", 0)
    with pytest.raises(InputError, match="SOL-13 needs simulations of at least 13 frames, but these have 12"):
        trainer(tiny_train, tmp_path / "run", unroll=13)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_supervised_trainings_are_validated_by_rollouts(tiny_train, tmp_path):
    chosen = (
        trainer(tiny_train, tmp_path / "run", steps=2, method=Method("pre"), validation=Validation(1, frames=2))
        .fit()
        .description["chosen"]
    )
    assert chosen["kind"] == "best on validation" and np.isfinite(chosen["val_error"])


def test_trained_weights_to_start_from(tiny_run, tiny_train, tmp_path):
    """Weights and normalisation are taken; layers that are fixed stay; of those alone there is nothing to train."""
    start = Corrector.load(tiny_run)
    before = [w.copy() for w in start.network.get_weights()]
    statistics = replace(start.statistics, std=dict.fromkeys(start.statistics.std, 3.0))
    start = Corrector(start.network, start.adapter, statistics, start.description)
    for layer in start.network.layers[:-1]:
        layer.trainable = False
    plan = Plan((Stage(1, 1.0),), batch=2, learning_rate=1e-3, steps=2, ema=0.5)
    run = Trainer(Correction(tiny_train, "non", start), plan, tmp_path / "run")
    assert "of them fixed, from SOL-2" in run.summary
    tuned = run.fit()
    assert tuned.statistics == statistics and tuned.description["from"]["data"] == start.description["data"]
    changes = [np.abs(a - b).max() for a, b in zip(before, tuned.network.get_weights(), strict=True)]
    assert not any(changes[:-2]) and changes[-1] > 0
    *fixed, last = [x.trainable for x in tuned.network.layers if x.weights]
    assert last and not any(fixed)
    start.network.trainable = False
    with pytest.raises(InputError, match="nothing to train in this corrector: no variable of it is trainable"):
        Trainer(Correction(tiny_train, "non", start), plan, tmp_path / "none")
    start.network.trainable = True
    for wrong, message in (
        (lambda: Method("pure"), "can't start from these weights, whose placement is after instead of instead here"),
        (lambda: Method("non", placement="inside"), "placement is after instead of inside here"),
    ):
        with pytest.raises(InputError, match=message):
            Trainer(Correction(tiny_train, wrong(), start), plan, tmp_path / "wrong")
