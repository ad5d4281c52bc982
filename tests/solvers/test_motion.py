"""Profiles that are set from step to step, and bodies that move along paths."""

import logging

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.math import precision

from phi_sol import (
    Chain,
    Controlled,
    Design,
    Disc,
    Estimation,
    InputError,
    Link,
    Measurements,
    Motion,
    Observations,
    PeriodicBox,
    Rectangle,
    State,
    TimeTable,
    WakeFlow,
    Weights,
    metrics,
)
from phi_sol.stepping.adjoint import Adjoint
from phi_sol.stepping.arrays import pack

WAKE = WakeFlow(y=16, x=8, dt=4.0)
TANK = dict(y=64, x=32, size=dict(y=200, x=100), dt=2, advection="van_leer")


def by_hand(rows, state, flow=WAKE):
    """Steps with what enters in each."""
    for row in rows:
        given = flow.initial_state(reynolds=300.0, inlet=row).parameters["inlet"]
        state = flow.step(State(state.fields, state.parameters | {"inlet": given}))
    return state


@pytest.mark.parametrize("carried", [True, False], ids=["in the state", "not in the state"])
def test_what_enters_by_step(carried):
    rows = np.random.default_rng(0).uniform(0.5, 1.5, (4, 8))
    start = WAKE.initial_state(reynolds=300.0, **({"inlet": 1.0} if carried else {}))
    frames = Controlled(WAKE, {"inlet": rows}).rollout(start, 4)
    np.testing.assert_allclose(frames.diagnostics["inlet"][:, 0], rows, rtol=1e-6)
    expected = by_hand(rows, WAKE.initial_state(reynolds=300.0, inlet=1.0))
    math.assert_close(frames.last.velocity.values, expected.velocity.values, abs_tolerance=1e-5)


def test_what_enters_at_knots_for_all_faces_and_by_functions():
    start = WAKE.initial_state(reynolds=[300.0, 200.0], inlet=np.ones((2, 8)))
    ends = np.stack([np.ones(8), np.linspace(0.5, 1.5, 8)])
    expected = [np.ones(8), ends.mean(0), ends[1], ends[1]]
    for table in (TimeTable(ends, times=[0, 8]), TimeTable(np.stack([ends, ends]), times=[0, 8])):
        found = Controlled(WAKE, {"inlet": table}).rollout(start, 4).diagnostics["inlet"]
        np.testing.assert_allclose(found, np.repeat(np.array(expected)[:, None], 2, 1), rtol=1e-6)
    found = Controlled(WAKE, {"inlet": [1.0, 1.2]}).rollout(start, 2).diagnostics["inlet"]
    np.testing.assert_allclose(found[:, 1], [np.ones(8), np.full(8, 1.2)], rtol=1e-6)
    sine = math.wrap(np.sin(np.arange(8)), math.spatial("x"))
    found = Controlled(WAKE, {"inlet": lambda time, state: 1 + 0.01 * time * sine}).rollout(start, 2)
    np.testing.assert_allclose(found.diagnostics["inlet"][1, 0], 1 + 0.04 * np.sin(np.arange(8)), rtol=1e-5)


@pytest.mark.slow
def test_what_enters_in_space_and_time_is_found():
    true = 1 + 0.3 * np.sin(np.arange(3)[:, None] + np.linspace(0, 3, 8))
    with precision(64):
        start = WAKE.initial_state(reynolds=300.0)
        given = Controlled(WAKE, {"inlet": TimeTable(true, times=[0, 20, 40])})
        known = Observations(given.rollout(start, 12, progress=False), "velocity", noise=1e-3)
        table = tf.Variable(np.ones((3, 8)))
        solver = Controlled(WAKE, {"inlet": TimeTable(table, times=[0, 20, 40])})
        found = Estimation(solver, start, Weights(table), known).fit(progress=False)
    np.testing.assert_allclose(found.estimates["weights"][0], true, atol=1e-3)
    assert found.rank == 24


def test_a_link_may_give_what_enters():
    """The second wake gets what leaves the first."""

    def leaving(first, second):
        return {"inlet": first.velocity.vector["y"].values.y[-1]}

    chain = Chain({"one": WAKE, "two": WAKE}, Link("one", "two", leaving))
    one = WAKE.initial_state(reynolds=300.0, inlet=np.linspace(0.5, 1.5, 8))
    two = WAKE.initial_state(reynolds=300.0)
    last = chain.part("two", chain.rollout(chain.state(one=one, two=two), 3)).last
    expected = two
    for _ in range(3):
        one = WAKE.step(one)
        row = one.velocity.vector["y"].values.y[-1].numpy("x")
        expected = by_hand([row], expected)
    math.assert_close(last.velocity.values, expected.velocity.values, abs_tolerance=1e-5)


