"""Parameters that are set from step to step: what holds when, in loops, restarts and gradients, and what is refused."""

import copy
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import (
    Chain,
    Controlled,
    FunctionControl,
    InputError,
    Link,
    NeuralControl,
    PeriodicBox,
    Probes,
    Restart,
    TimeTable,
    WakeFlow,
)
from phi_sol.solvers.substeps import Substeps
from phi_sol.solvers.time_step import WithTimeStep
from phi_sol.stepping.arrays import pack

BOX = PeriodicBox(y=8, x=8, dt=0.1)


def start(count=2):
    return BOX.initial_state(seed=list(range(count)), viscosity=0.3)


def by_hand(values, state):
    """Steps with the viscosity of each."""
    for v in values:
        changed = BOX.initial_state(seed=[0, 1], viscosity=v).parameters["viscosity"]
        state = BOX.step(type(state)(state.fields, state.parameters | {"viscosity": changed}))
    return state


def used(solver, steps=6, every=1, count=2):
    return solver.rollout(start(count), steps, every).diagnostics["viscosity"]


def test_a_value_per_step_and_the_last_one_afterwards():
    values = [0.1, 0.2, 0.05]
    solver = Controlled(BOX, {"viscosity": values})
    frames = solver.rollout(start(), 5, keep_every=2)
    np.testing.assert_allclose(frames.diagnostics["viscosity"], [[0.2, 0.2], [0.05, 0.05]])
    expected = by_hand([*values, 0.05], start())
    math.assert_close(frames.last.velocity.values, expected.velocity.values, abs_tolerance=1e-6)
    math.assert_close(frames.last.viscosity, 0.3)
    assert set(frames.arrays) == {"velocity.y", "velocity.x"}
    state = start()
    for i in range(4):
        state = solver.step(state, number=i)
    math.assert_close(state.velocity.values, expected.velocity.values, abs_tolerance=1e-6)


def test_knots_in_time():
    """Linear between knots, constant beyond; of each simulation its own, and as logarithms."""
    solver = Controlled(BOX, {"viscosity": TimeTable([0.1, 0.3, 0.2], [0.1, 0.3, 0.5])})
    np.testing.assert_allclose(used(solver, 8)[:, 0], [0.1, 0.1, 0.2, 0.3, 0.25, 0.2, 0.2, 0.2], rtol=1e-5)
    solver.first = 3
    np.testing.assert_allclose(used(solver, 2)[:, 1], [0.3, 0.25], rtol=1e-5)
    solver = Controlled(BOX, {"viscosity": TimeTable(np.log([[0.1, 0.4], [0.2, 0.2]]), [0, 0.2], logarithms=True)})
    np.testing.assert_allclose(used(solver, 3), [[0.1, 0.2], [0.2, 0.2], [0.4, 0.2]], rtol=1e-5)
    np.testing.assert_allclose(used(Controlled(BOX, {"viscosity": [0.2]}), 2), [[0.2, 0.2]] * 2, rtol=1e-6)


def test_functions_of_time_and_state():
    def both(time, state):
        return {"viscosity": 0.1 + time + 0.01 * math.mean(state.velocity.values[{"~vector": "y"}] ** 2, "y,x")}

    found = used(Controlled(BOX, both))
    assert found[:, 0] != pytest.approx(found[:, 1], rel=1e-7)
    np.testing.assert_allclose(found[:, 0], 0.1 + 0.1 * np.arange(6), atol=0.02)
    one = Controlled(BOX, {"viscosity": lambda time, state: both(time, state)["viscosity"]})
    np.testing.assert_allclose(used(one), found, rtol=1e-6)


@pytest.mark.slow
def test_solvers_around_it_keep_its_counter():
    inner = Controlled(BOX, {"viscosity": [0.1, 0.2, 0.3]})
    np.testing.assert_allclose(used(WithTimeStep(inner, 0.05), 3)[:, 0], [0.1, 0.2, 0.3], rtol=1e-6)
    wake = WakeFlow(y=16, x=8, dt=0.2)
    link = Link("box", "wake", lambda box, wake: {})
    chain = Chain({"box": inner, "wake": wake}, link)
    state = chain.state(box=start(), wake=wake.initial_state(reynolds=400.0))
    frames = chain.rollout(state, 3)
    np.testing.assert_allclose(frames.diagnostics["box_viscosity"][:, 0], [0.2, 0.3, 0.3], rtol=1e-6)
    outer = Controlled(chain, {"wake_reynolds": [500.0, 600.0]})
    frames = outer.rollout(state, 3)
    np.testing.assert_allclose(frames.diagnostics["wake_reynolds"][:, 1], [500, 600, 600])
    np.testing.assert_allclose(frames.diagnostics["box_viscosity"][:, 0], [0.2, 0.3, 0.3], rtol=1e-6)
    np.testing.assert_allclose(used(copy.deepcopy(inner), 2)[:, 0], [0.1, 0.2], rtol=1e-6)
    with pytest.raises(InputError, match="says 'viscosity' of each step"):
        Substeps(inner, 2)


