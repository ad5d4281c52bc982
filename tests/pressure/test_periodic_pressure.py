"""The projection in a periodic box by one transform, against the general solver axis by axis."""

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.field import divergence
from phi.tf import TENSORFLOW

from phi_sol import PeriodicBox
from phi_sol.pressure.direct import DirectPoisson
from phi_sol.pressure.periodic import inverse_eigenvalues, project

SHAPES = {"even": dict(y=12, x=10), "odd": dict(y=9, x=7), "3D": dict(y=6, x=5, z=8)}


def flow_of(kind):
    size = dict(zip("yxz", (2.0, 3.0, 1.0), strict=True))
    return PeriodicBox(**SHAPES[kind], size={d: size[d] for d in SHAPES[kind]})


def random_arrays(flow, dtype="float64", count=2):
    rng = np.random.default_rng(0)
    shape = (count, *flow.resolution.values())
    return [rng.standard_normal(shape).astype(dtype) for _ in flow.resolution]


@pytest.mark.parametrize(("kind", "ways"), [*[(kind, "dense") for kind in SHAPES], ("even", "parity")])
def test_the_solution_is_that_of_other_ways(kind, ways):
    flow, rng = flow_of(kind), np.random.default_rng(1)
    sides = dict.fromkeys(flow.resolution, ("periodic", "periodic"))
    one = DirectPoisson(flow.resolution, flow.spacing, sides)
    other = DirectPoisson(flow.resolution, flow.spacing, sides, ways=dict.fromkeys(flow.resolution, ways))
    assert one.periodic is not None
    assert other.periodic is None
    b = math.wrap(
        rng.standard_normal((3, *flow.resolution.values())), math.batch("batch"), math.spatial(*flow.resolution)
    )
    with math.precision(64):
        p, q = (s.solve(b).numpy(["batch", *flow.resolution]) for s in (one, other))
    np.testing.assert_allclose(p, q, atol=1e-12)
    assert np.abs(p.mean(tuple(range(1, p.ndim)))).max() < 1e-13
    p = one.solve(math.to_float(b)).numpy(["batch", *flow.resolution])
    np.testing.assert_allclose(p, q, atol=1e-5)


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("library", [math.NUMPY, TENSORFLOW])
def test_projection_is_divergence_free_idempotent_and_orthogonal(kind, library):
    flow = flow_of(kind)
    with library, math.precision(64):
        arrays = dict(zip(flow.layouts["velocity"].arrays, random_arrays(flow), strict=True))
        velocity = flow.layouts["velocity"].to_field(arrays, math.batch(batch=2))
        velocity = velocity.with_values(math.convert(velocity.values))
        free, pressure = flow.projection(velocity)
        assert float(math.max(math.abs(divergence(free).values), free.values.shape)) < 1e-12
        removed = velocity.values - free.values
        assert abs(float(math.sum(removed * free.values, free.values.shape))) < 1e-10
        math.assert_close(flow.projection(free)[0].values, free.values, abs_tolerance=1e-12)
        laplace = math.laplace(pressure.values, dx=pressure.dx, padding=pressure.boundary)
        math.assert_close(laplace, divergence(velocity).values, abs_tolerance=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_of_the_projection_is_the_projection(dtype):
    """It is symmetric: the gradient of <c, P u> is P c; and so is that of the gradient."""
    flow = flow_of("even")
    spacing = tuple(flow.spacing.values())
    factors = inverse_eigenvalues(tuple(flow.resolution.values()), spacing)
    u, c = ([tf.constant(a) for a in random_arrays(flow, dtype, n)] for n in (2, 2))
    with tf.GradientTape() as tape, math.precision(int(dtype[-2:])):
        tape.watch(u)
        total = sum(tf.reduce_sum(a * b) for a, b in zip(project(TENSORFLOW, u, factors, spacing)[0], c, strict=True))
        expected = project(TENSORFLOW, c, factors, spacing)[0]
    tolerance = dict(float32=1e-5, float64=1e-12)[dtype]
    for g, e in zip(tape.gradient(total, u), expected, strict=True):
        assert g.dtype == dtype
        np.testing.assert_allclose(g, e, atol=tolerance)