# --- bodies on their way ---


def test_a_body_moves_through_fluid_at_rest_as_a_stream_passes_one_at_rest():
    """The same in another frame of reference, after 25 steps in which it moves by 8 cells."""
    disc = Disc("disc", dict(y=80, x=50), radius=12, free=("y", "vy"))
    flow = PeriodicBox(**TANK, bodies=disc)
    moving = Controlled(flow, Motion("disc", y=lambda t: 80 + 0.5 * t))
    frames = moving.rollout(flow.initial_state(viscosity=0.3, velocity=lambda p: p * 0), 25, 25)
    assert frames.diagnostics["disc_y"][0, 0] == pytest.approx(105) and frames.diagnostics["disc_vy"][0, 0] == 0.5
    stream = flow.initial_state(viscosity=0.3, velocity=lambda p: p * 0 + math.vec(y=-0.5, x=0.0))
    passed = flow.rollout(stream, 25, 25)
    found = frames.arrays["velocity.y"][0, 0]
    expected = np.roll(passed.arrays["velocity.y"][0, 0] + 0.5, 8, 0)
    assert np.abs(found - expected).mean() < 0.03 * np.abs(expected).mean()
    placed = dict(frames.last.parameters) | {"disc_y": math.wrap(105.0), "disc_vy": math.wrap(0.5)}
    drags = [
        float(metrics.body_forces(flow, s, moving=True)["disc"]["y"])
        for s in (State(frames.last.fields, placed), passed.last)
    ]
    assert drags[0] == pytest.approx(drags[1], rel=0.1) and drags[0] < 0


def test_speeds_are_derivatives_of_paths():
    paddle = Rectangle("paddle", dict(y=100, x=50), dict(y=60, x=20), free=("y", "vy", "angle", "spin"))
    flow = PeriodicBox(**TANK, bodies=paddle)
    table = TimeTable([0.0, 0.1, 0.0], times=[0, 10, 30])
    solver = Controlled(flow, Motion("paddle", y=lambda t: 100 + 5 * math.sin(0.1 * t), angle=table))
    told = solver.rollout(flow.initial_state(viscosity=0.3, velocity=lambda p: p * 0), 10).diagnostics
    ends = 2.0 * np.arange(1, 11)
    np.testing.assert_allclose(told["paddle_y"][:, 0], 100 + 5 * np.sin(0.1 * ends), rtol=1e-5)
    np.testing.assert_allclose(told["paddle_vy"][:, 0], 0.5 * np.cos(0.1 * ends), atol=1e-5)
    np.testing.assert_allclose(told["paddle_angle"][:, 0], np.interp(ends, [0, 10, 30], [0, 0.1, 0]), atol=1e-6)
    assert np.allclose(told["paddle_spin"][[0, 3, 6, 9], 0], [0.01, 0.01, -0.005, -0.005])


@pytest.mark.slow
def test_a_path_is_found_and_has_a_gradient():
    """From the force on the body, which is where its control says, not where the state at the start had it."""
    disc = Disc("disc", dict(y=80, x=50), radius=12, free=("x", "vx"))
    flow = WakeFlow(y=32, x=16, dt=4, bodies=disc)
    with precision(64):
        start, true = flow.initial_state(reynolds=100.0), np.array([50.0, 53.0, 49.0])

        def forces(state):
            found = metrics.body_forces(flow, state, moving=True)["disc"]
            return math.stack([found["y"], found["x"]], math.channel("number"))

        given = Controlled(flow, Motion("disc", x=TimeTable(true, times=[0, 20, 40])))
        frames = given.rollout(start, 10, progress=False)
        rows = []
        for i in range(10):
            now = {n: math.wrap(frames.diagnostics[n][i, 0]) for n in ("disc_x", "disc_vx")}
            rows.append(forces(State(frames[i].fields, dict(frames[i].parameters) | now)).numpy("number"))
        table = tf.Variable(np.full(3, 50.5))
        solver = Controlled(flow, Motion("disc", x=TimeTable(table, times=[0, 20, 40])))
        seen = Measurements(flow, forces, np.array(rows), frames.times, noise=0.1)
        task = Estimation(solver, start, Weights(table), seen)
        x = task.simulation.begin
        gradient = task.whole(x, lambda done, total: None)[1]
        for d in 1e-5 * np.eye(3):
            difference = [task.whole(x + s * d, lambda done, total: None)[0] for s in (1, -1)]
            assert difference[0] - difference[1] == pytest.approx(2 * gradient @ d, rel=1e-4)
        found = task.fit(progress=False)
    np.testing.assert_allclose(found.estimates["weights"][0], true, atol=0.02)


