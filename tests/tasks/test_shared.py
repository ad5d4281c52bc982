"""One corrector for several flows: what is drawn, trained, validated, saved, and gone on with."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from phi_sol import (
    Correction,
    Corrector,
    Dataset,
    Experiment,
    ForcedAdvection,
    Generator,
    HybridSolver,
    InputError,
    Method,
    PeriodicBox,
    Plan,
    SharedCorrection,
    Stage,
    Trainer,
    Validation,
    WakeFlow,
)
from phi_sol.flows.common_ground import check_together
from phi_sol.tasks.correction.validation import rollout_error

PLAN = Plan((Stage(2, 1.0),), steps=12, batch=2, learning_rate=1e-3)
ONE = Validation(simulations=1, frames=4)


def made(folder, name, flow, source, train, **options):
    scene = Experiment(
        name=name, flow=flow, source=source, ratio=2, train=train, test=train, warmup=3, frames=8, options=options
    )
    Generator(scene, "train", folder / name).run(progress=False)
    return Dataset.load(scene.pair, folder / name)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A wake, and boxes that are periodic along both axes, of another size."""
    folder = tmp_path_factory.mktemp("flows")
    box = {"seed": (0.0, 1.0, 2.0), "viscosity": (0.01,)}
    return {
        "wake": made(folder, "wake", WakeFlow, {"y": 24, "x": 12}, {"reynolds": (150.0, 300.0, 600.0)}, dt=4.0),
        "box": made(folder, "box", PeriodicBox, {"y": 16, "x": 16}, box, dt=0.1, advection="semi_lagrangian"),
    }


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    trainer = Trainer(SharedCorrection(data, Method("sol", 2)), PLAN, folder, validation=ONE)
    return folder, trainer, trainer.fit(progress=False)


def test_all_share_the_weights(run, data):
    _, trainer, _ = run
    one, two = (m.trained.network for m in trainer.task.members)
    assert [id(v) for v in one.trainable_variables] == [id(v) for v in two.trainable_variables] and one is not two
    assert trainer.task.held_out(ONE) == [1, 4] and trainer.held_out == ["wake/sim_000001", "box/sim_000001"]
    assert trainer.task.split(trainer.simulations) == [[0, 2], [0, 2]]


def test_every_flow_is_validated_against_its_own_source(run, data):
    folder = run[0]
    last = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))[-1]
    errors = [float(last[f"val_error:{n}"]) for n in data]
    assert np.isclose(float(last["val_error"]), np.mean(errors), rtol=1e-5)
    part = data["box"]
    names = ["velocity.y", "velocity.x"]
    solvers = part.pair.source, HybridSolver(part.pair.source, Corrector.load(folder / "last"), strict=False)
    plain, ours = (rollout_error(s, part, [1], 4, names) for s in solvers)
    assert np.isclose(errors[1], ours / plain, rtol=1e-4)
    chosen = json.loads((folder / "corrector.json").read_text())["chosen"]
    assert set(chosen["val_errors"]) == set(data)


def test_what_is_saved_is_at_home_in_each(run, data):
    loaded = Corrector.load(run[0])
    for part in data.values():
        hybrid = HybridSolver(part.pair.source, loaded)  # strict
        assert hybrid.remark(part.arrays, part.parameters) == ""
        assert hybrid.corrector.outside(part.pair.source, part.arrays, part.parameters).mean() < 0.01
    with pytest.raises(InputError, match="trained for another flow"):
        loaded.check_flow(WakeFlow(y=24, x=12, dt=3.0))
    other = WakeFlow(y=24, x=12, dt=3.0)
    remark = HybridSolver(other, loaded, strict=False).remark(
        {n: a[:, 0] for n, a in data["wake"].arrays.items()}, data["wake"].parameters
    )
    assert "dt is 4.0 instead of 3.0" in remark  # of the flow that it is most like


def test_seams_are_none_in_a_periodic_box(run, data):
    """The network was built for a wake; in a box its corrections move with the flow, across the ends, too."""
    flow = data["box"].pair.source
    corrector = HybridSolver(flow, Corrector.load(run[0]), strict=False).corrector
    arrays = {n: np.array(a[:1, 0]) for n, a in data["box"].arrays.items()}
    parameters = {n: p[:1] for n, p in data["box"].parameters.items()}
    moved = {n: np.roll(a, (4, 6), (1, 2)) for n, a in arrays.items()}
    here, there = ({n: np.asarray(c) for n, c in corrector(a, parameters).items()} for a in (arrays, moved))
    for n in here:
        assert np.abs(here[n]).max() > 0
        np.testing.assert_allclose(np.roll(here[n], (4, 6), (1, 2)), there[n], atol=1e-5 * np.abs(here[n]).max())


