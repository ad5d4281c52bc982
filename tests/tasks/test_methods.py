"""Losses in all forms of the training graph: written out or looped, activations kept or computed again."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from phi_sol import Correction, Corrector, ForcedAdvection, HybridSolver, InputError, Schedule, WakeFlow
from phi_sol.correctors.statistics import Statistics
from phi_sol.solvers.hybrid import check_placement
from phi_sol.stepping.arrays import array_names
from phi_sol.tasks.correction.methods import METHODS, Method
from phi_sol.training.optimization import total

REYNOLDS, NUMBERS = {"reynolds": tf.constant([200.0, 500.0])}, tf.constant([3, 8], tf.int64)


@pytest.fixture(scope="module")
def parts():
    flow = WakeFlow(y=16, x=8)
    ones = {n: 1.0 for n in array_names(flow)}
    corrector = Corrector.create(
        flow, "small", Statistics(ones, ones, {n: 0.01 for n in ones}, {"reynolds": 6.0}, {"reynolds": 1.0})
    )
    rng = np.random.default_rng(0)
    for (
        variable
    ) in corrector.network.trainable_variables:  # the last layer starts at zero, where gradients of the others vanish
        variable.assign(variable + 0.1 * rng.standard_normal(variable.shape))
    shapes = {"velocity.y": (16, 8), "velocity.x": (16, 7), "marker": (16, 8)}
    window = {n: tf.constant(0.2 * rng.random((2, 6, *s)), tf.float32) for n, s in shapes.items()}
    return flow, corrector, window


def loss_and_gradient(parts, name, looped, remat, **options):
    flow, corrector, window = parts
    hybrid, method = HybridSolver(flow, corrector, remat), Method(name, 4, looped=looped, **options)
    variables = corrector.network.trainable_variables

    @tf.function(autograph=False)
    def evaluate():
        with tf.GradientTape() as tape:
            loss = total(method.losses(hybrid, window, REYNOLDS, tf.constant(1.0), numbers=NUMBERS))
        return loss, tape.gradient(loss, variables)

    return evaluate()


FORMS = [
    ("sol", {}),
    pytest.param("sol", dict(truncate=2, push_forward=1, noise=0.1), marks=pytest.mark.slow),
    pytest.param("nog", {}, marks=pytest.mark.slow),
    pytest.param("pure", {}, marks=pytest.mark.slow),
    pytest.param("node", dict(integrator="heun"), marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "options"), FORMS)
def test_all_forms_of_the_graph_compute_the_same(parts, name, options):
    expected, gradients = loss_and_gradient(parts, name, looped=False, remat=False, **options)
    assert all(np.abs(g).max() > 0 for g in gradients)
    for looped, remat in ((True, False), (False, True), (True, True)):
        loss, others = loss_and_gradient(parts, name, looped, remat, **options)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        for a, b in zip(others, gradients, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())


def test_recomputation_keeps_no_activations(parts):
    """
    The largest arrays that the gradient of a loop keeps from step to step: with `remat` states, without it activations.
    """
    flow, corrector, window = parts
    sizes = {}
    for remat in (False, True):
        hybrid, method = HybridSolver(flow, corrector, remat), Method("sol", 4, looped=True)

        @tf.function(autograph=False)
        def gradient(hybrid=hybrid, method=method):
            with tf.GradientTape() as tape:
                loss = total(method.losses(hybrid, window, REYNOLDS, tf.constant(1.0), numbers=NUMBERS))
            return tape.gradient(loss, corrector.network.trainable_variables)

        graph = gradient.get_concrete_function().graph
        loops = [op for op in graph.get_operations() if op.type in ("While", "StatelessWhile")]
        sizes[remat] = max(sum(t.dtype == tf.variant for t in op.outputs) for op in loops)
    assert sizes[True] < sizes[False] / 2


@pytest.mark.parametrize(("unroll", "push_forward"), [(2, 4), (4, 8), (8, 16), (16, 16)])
def test_push_forward_steps_of_a_scene_are_in_proportion(tiny, tiny_train, unroll, push_forward):
    scene = replace(tiny, schedule=Schedule("fastest", unroll=8, push_forward=16))
    assert Correction.create(scene, tiny_train, unroll=unroll).method.push_forward == push_forward
    assert Correction.create(scene, tiny_train, unroll=unroll, push_forward=3).method.push_forward == 3
    assert Correction.create(scene, tiny_train, method="non").method.push_forward == 0


def test_names_and_options_that_do_not_go_together():
    assert [str(Method(n, 8)) for n in METHODS] == ["PRE", "PRE-SR", "NON", "NOG-8", "SOL-8", "PURE-8", "NODE-8"]
    assert str(Method("sol", 4, placement="inside")) == "INC-SOL-4"
    assert str(Method("node", 4, integrator="heun")) == "heun-NODE-4"
    assert Method("node", 4).integrator == "rk4" and Method("node", 4).at(2).placement == "rate"
    assert "integrator" not in Method("sol", 4).to_dict() and Method("node").to_dict()["integrator"] == "rk4"
    assert (
        [Method("sol", 4, push_forward=3).at(n).push_forward for n in (1, 2, 4, 8)] == [0, 1, 3, 3]
        and Method("non", 8).at(4).unroll == 1
        and Method("sol", 8).at(2).unroll == 2
    )
    for name, options, message in (
        ("nog", dict(truncate=2), "NOG cuts the gradient after every step"),
        ("pure", dict(placement="inside"), "PURE has no solver"),
        ("sol", dict(placement="instead"), "is the method pure"),
        ("sol", dict(placement="rate"), "The placement 'rate' of the network is the method node"),
        ("pure", dict(placement="rate"), "PURE has no solver that a correction could enter"),
        ("node", dict(placement="inside"), "NODE has no solver that a correction could enter"),
        ("node", dict(form="stress"), "NODE trains no closure"),
        ("node", dict(integrator="rk5"), "Unknown integrator 'rk5'. Known: heun, rk3, rk4"),
        ("pure", dict(integrator="rk4"), "An integrator is for a neural ODE, the method node, not for pure"),
        ("sol", dict(placement="before"), "Unknown placement 'before'. Known: after, inside, instead, rate"),
        ("sol", dict(placement="inside", project=True), "projected by the step already"),
        (
            "pre",
            dict(noise=0.1, placement="inside"),
            "PRE trains outside of the solver's loop, without noise, placement",
        ),
        ("sol", dict(truncate=0), "steps between cuts must be an integer of at least 1, not 0"),
        ("sol", dict(push_forward=-1), "push-forward steps must be an integer of at least 0, not -1"),
        ("sol", dict(noise=float("nan")), "noise must be finite"),
    ):
        with pytest.raises(InputError, match=message):
            Method(name, 4, **options)


def test_hybrids_that_a_flow_can_not_be_part_of(parts):
    corrector = parts[1]

    class Own(WakeFlow):
        def physics(self, state, dt):
            return state

    inside = Corrector(
        corrector.network, corrector.adapter, corrector.statistics, corrector.description | {"placement": "inside"}
    )
    inside.description["flow"] = Own(y=16, x=8).config()
    with pytest.raises(InputError, match="Own.physics has no argument 'correction'"):
        HybridSolver(Own(y=16, x=8), inside)
    with pytest.raises(InputError, match="ForcedAdvection has no pressure projection"):
        check_placement("after", True, ForcedAdvection(y=8, x=8))
