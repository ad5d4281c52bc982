"""States: copies, slices, and those that do not belong to a flow."""

import copy
import pickle
import time

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.field import CenteredGrid, StaggeredGrid
from phi.geom import Box
from phi.math import batch, spatial
from phi.math.extrapolation import PERIODIC, ZERO, ZERO_GRADIENT, combine_by_direction, combine_sides

from phi_sol import InputError, Rollout, SolverPair, State, WakeFlow, metrics
from phi_sol.stepping.arrays import check_state


@pytest.fixture(scope="module")
def flow():
    return WakeFlow(y=16, x=8)


@pytest.fixture(scope="module")
def state(flow):
    with math.NUMPY:
        return flow.step(flow.initial_state([100.0, 400.0, 900.0]))


def faces(field):
    return field.staggered_tensor().numpy([*field.values.shape.batch.names, "y", "x", "vector"])


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_copies(flow, state, way):
    with math.NUMPY:
        again = way(state)
        np.testing.assert_array_equal(faces(again.velocity), faces(state.velocity))
        assert again.reynolds.numpy("batch").tolist() == [100, 400, 900] and again.batch_shape == state.batch_shape
        flow.step(again)


def test_slices_are_the_unsliced_values(flow, state):
    whole, marker = faces(state.velocity), state.marker.values.numpy("batch,y,x")
    centres = state.velocity.at(state.marker.geometry).values.numpy("batch,y,x,vector")
    for one in (state.batch[1], state[{"batch": 1}], state[{batch("batch").name: 1}]):
        np.testing.assert_array_equal(faces(one.velocity), whole[1])
        np.testing.assert_array_equal(one.marker.values.numpy("y,x"), marker[1])
        np.testing.assert_array_equal(one.velocity.at(one.marker.geometry).values.numpy("y,x,vector"), centres[1])
        assert float(one.reynolds) == 400 and not one.batch_shape
        assert one.velocity.boundary is state.velocity.boundary
    some = state.batch[1:]
    np.testing.assert_array_equal(faces(some.velocity), whole[1:])
    assert some.reynolds.numpy("batch").tolist() == [400, 900]
    with math.NUMPY:
        np.testing.assert_allclose(faces(flow.step(some).velocity), faces(flow.step(state).velocity)[1:], atol=1e-6)


def test_what_is_no_dimension_is_said(flow, state):
    with pytest.raises(InputError, match=r"A state is taken apart by a batch dimension, as state.batch\[1\], not by 1"):
        state[1]
    with pytest.raises(InputError, match=r"no 'velocity.y': metrics take phi_sol.metrics.arrays_of\(flow, state\)"):
        metrics.kinetic_energy(flow, state)
    frames = flow.rollout(flow.initial_state(reynolds=100.0), 1)
    with pytest.raises(InputError, match="takes a State .*, not Rollout: of a rollout give .* rollout.last"):
        flow.step(frames)


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_simulations_of_a_rollout(flow, backend):
    several = flow.rollout(flow.initial_state(reynolds=math.wrap([[90.0, 200.0, 300.0]], math.batch("a,b"))), 2)
    if backend == "tensorflow":
        groups = [{n: tf.constant(v) for n, v in g.items()} for g in (several.arrays, several.parameters)]
        several = Rollout(flow, *groups, several.times, batch=several.batch_shape)
    one, two = several.a[0].b[1], several.b[1:]
    assert one.batch_shape == math.EMPTY_SHAPE and two.batch_shape == math.batch(a=1, b=2) and len(two) == 2
    for part, whole in ((one.last, several.last.a[0].b[1]), (two[0], several[0].b[1:])):
        math.assert_close(part.velocity.values, whole.velocity.values)
        math.assert_close(part.reynolds, whole.reynolds)
    with pytest.raises(AttributeError, match="no 'batch'"):
        _ = several.batch


def test_slices_of_a_batch_of_boundaries():
    walls = combine_by_direction(math.wrap([0.0, 1.0], batch("batch")), ZERO_GRADIENT)
    boundary = combine_sides({"y-": ZERO, "y+": ZERO_GRADIENT, "x-": walls, "x+": walls})
    with math.NUMPY:
        field = StaggeredGrid(math.wrap([1.0, 2.0], batch("batch")), boundary, Box(y=4.0, x=3.0), spatial(y=4, x=3))
        one = State({"velocity": field}).batch[1]
    np.testing.assert_array_equal(faces(one.velocity), field.staggered_tensor().numpy("batch,y,x,vector")[1])


def test_unknown_attributes(state):
    with pytest.raises(AttributeError, match="no 'nonsense'. It has velocity, marker, reynolds"):
        _ = state.nonsense
    assert not hasattr(object.__new__(State), "anything")


