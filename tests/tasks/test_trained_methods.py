"""
Every kind of method through the trainer: what its first iteration compares, and where its corrector stands in the
hybrid solver.
"""

import csv
import json

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Correction, Corrector, HybridSolver, Method, Plan, Stage, Trainer, Validation
from phi_sol.tasks.correction.precompute import targets

NAMES = ("velocity.y", "velocity.x")


@pytest.fixture
def data(tiny_train):
    return tiny_train


def windows(data, length=2):
    """All windows of one simulation after the other."""
    return [(s, i) for s in range(len(data)) for i in range(data.frames + 2 - length)]


def squares(errors, data):
    """The loss of errors, shape (samples, *spatial) each."""
    return sum(np.mean((errors[n] / data.moments()[n][1]) ** 2) for n in NAMES)


def untrained_pre(data):
    stored = targets(data, ["velocity"], temporal=1.0)
    return squares({n: stored[f"correction:{n}"][:, :-1] for n in NAMES}, data)


def untrained_pure(data):
    return squares({n: np.diff(data.arrays[n], axis=1) for n in NAMES}, data)


def untrained_inside(data):
    places = windows(data)
    arrays = {n: tf.constant(np.stack([a[p] for p in places])) for n, a in data.arrays.items()}
    parameters = {n: tf.constant(np.array([p[s] for s, _ in places])) for n, p in data.parameters.items()}
    after = data.pair.source.compiled(arrays, parameters, tf.constant(1.0))
    return squares({n: after[n] - np.stack([data.arrays[n][s, i + 1] for s, i in places]) for n in NAMES}, data)


CASES = {
    "pre-sr": ({}, untrained_pre),
    "pure": ({}, untrained_pure),
    "node": (dict(integrator="heun"), untrained_pure),
    "sol": (dict(placement="inside"), untrained_inside),
}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n == "sol" else pytest.mark.slow) for n in CASES])
def test_first_loss_is_that_of_the_source_and_training_lowers_it(data, tmp_path, name):
    """
    One batch is one epoch of windows, so that the first loss is the mean over all of them with a network that is zero.
    """
    options, untrained = CASES[name]
    method = Method(name, 1, **options)
    plan = Plan((Stage(1, 1.0),), batch=len(windows(data)), learning_rate=1e-3, steps=12)
    trainer = Trainer(Correction(data, method, "small"), plan, tmp_path, validation=Validation(0))
    trainer.epoch_length = 1
    trainer.fit()
    with open(tmp_path / "log.csv") as file:
        losses = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses[0] == pytest.approx(untrained(data), rel=1e-4)
    assert losses[-1] < losses[0]
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["training"]["placement"] == method.placement
    corrector = Corrector.load(tmp_path)
    placements = {"pre-sr": "after", "pure": "instead", "node": "rate", "sol": "inside"}
    assert corrector.placement == placements[name]
    assert corrector.description.get("integrator") == method.integrator
    arrays = {n: tf.constant(a[:, 0]) for n, a in data.arrays.items()}
    after = HybridSolver(data.pair.source, corrector)(
        arrays, {n: tf.constant(p) for n, p in data.parameters.items()}, tf.constant(1.0)
    )
    assert all(np.isfinite(a).all() for a in after.values())