def test_a_restart_goes_on_with_the_step_it_was_at(tmp_path):
    values = np.linspace(0.05, 0.4, 12)
    solver = Controlled(BOX, {"viscosity": TimeTable(values)})
    whole = solver.rollout(start(), 12, 2)
    solver.rollout(start(), 6, 2, restart=Restart(tmp_path / "r", every=2))
    again = solver.rollout(start(), 12, 2, restart=Restart(tmp_path / "r", every=2))
    np.testing.assert_array_equal(whole.diagnostics["viscosity"], again.diagnostics["viscosity"])
    np.testing.assert_array_equal(whole.arrays["velocity.x"], again.arrays["velocity.x"])
    with pytest.raises(InputError, match="holds another rollout"):
        Controlled(BOX, {"viscosity": values[::-1]}).rollout(start(), 12, 2, restart=Restart(tmp_path / "r"))


@pytest.mark.parametrize("variable", [tf.Variable, keras.Variable])
def test_variables_are_never_constants(variable):
    table = variable(np.float32([0.1, 0.2]))
    factor = variable(np.float32(1.0))
    solver = Controlled(
        BOX, {"viscosity": FunctionControl(lambda time, state, f, t: f * 0.1 + 0 * time + t[0], [factor, table])}
    )
    assert len(solver.weights) == 2
    np.testing.assert_allclose(used(solver, 2), 0.2, rtol=1e-5)
    factor.assign(2.0)
    np.testing.assert_allclose(used(solver, 2), 0.3, rtol=1e-5)
    solver = Controlled(BOX, {"viscosity": TimeTable(table)})
    np.testing.assert_allclose(used(solver, 2)[:, 0], [0.1, 0.2], rtol=1e-5)
    table.assign([0.3, 0.4])
    np.testing.assert_allclose(used(solver, 2)[:, 0], [0.3, 0.4], rtol=1e-5)
    table.assign([0.3, -0.4])
    with pytest.raises(InputError, match="gives viscosity=-0.4, but it must be positive and finite"):
        used(solver, 2)


def small(inputs, outputs=1):
    return keras.Sequential([keras.Input(inputs), keras.layers.Flatten(), keras.layers.Dense(outputs)])


def test_probes_interpolate_linearly():
    """A linear function of position exactly; of a periodic box inside of the outermost stored values."""
    wake = WakeFlow(y=16, x=8)
    state = wake.initial_state(reynolds=[200.0, 300.0])
    state = state.with_fields(marker=wake.field("marker", lambda p: 2 * p.vector["y"] - p.vector["x"]))
    points = [dict(y=100.0, x=31.0), dict(x=50.0, y=187.0), dict(y=0.0, x=50.0)]
    probes = Probes(["marker", "velocity.y"], points)
    arrays, _, _ = pack(wake, state)
    seen = Probes.seen(probes.on(wake), arrays).numpy()
    assert seen.shape == (2, 6)
    np.testing.assert_allclose(seen[0, :3], [169, 324, 2 * 6.25 - 50], rtol=1e-5)
    np.testing.assert_allclose(seen[:, 4], 1, atol=0.1)


@pytest.mark.parametrize("sees, inputs", [("velocity", (8, 8, 2)), (Probes("velocity", [dict(y=1, x=2)]), (2,))])
def test_networks_see_and_set(sees, inputs):
    """In its range; the same in loops and step by step; its weights get gradients, and new ones are used."""
    solver = Controlled(BOX, NeuralControl(small(inputs), {"viscosity": (0.1, 0.4)}, sees))
    assert len(solver.weights) == 2
    found = used(solver, 3)
    assert (found > 0.1).all() and (found < 0.4).all() and abs(found[0, 0] - found[0, 1]) > 1e-5
    with tf.GradientTape() as tape:
        frames = solver.rollout(start(), 3)
        loss = tf.reduce_sum(frames.arrays["velocity.x"][-1] ** 2)
    np.testing.assert_allclose(frames.diagnostics["viscosity"], found, rtol=1e-5)
    gradient = tape.gradient(loss, solver.weights)
    assert all(np.abs(g).max() > 1e-6 for g in gradient)
    for w in solver.weights:
        w.assign(np.zeros(w.shape))
    np.testing.assert_allclose(used(solver, 2), 0.2, rtol=1e-5)