def test_a_motion_that_leaves_the_domain_is_said(caplog):
    disc = Disc("disc", dict(y=80, x=50), radius=12, free=("y", "vy"))
    flow = WakeFlow(y=32, x=16, dt=4, bodies=disc)
    solver = Controlled(flow, Motion("disc", y=lambda t: 80 + 10 * t))
    with caplog.at_level(logging.WARNING):
        solver.rollout(flow.initial_state(reynolds=100.0), 4)
    assert "is outside of the domain [0, 200]" in caplog.text
    with pytest.raises(InputError, match="is outside of the domain"):
        Controlled(flow, Motion("disc", y=lambda t: 300 + t)).rollout(flow.initial_state(reynolds=100.0), 1)


DISC = Disc("disc", dict(y=80, x=50), radius=12, free=("y", "vy", "x"))
FLOW = WakeFlow(y=32, x=16, dt=4, bodies=DISC)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Motion("disc"), "says nothing"),
        (lambda: Motion("disc", radius=lambda t: 5), "no path of 'radius'.* Known: y, x, z, angle"),
        (lambda: Motion("disc", y=5), "a function of time or a TimeTable, not 5"),
        (lambda: Motion("disc", y=lambda: 5), r"function of \(time\)"),
        (lambda: Motion("disc", y=TimeTable([1.0, 2.0])), "without times"),
        (lambda: Controlled(FLOW, Motion("disk", y=lambda t: t)), "no such body. Did you mean 'disc'"),
        (lambda: Controlled(WAKE, Motion("disc", y=lambda t: t)), "Its bodies: none"),
        (lambda: Controlled(FLOW, Motion("disc", x=lambda t: t)), r"sets 'vx': name it in free="),
        (lambda: Controlled(FLOW, Motion("disc", angle=lambda t: t)), "has no such number"),
        (lambda: Controlled(FLOW, Motion("disc", y=lambda t: "far")), "not a number"),
        (lambda: Controlled(FLOW, [Motion("disc", y=lambda t: t), {"disc_y": [1.0]}]), "Two controls set 'disc_y'"),
        (lambda: Controlled(WAKE, {"inlet": np.ones((3, 7))}), r"'inlet' has the shape \(knots, 8\) or"),
        (lambda: Controlled(WAKE, {"inlet": TimeTable(np.ones((3, 8)), times=[0, 1, 2, 3])}), "as many times as knots"),
        (lambda: Controlled(WAKE, {"inlet": TimeTable(np.ones((3, 8)), times=range(8))}), "8, 8"),
        (lambda: Controlled(WAKE, {"inlet": lambda time, state: np.ones(7)}), "has one value per face"),
        (lambda: Controlled(WAKE, {"inlet": [[np.nan] * 8]}), "must be finite"),
        (lambda: Controlled(WAKE, {"reynolds": np.ones((2, 3, 4))}), r"'reynolds' has the shape \(knots,\) or"),
    ],
)  # fmt: skip
def test_refused(make, message):
    with pytest.raises(InputError, match=message) as found:
        make()
    assert "\n" not in str(found.value)


@pytest.mark.slow
def test_a_design_sees_a_body_where_it_is():
    """Energy that a paddle gives to a fluid at rest: least where it does not move."""
    paddle = Rectangle("paddle", dict(y=100, x=50), dict(y=20, x=60), free=("y", "vy"))
    flow = PeriodicBox(**TANK, bodies=paddle)
    table = tf.Variable(np.array([100.0, 110.0, 100.0], np.float32))
    solver = Controlled(flow, Motion("paddle", y=TimeTable(table, times=[0, 10, 20])))
    start = flow.initial_state(viscosity=0.3, velocity=lambda p: p * 0)
    seen = []

    def power(state):
        seen.append("paddle_y" in state.parameters)
        return math.mean(state.velocity.values.vector.dual["y"] ** 2, "y,x") + 0 * state.parameters["paddle_vy"]

    best = Design(solver, start, Weights(table), power, steps=10).fit(10, progress=False)
    assert all(seen) and best.quantity < 0.02 * best.before
    place = best.values["weights"][0]
    assert np.abs(np.diff(place)).max() < 1.5
    arrays, parameters, _ = pack(flow, start)
    found = Adjoint(solver, [table])(arrays, parameters, [4], lambda f, kept, p: tf.reduce_sum(kept["paddle_y"]))
    np.testing.assert_allclose(found[3][0], [0.2, 0.8, 0.0], atol=1e-6)  # at t = 8
