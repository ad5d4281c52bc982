"""Plans: stages, learning rates, durations."""

import keras
import pytest

from phi_sol import InputError
from phi_sol.training.plan import Plan, Stage, curriculum, parse_duration, parse_stages


def test_curriculum():
    assert [s.unroll for s in curriculum(16)] == [4, 8, 16]
    assert [s.unroll for s in curriculum(4)] == [2, 4]
    assert [s.unroll for s in curriculum(3)] == [3] and curriculum(1) == (Stage(1, 1.0),)
    assert [s.until for s in curriculum(8)] == pytest.approx([0.2, 0.5, 1.0])
    assert [s.until for s in curriculum(4)] == pytest.approx([0.375, 1.0])


def test_progress_stage_and_rate():
    plan = Plan(curriculum(8), batch=2, learning_rate=1e-3, steps=100)
    assert [plan.progress(s, 1e9) for s in (0, 50, 100, 200)] == [0, 0.5, 1, 1]
    assert [plan.stage(p) for p in (0, 0.19, 0.21, 0.49, 0.51, 1.0)] == [0, 0, 1, 1, 2, 2]
    assert (
        plan.rate(0) == pytest.approx(1e-3)
        and plan.rate(1) == pytest.approx(1e-5)
        and plan.rate(0.25) == pytest.approx(1e-3 * (0.01 + 0.99 * (1 + 0.5**0.5) / 2))
    )
    timed = Plan(curriculum(8), batch=2, learning_rate=1e-3, budget=60)
    assert timed.progress(10**9, 30) == 0.5
    assert plan.stored(plan.to_dict()) == plan


@pytest.mark.parametrize(
    "wrong", [dict(), dict(steps=5, budget=5.0), dict(steps=0), dict(budget=-1.0), dict(steps=5, batch=0)]
)
def test_impossible_plans(wrong):
    with pytest.raises(InputError):
        Plan(**dict(stages=curriculum(2), batch=2, learning_rate=1e-3) | wrong)


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        ("constant", {0: 1, 0.5: 1, 1: 1}),
        ("exponential", {0: 1, 0.5: 0.1, 1: 0.01}),
        ("step", {0.4: 1, 0.6: 0.1, 0.8: 0.01, 1: 0.01}),
        ("cosine", {0: 1, 0.5: 0.505, 1: 0.01}),
    ],
)
def test_decays(decay, expected):
    plan = Plan(curriculum(1), batch=1, learning_rate=2.0, steps=10, decay=decay)
    assert {p: plan.rate(p) / 2 for p in expected} == pytest.approx(expected, rel=1e-5)


def test_ramp():
    plan = Plan(curriculum(1), batch=1, learning_rate=1.0, steps=10, decay="constant", ramp=0.2)
    assert [plan.rate(p) for p in (0, 0.05, 0.1, 0.2, 0.9)] == pytest.approx([0.01, 0.25, 0.5, 1, 1])


def test_the_rate_rises_at_the_beginning_of_later_stages():
    stages = (Stage(2, 0.2), Stage(4, 0.6), Stage(8, 1.0))
    plan = Plan(stages, batch=1, learning_rate=1.0, steps=10, decay="constant")
    expected = {0: 1, 0.199: 1, 0.2: 0.01, 0.21: 0.5, 0.22: 1, 0.599: 1, 0.6: 0.01, 0.605: 0.25, 0.62: 1, 1: 1}
    assert {p: plan.rate(p) for p in expected} == pytest.approx(expected)
    assert plan.rate(0.605) * 3 == pytest.approx(
        Plan(stages, batch=1, learning_rate=3.0, steps=10, decay="constant").rate(0.605)
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (dict(decay="cosin"), "Unknown decay 'cosin'. Did you mean 'cosine'"),
        (dict(precision="mixed_bfloat"), "Unknown precision 'mixed_bfloat'. Did you mean 'mixed_bfloat16'"),
        (dict(clip=0.0), "clip of a training must be positive"),
        (dict(ema=1.0), "ema of a training must be at least 0 and below 1"),
        (dict(ramp=-0.1), "ramp of a training must be at least 0"),
        (dict(learning_rate=float("nan")), "learning rate of a training must be positive"),
        (dict(stages=4), r"a tuple of Stage, at least one, such as curriculum\(4\), not 4"),
        (dict(decay=lambda: 1.0), r"A decay is a function of \(progress\), not <lambda>\(\)"),
        (dict(decay=lambda progress: None), "gives None at the progress 0: a factor of the learning rate"),
        (dict(decay=lambda progress: 0.5 - progress), r"gives -0\.5 at the progress 1: .*, of at least 0, is needed"),
    ],
)
def test_impossible_options(wrong, message):
    with pytest.raises(InputError, match=message):
        Plan(**dict(stages=curriculum(2), batch=2, learning_rate=1e-3, steps=5) | wrong)


