"""Terms in the equations of a flow, and closures."""

import numpy as np
import pytest
import tensorflow as tf
from phi import math

from phi_sol import (
    BuoyantPlume,
    DynamicSmagorinsky,
    Flow,
    ForcedAdvection,
    FunctionTerm,
    PeriodicBox,
    Smagorinsky,
    WakeFlow,
)
from phi_sol.errors import InputError
from phi_sol.flows.closures import filter_width
from phi_sol.grids.strain import in_cells, strain_rate, strain_size
from phi_sol.stepping.arrays import native_arrays, pack


def values(rollout, name="velocity.x"):
    return rollout.arrays[name]


def drag(state):
    return {"velocity": -0.5 * state.velocity}


@pytest.mark.parametrize("advection", ["central", "semi_lagrangian"])
def test_a_drag_term_is_the_drag_of_the_box(advection):
    options = dict(y=16, x=16, dt=0.05, advection=advection, peak=2.0)
    own, built_in = PeriodicBox(**options).with_terms(drag), PeriodicBox(**options, drag=0.5)
    state = own.initial_state(seed=[1, 2], viscosity=0.01)
    a, b = (values(f.rollout(state, 10, 10)) for f in (own, built_in))
    np.testing.assert_allclose(a, b, atol=1e-5)
    assert np.abs(values(PeriodicBox(**options).rollout(state, 10, 10)) - b).max() > 0.05


def test_terms_enter_every_flow_that_takes_a_correction():
    push = lambda state: {"marker": math.zeros_like(state.marker.values) + 0.25}  # noqa: E731
    for flow, parameters in (
        (WakeFlow(y=16, x=8, obstacles=()), {"reynolds": 300.0}),
        (WakeFlow(y=16, x=8, obstacles=(), dt=0.5, advection="central"), {"reynolds": 300.0}),
        (BuoyantPlume(y=16, x=8), {"seed": 1}),
    ):
        state = flow.initial_state(**parameters)
        plain, pushed = (f.step(state).marker.values.numpy("y,x") for f in (flow, flow.with_terms(push)))
        np.testing.assert_allclose(pushed - plain, 0.25 * flow.dt, atol=1e-5)


def test_terms_add_up_and_belong_to_the_new_flow_only():
    flow = PeriodicBox(y=16, x=16, dt=0.05, peak=2.0)
    both, double = flow.with_terms(drag).with_terms(drag), PeriodicBox(y=16, x=16, dt=0.05, peak=2.0, drag=1.0)
    state = flow.initial_state(seed=3)
    np.testing.assert_allclose(values(both.rollout(state, 5, 5)), values(double.rollout(state, 5, 5)), atol=1e-5)
    assert flow.terms == () and len(both.terms) == 2
    assert "terms" in both.config()["definition"]["attributes"]
    assert "terms" not in flow.config()["definition"]["attributes"]


def test_gradients_reach_the_weights_of_terms():
    weight = tf.Variable(0.1, dtype=tf.float64)
    law = FunctionTerm(lambda state, c: {"velocity": -c * state.velocity}, [weight])
    for advection in ("central", "semi_lagrangian"):
        flow = PeriodicBox(y=8, x=8, dt=0.1, peak=2.0, advection=advection, integrator="heun").with_terms(law)
        with math.precision(64):
            arrays, parameters, _ = pack(flow, flow.initial_state(seed=1, viscosity=0.01))

        def loss(flow=flow, arrays=arrays, parameters=parameters):
            for _ in range(3):
                arrays = flow(arrays, parameters)
            return sum(tf.reduce_sum(a**2) for a in arrays.values())

        with tf.GradientTape() as tape:
            value = loss()
        found, ends = float(tape.gradient(value, weight)), []
        for c in (0.1 + 1e-4, 0.1 - 1e-4):
            weight.assign(c)
            ends.append(float(loss()))
        weight.assign(0.1)
        assert found == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-6)


@pytest.mark.parametrize("closure", [Smagorinsky(), DynamicSmagorinsky()], ids=["Smagorinsky", "dynamic"])
@pytest.mark.parametrize("resolution", [{"y": 16, "x": 16}, {"y": 12, "x": 12, "z": 12}], ids=["2D", "3D"])
def test_closures_keep_momentum_and_take_energy(closure, resolution):
    flow = PeriodicBox(**resolution, peak=3.0, dt=0.02)
    with math.precision(64):
        state = flow.initial_state(seed=2, viscosity=1e-6)
        state = flow.rollout(state, 20, 20).last
        layout = flow.layouts["velocity"]
        arrays = {n: np.asarray(a, np.float64) for n, a in native_arrays(flow, state, state.batch_shape).items()}
        forces = closure.forces(layout, arrays)
        for force in forces.values():
            assert abs(float(np.sum(force))) < 1e-10
        work = sum(float(np.sum(arrays[n] * f)) for n, f in forces.items())
        viscosity = closure.viscosity(layout, arrays, strain_rate(layout, arrays))
    assert np.min(viscosity) >= 0
    # what the energy loses is what the stress does: Σ ν_t |S|², up to where the two are evaluated
    size = strain_size(layout, strain_rate(layout, arrays))
    assert work == pytest.approx(-float(np.sum(viscosity * size**2)), rel=0.3, abs=1e-12)


