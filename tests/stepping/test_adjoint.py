"""The adjoint in compiled loops, with and without checkpoints, against a tape over all steps."""

import numpy as np
import pytest
import tensorflow as tf
from phi.math import precision

from phi_sol import Chain, FunctionTerm, HybridSolver, Link, PeriodicBox, SolverPair, WakeFlow
from phi_sol.errors import DivergedError
from phi_sol.stepping.adjoint import Adjoint
from phi_sol.stepping.arrays import pack


def cost(frames, kept, parameters):
    """Of the frame's number, too."""
    squares = tf.reduce_sum(kept["velocity.y"] ** 2, (1, 2, 3)) * tf.constant(
        [1.0 + k for k in frames], kept["velocity.y"].dtype
    )
    return tf.reduce_sum(squares) + len(frames) * tf.reduce_sum(next(iter(parameters.values())))


def by_tape(solver, arrays, parameters, frames, variables=()):
    with tf.GradientTape() as tape:
        tape.watch([arrays, parameters])
        now, total = solver.begin(arrays), 0.0
        for step in range(1, frames[-1] + 1):
            now = solver(now, parameters)
            if step in frames:
                kept = {n: a[None] for n, a in solver.keep(now, parameters).items()}
                total += cost([frames.index(step)], kept, parameters)
    return float(total), tape.gradient(total, [arrays, parameters, list(variables)], unconnected_gradients="zero")


def check(solver, state, frames, variables=(), budget=None):
    arrays, parameters, _ = pack(solver.flow, state)
    adjoint = Adjoint(solver, variables, budget)
    value, *found = adjoint(arrays, parameters, frames, cost)
    expected, others = by_tape(solver, arrays, parameters, frames, adjoint.variables)
    assert value == pytest.approx(expected, rel=1e-12)
    for group, other in zip(found, others, strict=True):
        pairs = [(group[n], other[n]) for n in group] if isinstance(group, dict) else zip(group, other, strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-12 * max(1, float(tf.norm(b))))
    return adjoint


@pytest.fixture(scope="module")
def double():
    with precision(64):
        yield


@pytest.mark.slow
def test_a_wake_of_two_simulations_with_and_without_checkpoints(double):
    flow = WakeFlow(y=16, x=8, dt=4.0)
    state = flow.rollout(flow.initial_state(reynolds=[200.0, 400.0], inlet=np.ones(8)), 3, progress=False).last
    check(flow, state, [2, 5, 11])
    adjoint = check(flow, state, [2, 5, 11], budget=1)
    arrays, *_ = pack(flow, state)
    assert adjoint.length(arrays, 11) == 3 and adjoint.length(arrays, 10_000) == 71
    assert Adjoint(flow).length(arrays, 11) == 11


def test_variables_of_terms(double):
    drag = tf.Variable(0.1, dtype=tf.float64)
    box = PeriodicBox(y=8, x=8, dt=0.05, advection="central")
    flow = box.with_terms(FunctionTerm(lambda s, c: {"velocity": -c * s.velocity}, [drag]))
    check(flow, flow.initial_state(seed=1, viscosity=0.02), [4], [drag], budget=1)


@pytest.mark.slow
def test_weights_of_a_corrector(tiny_run, tiny):
    from phi_sol import Corrector

    flow = tiny.pair.source
    corrector = Corrector.load(tiny_run)
    variables = corrector.network.trainable_variables
    solver = HybridSolver(flow, corrector)
    arrays, parameters, _ = pack(flow, flow.initial_state(reynolds=200.0))
    adjoint = Adjoint(solver, variables)
    _, by_array, by_parameter, by_variable = adjoint(arrays, parameters, [3], cost)
    _, (others, of_parameters, of_variables) = by_tape(solver, arrays, parameters, [3], adjoint.variables)
    pairs = [(by_array[n], others[n]) for n in by_array] + list(zip(by_variable, of_variables, strict=True))
    for a, b in pairs:
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-3, atol=1e-5 * max(1e-3, float(tf.norm(b))))
    assert float(by_parameter["reynolds"][0]) == pytest.approx(float(of_parameters["reynolds"][0]), rel=1e-3)


def test_what_is_restricted(double):
    pair = SolverPair(WakeFlow, {"y": 8, "x": 8}, ratio=2, dt=2.0)
    from phi_sol.solvers.finer import FinerSource

    solver = FinerSource(pair, pair.reference)
    check(solver, pair.reference.initial_state(reynolds=300.0), [1, 3])


@pytest.mark.slow
def test_a_chain_whose_steps_differ_in_length(double):
    """The shorter steps are a loop inside of the longer one."""
    parts = {"fast": PeriodicBox(y=8, x=8, dt=0.05), "slow": PeriodicBox(y=8, x=8, dt=0.1)}
    chain = Chain(parts, Link("slow", "fast", lambda slow, fast: {"velocity": 0.1 * slow.velocity}, rates=True))
    states = {n: f.initial_state(seed=i, viscosity=0.05) for i, (n, f) in enumerate(parts.items())}
    arrays, parameters, _ = pack(chain.flow, chain.state(**states))
    total = lambda frames, kept, parameters: tf.reduce_sum(kept["fast_velocity.y"] ** 3)  # noqa: E731
    _, by_array, *_ = Adjoint(chain)(arrays, parameters, [4], total)
    rng = np.random.default_rng(0)
    for name, gradient in (("slow_velocity.x", by_array), ("fast_velocity.y", by_array)):
        way, ends = rng.normal(size=arrays[name].shape), []
        for h in (1e-5, -1e-5):
            now = chain.begin(arrays | {name: arrays[name] + h * way})
            for _ in range(4):
                now = chain(now, parameters)
            ends.append(float(tf.reduce_sum(now["fast_velocity.y"] ** 3)))
        difference = (ends[0] - ends[1]) / 2e-5
        assert float(tf.reduce_sum(gradient[name] * way)) == pytest.approx(difference, rel=1e-5)


def test_a_gradient_that_is_not_finite_names_the_step():
    """The root of zero has no gradient: what makes the velocity zero after the second step ends it there."""
    box = PeriodicBox(y=8, x=8, dt=0.05)

    class Odd(type(box)):
        def physics(self, state, dt):
            velocity = super().physics(state, dt).velocity
            from phi import math

            return state.with_fields(velocity=velocity.with_values(math.sqrt(velocity.values**2) * 0))

    flow = Odd(y=8, x=8, dt=0.05)
    arrays, parameters, _ = pack(flow, flow.initial_state(seed=1, viscosity=0.02))
    linear = lambda frames, kept, parameters: tf.reduce_sum(kept["velocity.y"])  # noqa: E731
    with pytest.raises(DivergedError, match="not finite before step 2 of 2"):
        Adjoint(flow)(arrays, parameters, [2], linear)