def wrong_states(flow):
    good = flow.initial_state(100.0)
    box, shape = Box(y=200.0, x=100.0), spatial(y=16, x=8)
    boundary = flow.boundaries["velocity"]

    def velocity(boundary=boundary, box=box, shape=shape):
        return good.with_fields(velocity=StaggeredGrid(1.0, boundary, box, shape))

    return {
        "box is y=\\(0, 16\\), x=\\(0, 8\\), not y=\\(0, 200\\), x=\\(0, 100\\)": velocity(box=None),
        "box is y=\\(-5, 195\\)": velocity(box=Box(y=(-5.0, 195.0), x=100.0)),
        "boundary at y- \\(component y\\) is 0, not 1": velocity(ZERO),
        "boundary at x- \\(component y\\) is zero-gradient, not 1": velocity(
            combine_sides({"y": (combine_by_direction(1.0, 0.0), ZERO_GRADIENT), "x": ZERO_GRADIENT})
        ),
        "boundary at y- \\(component y\\) is periodic, not 1": velocity(
            combine_sides({"y": PERIODIC, "x": combine_by_direction(0.0, 1.0)})
        ),
        "resolution y=32, x=16, not staggered, of resolution y=16, x=8": velocity(shape=spatial(y=32, x=16)),
        "it is centred": good.with_fields(velocity=CenteredGrid(1.0, ZERO_GRADIENT, box, shape)),
        "needs 'marker' but the state has velocity, reynolds": State({"velocity": good.velocity}, good.parameters),
        "needs 'reynolds'": State(good.fields),
        "not Field": good.velocity,
    }


@pytest.mark.parametrize(
    "fields, parameters", [({"marker": 1.0}, {}), ({}, {"reynolds": 100.0}), ([], {}), ({1: 2}, {})]
)
def test_what_is_no_state(fields, parameters):
    with pytest.raises(InputError, match="s of a state are "):
        State(fields, parameters)


@pytest.mark.parametrize("backend", ["numpy", "tensorflow"])
def test_states_that_do_not_belong_are_refused_alike_everywhere(flow, backend):
    from phi.tf import TENSORFLOW

    pair = SolverPair(WakeFlow, dict(y=16, x=8), ratio=2)
    upper = SolverPair(WakeFlow, dict(y=8, x=4), ratio=2)
    assert upper.reference.resolution == flow.resolution
    with math.NUMPY if backend == "numpy" else TENSORFLOW:
        for message, wrong in wrong_states(flow).items():
            for use in (
                flow.step,
                lambda s: flow.rollout(s, 2),
                pair.prolong,
                upper.restrict,
                lambda s: metrics.arrays_of(flow, s),
            ):
                with pytest.raises(InputError, match=message) as caught:
                    use(wrong)
                assert "\n" not in str(caught.value)
            if "boundary" in message:
                assert "field.with_boundary(flow.boundaries['velocity'])" in str(caught.value)
            if "box" in message:
                assert "flow.field('velocity', values)" in str(caught.value)


def test_equal_boundaries_in_other_words_belong(flow, state):
    inlet, wall = combine_by_direction(1.0, 0.0), combine_by_direction(0.0, 1.0)
    as_vectors = combine_sides(
        {"y-": math.vec(y=1.0, x=0.0), "y+": ZERO_GRADIENT, "x-": math.vec(y=1.0, x=0.0), "x+": math.vec(y=1.0, x=0.0)}
    )
    for boundary in (combine_sides({"y": (inlet, ZERO_GRADIENT), "x": wall}), as_vectors):
        with math.NUMPY:
            field = StaggeredGrid(1.0, boundary, Box(y=200.0, x=100.0), spatial(y=16, x=8))
            check_state(flow, state.with_fields(velocity=field))


def test_values_that_are_being_traced_are_not_looked_at(flow, state):
    @tf.function(autograph=False)
    def speed(u):
        inlet = combine_by_direction(math.wrap(u), 0.0)
        wall = combine_by_direction(0.0, 1.0)
        boundary = combine_sides({"y-": inlet, "y+": ZERO_GRADIENT, "x-": wall, "x+": wall})
        with math.NUMPY:
            field = StaggeredGrid(1.0, boundary, Box(y=200.0, x=100.0), spatial(y=16, x=8))
        check_state(flow, state.with_fields(velocity=field))
        return u

    speed(tf.constant(3.0))


def test_a_step_keeps_box_and_boundaries_so_that_checks_cost_nothing(state):
    flow = WakeFlow(y=64, x=32)
    with math.NUMPY:
        one = flow.step(flow.initial_state(100.0))
    for name, field in one.fields.items():
        assert field.boundary is flow.templates[name].boundary and field.geometry is flow.templates[name].geometry
    start = time.perf_counter()
    for _ in range(1000):
        check_state(flow, one)
    assert time.perf_counter() - start < 0.1  # of a millisecond each


def test_compiled_steps_build_no_fields_anew(flow, state, monkeypatch):
    """PhiFlow's constructor makes the geometry of all faces again, which takes far longer than the step."""
    from phi.field import Field
    from phi.tf import TENSORFLOW

    with TENSORFLOW:
        start = flow.step(state)
        expected = flow.step(start)
        monkeypatch.setattr(Field, "__post_init__", lambda self: pytest.fail("a field is checked"))
        again = flow.step(start)
    monkeypatch.undo()
    assert again.velocity.shape == expected.velocity.shape and again.batch_shape == state.batch_shape
    np.testing.assert_array_equal(faces(again.velocity), faces(expected.velocity))
    np.testing.assert_allclose(faces(again.velocity), faces(flow.step(flow.step(state)).velocity), atol=1e-5)
