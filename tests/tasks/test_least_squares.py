"""Precomputed corrections against dense algebra and PhiFlow's operators."""

import numpy as np
import pytest
from phi import math
from phi.field import divergence
from phi.math import batch
from scipy.linalg import null_space

from phi_sol import BuoyantPlume, ForcedAdvection, SolverPair, WakeFlow
from phi_sol.stepping.arrays import field_arrays, pack, unpack_fields
from phi_sol.tasks.correction.least_squares import LeastSquares, divergence_matrix

PAIRS = {
    "wake": (WakeFlow, dict(y=16, x=8)),
    "closed plume": (BuoyantPlume, dict(y=8, x=4)),
    "periodic": (ForcedAdvection, dict(y=6, x=4)),
}


def shapes(flow, field):
    with math.NUMPY:
        arrays, _, _ = pack(
            flow, flow.initial_state(**dict.fromkeys(flow.parameters, 200 if "reynolds" in flow.parameters else 1))
        )
    return [arrays[n].shape[1:] for n in field_arrays(flow, field)]


def random_fields(flow, field, rng, batch=2):
    return [rng.standard_normal((batch, *s)) for s in shapes(flow, field)]


def flat(arrays):
    return np.concatenate([a.reshape(len(a), -1) for a in arrays], 1)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_solution_equals_a_dense_solution_in_the_null_space(name, beta):
    """Minimised over an orthonormal basis of all corrections without divergence, with dense matrices."""
    flow, resolution = PAIRS[name]
    pair = SolverPair(flow, resolution, ratio=2)
    fit = LeastSquares(pair, "velocity", beta)
    rng = np.random.default_rng(0)
    s, c = (random_fields(pair.source, "velocity", rng) for _ in range(2))
    r = random_fields(pair.reference, "velocity", rng)
    W = fit.W.toarray()
    Z = (
        null_space(divergence_matrix(pair.source.layouts["velocity"]).toarray())
        if pair.source.incompressible
        else np.eye(W.shape[1])
    )
    matrix = np.concatenate([W @ Z, np.sqrt(beta) * Z])
    right = np.concatenate([flat(r).T - fit.b[:, None] - W @ flat(s).T, np.sqrt(beta) * flat(c).T])
    expected = Z @ np.linalg.lstsq(matrix, right, rcond=None)[0]
    np.testing.assert_allclose(flat(fit(s, r, c)).T, expected, atol=1e-8)


@pytest.mark.parametrize("name", ["wake", "closed plume"])
def test_corrections_have_no_divergence(name):
    """By PhiFlow's own operator: the divergence of a field is what it was."""
    flow, resolution = PAIRS[name]
    pair = SolverPair(flow, resolution, ratio=2)
    rng = np.random.default_rng(0)
    s, r = random_fields(pair.source, "velocity", rng), random_fields(pair.reference, "velocity", rng)
    c = LeastSquares(pair, "velocity")(s, r)
    names = field_arrays(pair.source, "velocity")
    before, after = (
        _phiflow_divergence(pair.source, dict(zip(names, arrays, strict=True)))
        for arrays in (s, [a + b for a, b in zip(s, c, strict=True)])
    )
    np.testing.assert_allclose(before, after, atol=1e-9)
    assert np.abs(flat(c)).max() > 0.1 and np.abs(before).max() > 0.01


def _phiflow_divergence(flow, arrays):
    with math.NUMPY, math.precision(64):
        velocity = unpack_fields(flow, arrays, ["velocity"], batch(sample=2))["velocity"]
        return divergence(velocity).values.numpy(["sample", *flow.resolution])


def test_interpolation_is_exact_for_a_stream_that_grows_linearly():
    """Prescribed inflow of 1 at y = 0 and u_y = 1 + y / 200 inside: W u + b is the same line on the reference grid."""
    pair = SolverPair(WakeFlow, dict(y=16, x=8), ratio=4)
    fit = LeastSquares(pair, "velocity")

    def line(flow):
        (ny, nx), (_, mx) = shapes(flow, "velocity")
        y = np.arange(1, ny + 1) / ny
        return np.concatenate([np.repeat(1 + y, nx), np.zeros(ny * mx)])

    np.testing.assert_allclose(fit.W @ line(pair.source) + fit.b, line(pair.reference), atol=1e-12)


def test_interpolation_of_a_periodic_wave_is_second_order():
    errors = []
    for n in (16, 32):
        pair = SolverPair(ForcedAdvection, dict(y=n, x=n), ratio=2)
        fit = LeastSquares(pair, "velocity")

        def wave(flow):
            h, m = flow.spacing["x"], flow.resolution["x"]
            faces, centres = np.arange(m) * h, (np.arange(m) + 0.5) * h
            k = 2 * np.pi / 32
            return np.concatenate(
                [np.sin(k * faces)[:, None] * np.cos(k * centres), np.cos(k * centres)[:, None] * np.sin(k * faces)],
                None,
            )

        errors.append(np.abs(fit.W @ wave(pair.source) - wave(pair.reference)).max())
    assert 3.5 < errors[0] / errors[1] < 4.5


def test_same_grid_gives_the_difference():
    """With ratio 1 the correction of a divergence-free source is just what it lacks."""
    pair = SolverPair(WakeFlow, dict(y=16, x=8), ratio=1)
    rng = np.random.default_rng(0)
    fit = LeastSquares(pair, "velocity")
    zero = [np.zeros((2, *s)) for s in shapes(pair.source, "velocity")]
    free = fit(zero, random_fields(pair.reference, "velocity", rng))
    source = fit(zero, random_fields(pair.reference, "velocity", rng))
    for a, b, c in zip(source, free, fit(source, free), strict=True):
        np.testing.assert_allclose(a + c, b, atol=1e-9)
