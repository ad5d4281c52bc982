"""
The paper's table from one command: what is planned, what it costs, what is refused, and going on where it stopped.
"""

import json
from dataclasses import replace

import pytest

from phi_sol import InputError, Schedule, load_experiment
from phi_sol.cli.reproduce import duration
from phi_sol.reproduce.reproduction import Reproduction


@pytest.fixture(scope="module")
def small(tiny):
    return replace(tiny, paper=Schedule(network="small", unroll=2, steps=2, batch=2))


def test_plan(tiny, small, tiny_data, tmp_path):
    plan = Reproduction(small, tmp_path / "out", tiny_data, seeds=2)
    assert [t.folder.name for t in plan.trainings] == [
        "pre_seed0",
        "pre_seed1",
        "non_seed0",
        "non_seed1",
        "sol2_seed0",
        "sol2_seed1",
    ]
    assert {t.plan.steps for t in plan.trainings} == {2} and not (tmp_path / "out").exists()
    budget = Reproduction(tiny, tmp_path / "out", tiny_data, budget=60.0, seeds=2)
    assert [t.plan.budget for t in budget.trainings] == [5, 5, 5, 5, 20, 20] and all(
        t.plan.steps is None for t in budget.trainings
    )


def test_only_what_the_paper_has():
    plume = load_experiment("plume_2d")
    assert plume.paper is None and load_experiment("karman_2d").paper.unroll == 32
    methods = Reproduction(plume, "nowhere", "nowhere", budget=60.0, seeds=1).methods
    assert methods == ["non", "sol"]  # its table has no PRE for the plume


def test_refused(tiny, small, tiny_data, tmp_path):
    with pytest.raises(InputError, match="paper's schedule of 'tiny' is not known: give a budget="):
        Reproduction(tiny, tmp_path / "out", tiny_data)
    with pytest.raises(InputError, match="number of seeds must be an integer of at least 1, not 0"):
        Reproduction(small, tmp_path / "out", tiny_data, seeds=0)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    with pytest.raises(InputError, match="in use and holds no reproduction"):
        Reproduction(small, tmp_path / "mine", tiny_data)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "reproduction.json").write_text(
        json.dumps(Reproduction(small, tmp_path / "out", tiny_data).config | {"seeds": 5})
    )
    with pytest.raises(InputError, match="another reproduction: seeds is 5 instead of 3"):
        Reproduction(small, tmp_path / "other", tiny_data)


def test_plan_of_a_poisson_scene(tmp_path):
    """All four methods, SOL and SOL-PHY with the scene's steps; shares of a budget by what an iteration costs."""
    scene = load_experiment("poisson_2d")
    plan = Reproduction(scene, tmp_path / "out", tmp_path / "data", budget=42.0, seeds=1)
    assert [t.folder.name for t in plan.trainings] == ["non_seed0", "phy_seed0", "sol5_seed0", "sol-phy5_seed0"]
    assert [t.plan.budget for t in plan.trainings] == pytest.approx([10, 10, 11, 11])
    assert all((t.plan.decay, t.plan.clip, t.plan.ramp) == ("exponential", 0.1, 0.02) for t in plan.trainings)
    assert [t.plan.stages[-1].unroll for t in plan.trainings] == [1, 1, 5, 5] and all(
        len(t.plan.stages) == 1 for t in plan.trainings
    )
    with pytest.raises(InputError, match="paper's schedule of 'poisson_2d' is not known: give a budget="):
        Reproduction(scene, tmp_path / "out", tmp_path / "data")


@pytest.mark.parametrize(
    "seconds, text", [(0.2, "< 1 s"), (4.2, "4.2 s"), (45, "45 s"), (700, "12 min"), (9000, "2.5 h"), (3e5, "3.5 days")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_reproduction_of_an_earlier_version_goes_on(tiny, tiny_data, tmp_path):
    plan = Reproduction(tiny, tmp_path / "out", tiny_data, budget=60.0, seeds=1)
    schedule = {n: v for n, v in plan.config["schedule"].items() if n not in ("relative", "curriculum")}
    plan.out.mkdir()
    (plan.out / "reproduction.json").write_text(json.dumps(plan.config | {"schedule": schedule}))
    assert Reproduction(tiny, tmp_path / "out", tiny_data, budget=60.0, seeds=1).config == plan.config
    other = replace(tiny, schedule=replace(tiny.schedule, curriculum=False))
    with pytest.raises(InputError, match="schedule.curriculum is True instead of False"):
        Reproduction(other, tmp_path / "out", tiny_data, budget=60.0, seeds=1)


@pytest.mark.slow
def test_the_whole_way_and_again(small, tiny_data, tmp_path):
    """A training that was interrupted after its first iteration is completed; what is finished is left alone."""
    from keras.callbacks import Callback

    class Stop(Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    plan = Reproduction(small, tmp_path / "out", tiny_data, seeds=1)
    texts = [c.text for c in plan.costs()]
    starts = [
        "pre: 1 training of 2 iterations",
        "corrections for PRE: 12 frames",
        "non: 1 training",
        "sol2: 1 training",
        "rollouts of 3",
    ]
    assert len(texts) == 5 and all(t.startswith(s) for t, s in zip(texts, starts, strict=True))
    plan.generate(progress=False)
    first, second, third = plan.trainings
    with pytest.raises(KeyboardInterrupt):
        plan.train(third, lambda trainer: [Stop()])
    assert not third.finished
    for training in (first, second, third):
        plan.train(training)
        assert training.finished
    assert json.loads((third.folder / "run.json").read_text())["steps_done"] == 2
    results = plan.evaluate("made by a test", lambda *_: None)
    assert list(results["groups"]) == ["pre_seed0", "non_seed0", "sol2_seed0"]
    again = Reproduction(small, tmp_path / "out", tiny_data, seeds=1)
    assert all(t.finished for t in again.trainings) and [c.text for c in again.costs()] == [
        "rollouts of 3 correctors, and the report"
    ]
    written = (tmp_path / "out" / "evaluation" / "results.json").stat().st_mtime_ns
    assert again.evaluate("again", lambda *_: None) == results
    assert (tmp_path / "out" / "evaluation" / "results.json").stat().st_mtime_ns == written