def test_windows_of_a_flow_come_by_weight(data, tmp_path):
    task = SharedCorrection(data, Method("sol", 2), weights={"box": 3.0})
    assert task.weights == [1.0, 3.0]
    with pytest.raises(InputError, match="no flow 'bax' to weigh. Did you mean 'box'"):
        SharedCorrection(data, weights={"bax": 3.0})
    with pytest.raises(InputError, match="The weight of box must be"):
        SharedCorrection(data, weights={"box": 0.0})


def test_it_goes_on_exactly(run, data, tmp_path):
    """Interrupted in the middle and taken up again it ends with the same weights."""
    whole = Corrector.load(run[0] / "last").network.get_weights()
    half = Trainer(SharedCorrection(data, Method("sol", 2)), PLAN, tmp_path, validation=ONE)

    import keras

    class Halt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half.fit([Halt()], progress=False)
    again = Trainer(SharedCorrection(data, Method("sol", 2)), PLAN, tmp_path, validation=ONE, resume=True)
    assert 0 < again.step < 12
    again.fit(progress=False)
    for a, b in zip(whole, Corrector.load(tmp_path / "last").network.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_run_is_not_gone_on_with(run, data):
    with pytest.raises(InputError, match="another run"):
        Trainer(SharedCorrection(data, Method("sol", 2), weights={"box": 2.0}), PLAN, run[0], resume=True)


def test_a_frozen_trunk_keeps_its_weights(run, data, tmp_path):
    start = Corrector.load(run[0])
    before = [w.copy() for w in start.network.get_weights()]
    task = Correction(data["box"], Method("sol", 2, scale_free=True), start, frozen=True)
    trained = Trainer(task, PLAN, tmp_path, validation=Validation(simulations=0)).fit(progress=False)
    after = trained.network.get_weights()
    for old, new in zip(before[:-2], after[:-2], strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.any(before[-2] != after[-2])
    with pytest.raises(InputError, match="Only a network that was trained before can be frozen"):
        Correction(data["box"], Method("sol", 2), "fast", frozen=True)


def test_a_network_of_before_keeps_the_units_that_it_has_learned(run, data, tmp_path):
    """In one flow and in several; one that is new has those of now."""
    old = Corrector.load(run[0])
    assert old.is_local
    old.description = old.description | {"scale_free": True}
    old.save(tmp_path / "old")
    plan, none = Plan((Stage(2, 1.0),), steps=2, batch=2, learning_rate=1e-6), Validation(simulations=0)
    for name, task in (
        ("one", Correction(data["box"], Method("sol", 2, scale_free=True), Corrector.load(tmp_path / "old"))),
        ("all", SharedCorrection(data, Method("sol", 2), Corrector.load(tmp_path / "old"))),
    ):
        Trainer(task, plan, tmp_path / name, validation=none).fit(progress=False)
        trained = Corrector.load(tmp_path / name)
        assert trained.scale_free and not trained.is_local
        frame = {n: a[:1, 0] for n, a in data["box"].arrays.items()}
        numbers = {n: v[:1] for n, v in data["box"].parameters.items()}
        found, right = (
            c.on(data["box"].pair.source)(frame, numbers) for c in (trained, Corrector.load(tmp_path / "old"))
        )
        for n in right:  # hardly trained
            np.testing.assert_allclose(found[n], right[n], atol=0.01 * np.abs(right[n]).max())
    parts = [p.trained.is_local for p in task.members]
    assert parts == [False, False]


def test_flows_that_one_network_cannot_serve():
    wakes = {"flat": WakeFlow(y=16, x=8), "deep": WakeFlow(y=16, x=8, z=8)}
    with pytest.raises(InputError, match="one dimension, but flat has 2 axes and deep 3"):
        check_together(wakes)
    with pytest.raises(InputError, match="numbers: A scale-free corrector needs a velocity on faces"):
        check_together({"flat": wakes["flat"], "numbers": SimpleNamespace(resolution={"y": 16, "x": 16}, staggered=())})
    check_together({"flat": wakes["flat"], "waves": ForcedAdvection(y=16, x=16)})
    with pytest.raises(InputError, match="at least one"):
        SharedCorrection({})
    with pytest.raises(InputError, match="The data of wake"):
        SharedCorrection({"wake": 3})
