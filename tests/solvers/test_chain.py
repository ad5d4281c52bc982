"""Solvers side by side: what a link gives, when, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.math import batch, spatial

from phi_sol import (
    BuoyantPlume,
    Chain,
    ForcedAdvection,
    InputError,
    IterativeFlow,
    Link,
    PeriodicBox,
    Restart,
    SmokeBox,
    SolverPair,
    State,
    WakeFlow,
    load_state,
)
from phi_sol.solvers.finer import FinerSource
from phi_sol.solvers.time_step import WithTimeStep

WAKE, PLUME = WakeFlow(y=16, x=8, dt=2.0), BuoyantPlume(y=16, x=8, dt=1.0)
BOTTOM = math.concat([math.ones(spatial(y=1)), math.zeros(spatial(y=15))], "y")


def carried(wake, plume):
    """What leaves the wake through y = 200 enters the lowest cells of the plume, per unit of time."""
    leaving = wake.marker.values.y[-1] * wake.velocity.values[{"~vector": "y"}].y[-1]
    return {"marker": BOTTOM * leaving / 12.5}


def start(chain, **more):
    wake = WAKE.initial_state(reynolds=[200.0, 300.0])
    wake = wake.with_fields(marker=WAKE.field("marker", 1.0))
    return chain.state(wake=wake, plume=PLUME.initial_state(seed=[0, 1], buoyancy=0.01), **more)


@pytest.fixture(scope="module")
def chain():
    return Chain({"wake": WAKE, "plume": PLUME}, Link("wake", "plume", carried, rates=True))


def test_it_is_the_steps_one_by_one(chain):
    """Against the two flows stepped by hand, the plume twice in each step of the wake."""
    assert chain.dt == 2.0 and chain.counts == {"wake": 1, "plume": 2}
    state = start(chain)
    wake, plume = (chain.part(n, state) for n in ("wake", "plume"))
    frames = chain.rollout(state, 6, keep_every=2)
    np.testing.assert_array_equal(frames.times, [4, 8, 12])
    for step in range(1, 7):
        wake = WAKE.step(wake)
        rate = carried(wake, plume)["marker"]
        for _ in range(2):
            plume = PLUME.step(plume.with_fields(marker=plume.marker.with_values(plume.marker.values + rate)))
        state = chain.step(state)
        if step % 2 == 0:
            for name, by_hand in (("wake", wake), ("plume", plume)):
                for found in (chain.part(name, frames)[step // 2 - 1], chain.part(name, state)):
                    for field in ("velocity", "marker"):
                        math.assert_close(found.fields[field].values, by_hand.fields[field].values, abs_tolerance=2e-6)
    assert repr(frames) == "Rollout(3 frames of JointFlow(wake=WakeFlow, plume=BuoyantPlume), times 4 to 12)"
    assert repr(state).startswith("State(wake_velocity staggered 16x8, wake_marker 16x8, plume_velocity")


def test_smoke_is_carried_not_made(chain):
    """In the plume there is as much smoke as entered, as far as lookups keep it: at the first step exactly."""
    state = start(chain)
    begin, end = state, chain.step(state)
    leaving = end.wake_marker.values.y[-1] * end.wake_velocity.values[{"~vector": "y"}].y[-1]
    entered = math.sum(leaving, "x") * WAKE.spacing["x"] * chain.dt
    masses = [math.sum(s.plume_marker.values, "y,x") * 12.5 * 12.5 for s in (begin, end)]
    assert float(math.max(abs(masses[1] - masses[0] - entered), batch)) < 0.05 * float(math.min(entered, batch))


def test_parameters_lagged_links_and_both_ways():
    """A link back sees the state before its step, a lagged one forth the same; parameters are set for a step."""
    seen = []

    def forth(wake, plume):
        seen.append("forth")
        return {"buoyancy": 0.02 + 0.1 * math.mean(wake.marker.values, "y,x")}

    def back(plume, wake):
        seen.append("back")
        return {"marker": wake.marker.values + 0.5 * math.mean(plume.marker.values, "y,x"), "reynolds": 250.0}

    links = [Link("wake", "plume", forth, lagged=True), Link("plume", "wake", back)]
    both = Chain({"wake": WAKE, "plume": PLUME}, links)
    assert seen == ["forth", "back"]  # called once each
    state = start(both)
    after = both.step(state)
    wake, plume = (both.part(n, state) for n in ("wake", "plume"))
    given = back(plume, wake)
    wake = wake.with_fields(marker=wake.marker.with_values(given["marker"]))
    wake = State(wake.fields, {"reynolds": math.wrap([250.0, 250.0], batch("batch"))})
    expected = WAKE.step(wake)
    math.assert_close(after.wake_marker.values, expected.marker.values, abs_tolerance=2e-6)
    buoyancy = forth(both.part("wake", state), plume)["buoyancy"]
    plume = State(plume.fields, plume.parameters | {"buoyancy": buoyancy})
    for _ in range(2):
        plume = PLUME.step(plume)
    math.assert_close(after.plume_velocity.values[{"~vector": "y"}], plume.velocity.values[{"~vector": "y"}],
                      abs_tolerance=2e-6)  # fmt: skip
    assert float(after.wake_reynolds.batch[0]) == 200.0


def test_a_chain_is_a_solver(chain, tmp_path):
    """Restarts, files, chains of chains, other time steps, and a batch of guesses as elsewhere."""
    state = start(chain)
    frames = chain.rollout(state, 8, 2)
    chain.rollout(state, 4, 2, restart=Restart(tmp_path / "r", every=2))
    again = chain.rollout(state, 8, 2, restart=Restart(tmp_path / "r", every=2))
    for n, a in frames.arrays.items():
        np.testing.assert_array_equal(a, again.arrays[n])
    other = Chain(chain.solvers, Link("wake", "plume", lambda wake, plume: {}))
    with pytest.raises(InputError, match="holds another rollout"):
        other.rollout(state, 8, 2, restart=Restart(tmp_path / "r", every=2))
    state.save(tmp_path / "state.npz")
    loaded = load_state(tmp_path / "state.npz", chain)
    math.assert_close(loaded.plume_marker.values, state.plume_marker.values)
    assert chain.part("plume", frames).flow is PLUME and chain.part("wake", frames.last).reynolds.shape == batch(
        batch=2
    )
    whole = Chain({"pair": chain, "box": PLUME}, Link("pair", "box", lambda pair, box: {"marker": pair.plume_marker}))
    nested = whole.state(pair=state, box=chain.part("plume", state))
    assert "pair_wake_velocity" in whole.flow.fields and whole.counts == {"pair": 1, "box": 2}
    math.assert_close(whole.step(nested).pair_wake_marker.values, chain.step(state).wake_marker.values)
    half = WithTimeStep(chain, 1.0).rollout(state, 2)
    np.testing.assert_array_equal(half.times, [1, 2])


@pytest.mark.slow
def test_diagnostics_and_outputs_of_the_parts():
    """An iterative solver says its iterations also in a chain, and a finer source shows the coarse grid."""
    box, pair = SmokeBox(y=8, x=8), SolverPair(WakeFlow, dict(y=16, x=8), 2, dt=1.0)
    solvers = {"wake": FinerSource(pair, pair.reference), "box": IterativeFlow(box, tolerance=1e-4)}
    chain = Chain(solvers, Link("wake", "box", lambda wake, box: {"buoyancy": math.mean(wake.marker.values) + 0.1}))
    state = chain.state(wake=pair.reference.initial_state(reynolds=200.0), box=box.initial_state(seed=1))
    frames = chain.rollout(state, 3)
    assert frames.diagnostics["box_iterations"].shape == (3, 1) and frames.diagnostics["box_iterations"].min() > 0
    assert frames.arrays["wake_marker"].shape == (3, 1, 16, 8) and len(chain.part("box", frames).diagnostics) == 1
    assert chain.part("wake", frames).flow is pair.source


def test_weights_of_links():
    """A link that is trained: its variable is seen by tapes, and a new value by compiled loops."""
    weight, box = tf.Variable(0.5), PeriodicBox(y=8, x=8, dt=0.1)
    link = Link("a", "b", lambda a, b, w: {"velocity": w * a.velocity.values}, rates=True, weights=[weight])
    chain = Chain({"a": box, "b": box}, link)
    assert [w is weight for w in chain.weights] == [True]
    state = chain.state(**{n: box.initial_state(seed=0, viscosity=0.1) for n in "ab"})
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(chain.rollout(state, 3).arrays["b_velocity.x"][-1] ** 2)
    slope = float(tape.gradient(value, weight))
    before = (chain.rollout(state, 3).arrays["b_velocity.x"][-1] ** 2).sum()
    np.testing.assert_allclose(before, value, rtol=1e-5)
    weight.assign(0.51)
    after = (chain.rollout(state, 3).arrays["b_velocity.x"][-1] ** 2).sum()
    assert (after - before) / 0.01 == pytest.approx(slope, rel=0.02) and slope > 1


@pytest.mark.parametrize(
    "gives, message",
    [
        (lambda wake, plume: 1, "must return a dictionary of fields and parameters, not 1"),
        (lambda wake, plume: {"smoke": 1.0}, "gives 'smoke', but plume .* has velocity, marker, buoyancy"),
        (lambda wake, plume: {"seed": 1.0}, "gives 'seed'"),
        (lambda wake, plume: {"marker": math.zeros(spatial(y=4, x=8))}, "gives 'marker' of the shape .* needs"),
        (lambda wake, plume: {"marker": "much"}, "give a field, or a tensor of its values"),
        (lambda wake, plume: {"velocity": plume.marker}, "gives 'velocity' of the shape"),
        (lambda wake, plume: {"buoyancy": plume.marker.values}, "gives buoyancy with the dimensions"),
        (lambda wake, plume: {"buoyancy": "much"}, "gives buoyancy='much', not a number"),
        (lambda wake, plume: {"buoyancy": tf.zeros([3])}, r"of the shape \(3,\), not a number"),
    ],
)
def test_wrong_functions_are_refused_when_a_chain_is_made(gives, message):
    with pytest.raises(InputError, match=message) as found:
        Chain({"wake": WAKE, "plume": PLUME}, Link("wake", "plume", gives))
    assert "\n" not in str(found.value) and len(str(found.value)) < 400


def test_wrong_chains_are_refused(chain):
    link = Link("wake", "plume", carried)
    for solvers, links, message in [
        ({"wake": WAKE}, link, "at least two solvers"),
        ({"wake": WAKE, "plume": 5}, link, "'plume' is 5"),
        ({"wake": WAKE, "plume": BuoyantPlume(y=16, x=8, dt=1.5)}, link, "dt=1.5 of plume"),
        ({"wake": WAKE, "box": PLUME}, link, "There is no part 'plume'"),
        ({"wake": WAKE, "my plume": PLUME}, link, "letters and digits, not 'my plume'"),
        ({"a": chain, "a_wake": WAKE}, [], "Two parts of a chain would have 'a_wake_"),
        ({"wake": WAKE, "plume": PLUME}, [5], "are Links, not 5"),
    ]:
        with pytest.raises(InputError, match=message):
            Chain(solvers, links)
    for wrong, message in [
        (lambda: Link("a", "a", carried), "not from 'a' to itself"),
        (lambda: Link("a", "b", lambda wake: {}), "What a Link gives is a function of"),
        (lambda: Link("a", "b", carried, weights=[1.0]), "list of variables"),
        (lambda: chain.state(wake=WAKE.initial_state(reynolds=200.0)), "made of states of wake, plume"),
        (lambda: chain.part("box", start(chain)), "no part 'box'"),
        (lambda: chain.part("wake", WAKE.rollout(WAKE.initial_state(reynolds=200.0), 1)), "not of WakeFlow"),
        (lambda: chain.step(WAKE.initial_state(reynolds=200.0)), "needs 'wake_velocity'"),
        (lambda: chain.step(start(chain), dt=-1.0), "time step must be positive"),
        (lambda: chain.flow.projection, "several pressures"),
    ]:
        with pytest.raises(InputError, match=message):
            wrong()


def test_each_part_is_checked_with_its_own_step():
    flow = ForcedAdvection(y=8, x=8, dt=0.1)
    chain = Chain({"a": flow, "b": WithTimeStep(flow, 0.2)}, [])
    state = chain.state(**{n: flow.initial_state(seed=0, viscosity=0.2, amplitude=0.1) for n in "ab"})
    chain.rollout(state, 1)
    with pytest.raises(InputError, match="viscosity=0.2 is too large|too"):
        chain.step(state, dt=100.0)
