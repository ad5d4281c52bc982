"""Projection, advection, corrections and whole flows at all kinds of boundaries, against PhiFlow."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf
from boundaries import (
    COMBINATIONS,
    EVERYWHERE_FREE_SLIP,
    OWN_CLASS,
    SIZE,
    SPECIAL,
    Channel,
    Inlet,
    mixed,
    profile,
)
from phi import math
from phi.field import CenteredGrid, StaggeredGrid, divergence
from phi.geom import Box, Sphere
from phi.math import Solve, batch, spatial
from phi.math.extrapolation import PERIODIC, ZERO_GRADIENT, combine_by_direction, combine_sides
from phi.physics import advect, fluid
from phi.tf import TENSORFLOW

from phi_sol import InputError, SolverPair, make_incompressible
from phi_sol.flows.advection import mac_cormack, semi_lagrangian
from phi_sol.grids.layout import Layout
from phi_sol.stepping.arrays import pack
from phi_sol.tasks.correction.least_squares import LeastSquares

ALL = {f"{y}, {x}": mixed(y, x) for y, x in COMBINATIONS} | SPECIAL
SOLVE = Solve("CG", 1e-11, 1e-11, max_iterations=3000)
BALL = Sphere(y=3.0, x=2.5, radius=1.0)


def velocity_of(boundary, count: int = 2, speed: float = 0.5):
    rng = np.random.default_rng(0)
    layout = Layout("velocity", StaggeredGrid(0.0, boundary, Box(**SIZE), spatial(y=12, x=10)))
    arrays = {f"velocity.{c}": rng.uniform(-speed, speed, (count, *layout.shape(c))) for c in "yx"}
    return layout.to_field(arrays, batch(batch=count))


def arrays_of(field):
    with math.precision(64):
        layout = Layout("f", field)
        return [np.asarray(a) for a in layout.to_arrays(field, field.values.shape.batch).values()]


def close(a, b, atol):
    for x, y in zip(arrays_of(a), arrays_of(b), strict=True):
        np.testing.assert_allclose(x, y, atol=atol)


@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("name", SPECIAL)
def test_make_incompressible_is_that_of_phiflow(name, blocked):
    with math.NUMPY, math.precision(64):
        velocity, obstacles = velocity_of(SPECIAL[name]), [BALL] * blocked
        result, _ = make_incompressible(velocity, obstacles)
        close(result, fluid.make_incompressible(velocity, obstacles, SOLVE)[0], 1e-8)


@pytest.mark.parametrize("name", ALL)
def test_make_incompressible_leaves_no_divergence(name):
    with math.NUMPY, math.precision(64):
        velocity = velocity_of(ALL[name])
        layout = Layout("velocity", velocity)
        div = divergence(make_incompressible(velocity)[0]).values.numpy("batch,y,x")
    if not any("open" in sides for sides in layout.sides.values()):
        div = div - div.mean((1, 2), keepdims=True)
    assert np.abs(div).max() < 1e-12


@pytest.mark.parametrize("reach", [0, 1, 3])
@pytest.mark.parametrize("name", SPECIAL)
def test_semi_lagrangian_is_that_of_phiflow(name, reach):
    with math.NUMPY, math.precision(64):
        velocity = velocity_of(SPECIAL[name])
        for dt in (0.8, 9.0):
            close(semi_lagrangian(velocity, velocity, dt, reach), advect.semi_lagrangian(velocity, velocity, dt), 1e-12)


@pytest.mark.parametrize("scheme", ["semi_lagrangian", "mac_cormack"])
def test_markers_with_profiles(scheme):
    """Also all around, where PhiFlow samples the profile itself; its MacCormack step can't have profiles at all."""
    with math.NUMPY, math.precision(64):
        velocity = velocity_of(SPECIAL["own constant"], speed=0.3)
        inflow = CenteredGrid(lambda x: math.sin(x.vector["x"]), ZERO_GRADIENT, Box(**SIZE), spatial(y=12, x=10))
        one_side = combine_sides({"y-": inflow.as_boundary(), "y+": ZERO_GRADIENT, "x-": 0.2, "x+": Inlet(0.4)})
        for boundary in (one_side, inflow.as_boundary()):
            marker = inflow.with_boundary(boundary)
            ours = {"semi_lagrangian": semi_lagrangian, "mac_cormack": mac_cormack}[scheme](marker, velocity, 0.5)
            if scheme == "semi_lagrangian":
                close(ours, advect.semi_lagrangian(marker, velocity, 0.5), 1e-12)
            assert np.abs(arrays_of(ours)[0]).max() <= 1.0


