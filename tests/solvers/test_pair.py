"""Restriction and the two flows of a pair."""

import numpy as np
import pytest
from phi import math
from phi.field import divergence
from phi.math import batch, dual, spatial

from phi_sol import InputError, Rollout, SolverPair, WakeFlow, metrics


@pytest.fixture(scope="module")
def pair():
    return SolverPair(WakeFlow, dict(y=32, x=16), ratio=4)


@pytest.fixture(scope="module")
def reference_state(pair):
    with math.NUMPY, math.precision(64):
        state = pair.reference.initial_state([100.0, 800.0])
        for _ in range(3):
            state = pair.reference.physics(state, math.wrap(1.0))
        return state


def face_values(state, dim):
    with math.precision(64):
        return state.velocity.values[{"~vector": dim}].numpy("batch,y,x")


def test_restricted_values_are_means_of_the_tiles(pair, reference_state):
    with math.NUMPY, math.precision(64):
        coarse = pair.restrict(reference_state)
        fine_y, fine_x = face_values(reference_state, "y"), face_values(reference_state, "x")
        # fine y-faces are stored from y = dy on, x-faces from x = dx on: coarse face j is fine face 4 j - 1
        expected_y = np.mean([fine_y[:, 3::4, k::4] for k in range(4)], axis=0)
        expected_x = np.mean([fine_x[:, k::4, 3::4] for k in range(4)], axis=0)
        np.testing.assert_allclose(face_values(coarse, "y"), expected_y, atol=1e-14)
        np.testing.assert_allclose(face_values(coarse, "x"), expected_x, atol=1e-14)
        marker = reference_state.marker.values.numpy("batch,y,x").reshape(2, 32, 4, 16, 4).mean((2, 4))
        np.testing.assert_allclose(coarse.marker.values.numpy("batch,y,x"), marker, atol=1e-14)


def test_rollouts_are_restricted_as_their_states(pair, reference_state):
    with math.NUMPY:
        start = reference_state.with_fields(velocity=0.5 * reference_state.velocity)
        arrays = [metrics.arrays_of(pair.reference, s) for s in (reference_state, start)]
    reynolds = reference_state.reynolds.numpy("batch")
    both = {n: np.stack([a[n] for a in arrays]) for n in arrays[0]}
    fine = Rollout(
        pair.reference, both, {"reynolds": reynolds}, np.array([0.5, 1.0]), batch=reference_state.batch_shape
    )
    coarse = pair.restrict(fine)
    assert coarse.flow is pair.source and list(coarse.times) == [0.5, 1.0] and len(coarse) == 2
    for frame, state in zip(coarse, fine, strict=True):
        math.assert_close(frame.velocity.values, pair.restrict(state).velocity.values)
        math.assert_close(frame.reynolds, state.reynolds)


def test_restriction_of_a_divergence_free_field_is_divergence_free(pair, reference_state):
    with math.NUMPY, math.precision(64):
        fine = divergence(reference_state.velocity).values.numpy("batch,y,x")
        coarse = divergence(pair.restrict(reference_state).velocity).values.numpy("batch,y,x")
        assert np.abs(fine).max() < 1e-12 and np.abs(coarse).max() < 1e-12
        # and in general the coarse divergence is the mean of the fine one
        rng = np.random.default_rng(0)
        noise = [
            math.wrap(rng.standard_normal(face_values(reference_state, d).shape), batch("batch"), spatial("y,x"))
            for d in "yx"
        ]
        rough = reference_state.velocity.with_values(
            reference_state.velocity.values + math.stack(noise, dual(vector="y,x"))
        )
        state = reference_state.with_fields(velocity=rough)
        fine = divergence(rough).values.numpy("batch,y,x").reshape(2, 32, 4, 16, 4).mean((2, 4))
        np.testing.assert_allclose(
            divergence(pair.restrict(state).velocity).values.numpy("batch,y,x"), fine, atol=1e-12
        )


def test_source_and_reference_share_the_physics():
    pair = SolverPair(WakeFlow, dict(y=64, x=32), ratio=4)
    source, reference = pair.source, pair.reference
    assert source.dt == reference.dt and source.size == reference.size
    re = math.wrap([97.65625, 3125.0], batch("batch"))
    np.testing.assert_array_equal(source.viscosity(re).numpy("batch"), reference.viscosity(re).numpy("batch"))
    np.testing.assert_allclose(source.viscosity(re).numpy("batch"), [10 / 97.65625, 10 / 3125], rtol=1e-6)  # U L / Re
    assert source.obstacles == reference.obstacles
    assert source.boundaries["velocity"] == reference.boundaries["velocity"]
    for flow in (source, reference):
        cell = np.prod(list(flow.spacing.values()))
        area = (~flow.projection.fluid).sum() * cell
        assert area == pytest.approx(np.pi * 10**2, rel=0.15)
    # the inflow of marker is 5 x 50 domain units at rate 1 on both grids, cell by cell
    fine = reference.inflow.values.numpy("y,x").reshape(64, 4, 32, 4).mean((1, 3))
    np.testing.assert_allclose(source.inflow.values.numpy("y,x"), fine, atol=1e-6)
    assert fine.sum() * np.prod(list(source.spacing.values())) == pytest.approx(5 * 50)


def test_prolongation_of_a_linear_profile_is_exact(pair):
    with math.NUMPY, math.precision(64):
        state = pair.source.initial_state(100.0, poke=0.0)
        state = state.with_fields(marker=pair.source.field("marker", lambda x: x.vector["y"]))
        fine = pair.prolong(state)
        assert fine.marker.resolution.untyped_dict == pair.reference.resolution
        expected = pair.reference.templates["marker"].points.vector["y"].numpy("y,x")
        inner = slice(4, -4)
        np.testing.assert_allclose(fine.marker.values.numpy("y,x")[inner], expected[inner], atol=1e-9)


def test_pair_by_its_reference(pair):
    assert SolverPair(WakeFlow, reference=dict(y=128, x=64)).config == pair.config


def test_bad_input(pair):
    with pytest.raises(InputError, match="integer of at least 1"):
        SolverPair(WakeFlow, dict(y=32, x=16), ratio=0)
    for reference, message in (
        (dict(y=250, x=128), "y=250 is not divisible by the pair's ratio 4: use 248 or 252"),
        (dict(y=256, x=2), "use 4, or"),
    ):
        with pytest.raises(InputError, match=message):
            SolverPair(WakeFlow, reference=reference)
    with pytest.raises(InputError, match="must be an integer"):
        SolverPair(WakeFlow, reference=dict(y=256.5, x=128))
    for both in (dict(), dict(source=dict(y=64, x=32), reference=dict(y=256, x=128))):
        with pytest.raises(InputError, match="one of the two"):
            SolverPair(WakeFlow, **both)
    with pytest.raises(InputError, match="does not belong to WakeFlow"), math.NUMPY:
        pair.restrict(pair.source.initial_state(100.0))