@pytest.mark.parametrize(
    "controls, message",
    [
        ({"drag": [1.0]}, "sets 'drag', but PeriodicBox.* has no such parameter.* Its parameters: viscosity"),
        ({"seed": [1.0]}, "sets 'seed'"),
        ({"viscosity": [0.1, -0.1]}, "gives viscosity=-0.1, but it must be positive and finite"),
        ({"viscosity": []}, r"numbers of shape \(knots,\) or \(simulations, knots\)"),
        ({"viscosity": "much"}, "values of a TimeTable are numbers"),
        ({"viscosity": [0.1, np.nan]}, "must be finite"),
        (TimeTable([1.0]), "needs the name of its parameter"),
        (5, "A control is a TimeTable by parameter, a function or a NeuralControl, not 5"),
        ([], "at least one control"),
        (lambda state: {}, r"A control is a function of \(time, state\)"),
        (lambda time, state: 5, "must return a dictionary of parameters, not 5"),
        (lambda time, state: {"drag": 5}, "sets 'drag'"),
        (lambda time, state: {"viscosity": state.velocity.values}, "gives viscosity with the dimensions"),
        (lambda time, state: {"viscosity": "x"}, "gives viscosity='x', not a number"),
        ([{"viscosity": [0.1]}, lambda time, state: {"viscosity": 1.0}], "Two controls set 'viscosity'"),
        ({"viscosity": NeuralControl(small((2,)), {"viscosity": (0.1, 1)}, "velocity")}, "names its own parameters"),
        (
            NeuralControl(small((8, 8, 2), 3), {"viscosity": (0.1, 1)}, "velocity"),
            r"gives the shape \('batch', 3\), not",
        ),
        (NeuralControl(small((5,)), {"viscosity": (0.1, 1)}, "velocity"), "can't take inputs of shape"),
        (NeuralControl(small((8, 8, 2)), {"drag": (0.1, 1)}, "velocity"), "sets 'drag'"),
        (NeuralControl(small((8, 8, 1)), {"viscosity": (0.1, 1)}, "marker"), "can't see 'marker'"),
        (NeuralControl(small((8, 8, 2)), {"viscosity": (-1, 1)}, "velocity"), "gives viscosity=-1"),
        (NeuralControl(small((2,)), {"viscosity": (0.1, 1)}, Probes("velocity", [{"y": 99, "x": 0}])), "lies at y in"),
        (NeuralControl(small((2,)), {"viscosity": (0.1, 1)}, Probes("speed", [{"y": 1, "x": 0}])), "can't see 'speed'"),
    ],
)
def test_wrong_controls_are_refused(controls, message):
    with pytest.raises(InputError, match=message) as found:
        Controlled(BOX, controls)
    assert "\n" not in str(found.value)


def test_wrong_parts_are_refused():
    for wrong, message in [
        (lambda: TimeTable([1, 2], [0]), "of 2 values needs 2 times"),
        (lambda: TimeTable([1, 2], [1, 1]), "must be finite and increase"),
        (lambda: TimeTable(np.ones((2, 2, 2, 2, 2))), "numbers of shape"),
        (lambda: FunctionControl(lambda time: 1), "function of"),
        (lambda: FunctionControl(lambda time, state: 1, [3]), "list of variables"),
        (lambda: NeuralControl(small((2,)), {}, "velocity"), "needs the ranges"),
        (lambda: NeuralControl(small((2,)), {"viscosity": (1, 0)}, "velocity"), "two numbers in order"),
        (lambda: Probes("velocity", [5]), "A point is given by axis"),
        (lambda: Controlled(BOX, {"viscosity": [0.1]}, first=-1), "first step must be an integer of at least 0"),
        (lambda: used(Controlled(BOX, {"viscosity": np.full((3, 2), 0.1)}), 2), "for 3 simulations, but there are 2"),
        (lambda: used(Controlled(BOX, lambda time, state: {"viscosity": time - 1}), 2), "gives viscosity=-1"),
        (lambda: used(Controlled(BOX, {"viscosity": [0.1, 1e3]}), 2), "viscosity=1000 is too large"),
    ]:
        with pytest.raises(InputError, match=message) as found:
            wrong()
        assert "\n" not in str(found.value)


def test_values_that_go_wrong_on_the_way_are_said(caplog):
    solver = Controlled(BOX, lambda time, state: {"viscosity": 0.15 - time})
    with caplog.at_level(logging.WARNING):
        used(solver, 3)
    assert "gives viscosity=-0.05, but it must be positive and finite" in caplog.text