def test_classes_of_the_users_own():
    """Advection is that of PhiFlow; PhiFlow has no projection for such a class (a RecursionError), phi_sol does."""
    with math.NUMPY, math.precision(64):
        velocity = velocity_of(OWN_CLASS)
        close(semi_lagrangian(velocity, velocity, 0.8), advect.semi_lagrangian(velocity, velocity, 0.8), 1e-12)
        same = combine_sides({"y-": 0.5, "y+": ZERO_GRADIENT, "x-": 0.0, "x+": 0.25})
        close(make_incompressible(velocity)[0], make_incompressible(velocity_of(same))[0], 1e-12)


@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("what", ["make_incompressible", "semi_lagrangian", "mac_cormack"])
def test_traced_constants(what, xla):
    function = {
        "make_incompressible": lambda v: make_incompressible(v)[0],
        "semi_lagrangian": lambda v: semi_lagrangian(v, v, 0.8),
        "mac_cormack": lambda v: mac_cormack(v, v, 0.8),
    }[what]

    def boundary(speed):
        inlet = combine_by_direction(speed, 0.0)
        return combine_sides({"y-": inlet, "y+": ZERO_GRADIENT, "x-": 0.0, "x+": combine_by_direction(0.0, speed)})

    with math.NUMPY, math.precision(64):
        velocity = velocity_of(boundary(0.7))
        expected = arrays_of(function(velocity))

    @tf.function(autograph=False, jit_compile=xla)
    def traced(speed, *values):
        with TENSORFLOW, math.precision(64):
            grid = StaggeredGrid(0.0, boundary(math.tensor(speed)), Box(**SIZE), spatial(y=12, x=10))
            layout = Layout("f", grid)
            result = function(layout.to_field(dict(zip(layout.arrays, values, strict=True)), batch(batch=2)))
            return list(layout.to_arrays(result, batch(batch=2)).values())

    results = traced(tf.constant(0.7, tf.float64), *map(tf.constant, arrays_of(velocity)))
    for a, b in zip(results, expected, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("name", [*SPECIAL, "own class", "free slip everywhere", "tensors"])
def test_flows_of_any_boundary_step_alike_in_both_backends(name):
    boundary = SPECIAL | {"own class": OWN_CLASS, "free slip everywhere": EVERYWHERE_FREE_SLIP}
    boundary |= {
        "tensors": lambda: combine_sides({"y-": math.wrap(tf.constant(0.5)), "y+": ZERO_GRADIENT, "x": PERIODIC})
    }
    flow = Channel(boundary[name], y=12, x=10, dt=0.5)
    with math.NUMPY:
        state = flow.initial_state()
        arrays, parameters, _ = pack(flow, state)
        for _ in range(2):
            state = flow.step(state)
    for _ in range(2):
        arrays = flow(arrays, parameters)
    for a, b in zip(arrays.values(), arrays_of(state.velocity), strict=True):
        assert np.isfinite(b).all() and np.abs(b).max() > 0.01
        np.testing.assert_allclose(a, b.reshape(a.shape), atol=1e-5)


@pytest.mark.parametrize("name", ALL)
def test_corrections_have_no_divergence(name):
    """By PhiFlow's own operator, for open, closed and periodic sides in all combinations, and profiles."""
    pair = SolverPair(Channel, dict(y=6, x=5), ratio=2, boundary=ALL[name])
    rng, coarse, fine = np.random.default_rng(0), pair.source.layouts["velocity"], pair.reference.layouts["velocity"]
    s, r = ([rng.standard_normal((2, *x.shape(c))) for c in "yx"] for x in (coarse, fine))
    c = LeastSquares(pair, "velocity")(s, r)
    with math.NUMPY, math.precision(64):
        before, after = (
            divergence(coarse.to_field(dict(zip(coarse.arrays, a, strict=True)), batch(batch=2))).values.numpy(
                "batch,y,x"
            )
            for a in (s, [a + b for a, b in zip(s, c, strict=True)])
        )
    np.testing.assert_allclose(after, before, atol=1e-9)
    assert max(np.abs(x).max() for x in c) > 0.1


def test_a_projection_keeps_no_fields_alive():
    with math.NUMPY:
        velocity = velocity_of(combine_sides({"y-": profile(), "y+": ZERO_GRADIENT, "x-": 0.0, "x+": 0.123}))
        make_incompressible(velocity, BALL)
    kept = [weakref.ref(x) for x in (velocity, velocity.geometry, velocity.boundary)]
    del velocity
    gc.collect()
    assert [x() for x in kept] == [None] * 3


def test_what_no_one_can_do_is_said_in_one_line():
    with math.NUMPY:
        mirrored = velocity_of(combine_sides({"y": "symmetric", "x": ZERO_GRADIENT}))
        for function in (make_incompressible, lambda v: semi_lagrangian(v, v, 0.5)):
            with pytest.raises(InputError, match="not 'symmetric'") as caught:
                function(mirrored)
            assert "\n" not in str(caught.value)