def test_smagorinsky_by_its_formula():
    flow = PeriodicBox(y=16, x=16, initial="taylor_green")
    with math.precision(64):
        state = flow.initial_state(viscosity=0.1)
    layout = flow.layouts["velocity"]
    arrays = {n: np.asarray(a, np.float64) for n, a in native_arrays(flow, state, state.batch_shape).items()}
    strain = strain_rate(layout, arrays)
    viscosity = Smagorinsky(0.2).viscosity(layout, arrays, strain)
    assert filter_width(layout) == pytest.approx(2 * np.pi / 16)
    centre = (np.arange(16) + 0.5) * 2 * np.pi / 16
    exact = (0.2 * 2 * np.pi / 16) ** 2 * 2 * np.abs(np.outer(np.cos(centre), np.cos(centre)))
    np.testing.assert_allclose(viscosity[0], exact, atol=0.02 * exact.max())


@pytest.mark.slow
def test_the_dynamic_constant_of_turbulence_in_3d_is_the_usual_one():
    """C near 0.17 in isotropic turbulence (Lilly's value), and zero where the flow is laminar."""
    flow = PeriodicBox(y=32, x=32, z=32, dt=0.03, peak=3.0).with_terms(DynamicSmagorinsky())
    state = flow.rollout(flow.initial_state(seed=1, viscosity=1e-3), 60, 60).last
    layout = flow.layouts["velocity"]
    arrays = {n: np.asarray(a, np.float64) for n, a in native_arrays(flow, state, state.batch_shape).items()}
    strain = strain_rate(layout, arrays)
    viscosity = DynamicSmagorinsky().viscosity(layout, arrays, strain)
    constant = (float(np.mean(viscosity / strain_size(layout, strain))) / filter_width(layout) ** 2) ** 0.5
    assert 0.12 < constant < 0.22
    laminar = PeriodicBox(y=32, x=32, z=32, peak=1.0, spread=0.1)
    calm = laminar.initial_state(seed=1)
    arrays = {n: np.asarray(a, np.float64) for n, a in native_arrays(laminar, calm, calm.batch_shape).items()}
    strain = strain_rate(layout, arrays)
    assert np.max(DynamicSmagorinsky().viscosity(layout, arrays, strain)) < 0.1 * np.max(
        Smagorinsky(0.17).viscosity(layout, arrays, strain)
    )
    assert set(in_cells(layout, strain)) == set(strain)


class Closed(Flow):
    """A flow into whose step nothing can enter."""

    fields, staggered, parameters, size = ("velocity",), ("velocity",), ("viscosity",), {"y": 1.0, "x": 1.0}
    boundaries = PeriodicBox.boundaries

    def initial_state(self, viscosity):
        raise NotImplementedError

    def physics(self, state, dt):
        return state


@pytest.mark.parametrize(
    "flow, terms, message",
    [
        (PeriodicBox(y=8, x=8), (), "Which terms"),
        (PeriodicBox(y=8, x=8), (3,), "a Term or a function"),
        (Closed(y=8, x=8), (drag,), "no argument 'correction'"),
    ],
)
def test_what_is_no_term_is_refused(flow, terms, message):
    with pytest.raises(InputError, match=message):
        flow.with_terms(*terms)


@pytest.mark.parametrize(
    "law, message",
    [
        (lambda state: state.velocity, "dictionary of rates by field"),
        (lambda state: {"marker": state.velocity}, "gives a rate of 'marker', but .* has velocity"),
        (lambda state: {"velocity": 1.0}, "gives a rate of velocity of shape float"),
        (lambda state: {"velocity": state.velocity * 1j}, "gives a rate of velocity of complex numbers"),
        (
            lambda state: {"velocity": PeriodicBox(y=4, x=8).initial_state().velocity},
            "gives a rate of velocity of shape",
        ),
    ],
)
def test_rates_that_do_not_fit_are_refused(law, message):
    flow = PeriodicBox(y=8, x=8).with_terms(law)
    with pytest.raises(InputError, match=message):
        flow.step(flow.initial_state())


def test_the_forcing_of_a_prescribed_field_is_refused():
    flow = ForcedAdvection(y=8, x=8).with_terms(lambda state: {"time": state.time})
    with pytest.raises(InputError, match="gives a rate of 'time'"):
        flow.step(flow.initial_state(seed=0))


@pytest.mark.parametrize("make", [lambda: Smagorinsky(-1.0), lambda: Smagorinsky("a"), lambda: DynamicSmagorinsky(-1)])
def test_constants_that_are_not_possible(make):
    with pytest.raises(InputError, match="at least 0|factor >= 0"):
        make()