def test_durations():
    assert [parse_duration(t) for t in ("90", "90s", "1.5m", "2h")] == [90, 90, 90, 7200]
    for wrong in ("", "0", "-5m", "soon", "5 days", "1e3"):
        with pytest.raises(InputError, match="not a duration"):
            parse_duration(wrong)


def test_stages_from_text():
    assert parse_stages("2:0.2, 4:0.3,8:.5") == (Stage(2, 0.2), Stage(4, 0.5), Stage(8, 1.0))
    assert parse_stages("16:1") == (Stage(16, 1.0),)
    for text, message in (
        ("2", "is no stage"),
        ("2:a", "is no stage"),
        ("0:1", "is no stage"),
        ("2:0.5,4:0.4", "add up to 0.9, not to 1"),
    ):
        with pytest.raises(InputError, match=message):
            parse_stages(text)


def test_a_longer_plan():
    """The stages so far end at the same iterations; then one more, whose rate is that of a training of its own."""
    plan = Plan((Stage(2, 0.4), Stage(8, 1.0)), batch=1, learning_rate=1.0, steps=3000, ramp=0.1)
    longer = plan.longer(4000)
    assert longer.steps == 4000 and longer.stages[-1] == Stage(8, 1.0, anew=True)
    stages = [longer.stage(longer.progress(i, 0)) for i in (0, 1199, 1200, 2999, 3000, 3999)]
    assert stages == [0, 0, 1, 1, 2, 2]
    for i in (0, 50, 1200, 1500, 2900):
        assert longer.rate(longer.progress(i, 0)) == pytest.approx(plan.rate(plan.progress(i, 0)))
    alone = Plan((Stage(8, 1.0),), batch=1, learning_rate=1.0, steps=1000, ramp=0.1)
    for i in (100, 500, 999):
        assert longer.rate(longer.progress(3000 + i, 0)) == pytest.approx(alone.rate(alone.progress(i, 0)))
    assert longer.rate(longer.progress(3000, 0)) == pytest.approx(1e-4)  # 1 % of 1 %
    early = plan.longer(4000, after=1000)
    assert [(s.unroll, s.until, s.anew) for s in early.stages] == [(2, 0.25, False), (8, 1.0, True)]
    timed = Plan(curriculum(2), batch=1, learning_rate=1.0, budget=60.0).longer(90.0, after=60.5)
    assert timed.budget == 90.0 and timed.stage(timed.progress(7, 60.5)) == 1


def test_stages_that_begin_anew_are_stored():
    plan = Plan((Stage(2, 0.5), Stage(2, 1.0, anew=True)), batch=1, learning_rate=1.0, steps=10)
    assert plan.stored(plan.to_dict()) == plan and plan.rate(0.75) == pytest.approx(plan.rate(0.25))
    assert Plan(curriculum(2), batch=1, learning_rate=1.0, steps=10).to_dict()["stages"] == [
        {"unroll": 2, "until": 1.0}
    ]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (dict(optimizer=keras.optimizers.Adam(use_ema=True)), r"average of the weights is the plan's, ema=0.999"),
        (
            dict(optimizer=keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(1e-3, 100))),
            "The learning rate of a training is the plan's, not the optimizer's: .* a function of the progress",
        ),
        (dict(optimizer=keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())), "give the inner optimizer"),
        (dict(optimizer=lambda rate: rate), "The optimizer of a training can't be made"),
        (dict(optimizer=list), r"is a name or a Keras optimizer, not \[\]"),
        (dict(decay=keras.optimizers.schedules.CosineDecay(1e-3, 100)), "decay=lambda progress: float"),
    ],
)
def test_what_a_plan_would_overrule_is_refused(own, message):
    with pytest.raises(InputError, match=message):
        Plan(**dict(stages=curriculum(2), batch=2, learning_rate=1e-3, steps=5) | own)


def test_a_function_makes_an_optimizer():
    plan = Plan(
        curriculum(2), batch=2, learning_rate=1e-3, steps=5, optimizer=lambda: keras.optimizers.SGD(momentum=0.5)
    )
    made = plan.make_optimizer([keras.Variable(1.0)])
    assert made.momentum == 0.5 and float(made.learning_rate) == pytest.approx(1e-3)
