"""Advection by shifted copies against PhiFlow's own semi-Lagrangian and MacCormack steps."""

import warnings

import numpy as np
import pytest
import tensorflow as tf
from phi import math
from phi.field import CenteredGrid, StaggeredGrid
from phi.geom import Box
from phi.math import batch, channel, dual, extrapolation, reshaped_tensor, spatial
from phi.math.extrapolation import PERIODIC, ZERO_GRADIENT, combine_by_direction, combine_sides
from phi.physics import advect
from phi.tf import TENSORFLOW

from phi_sol.flows.advection import mac_cormack, semi_lagrangian
from phi_sol.flows.advection.lookup import Lookup, Part
from phi_sol.grids.layout import Layout

SIZES = dict(y=8, x=7, z=6)


def boundary(kind: str, dims: str):
    if kind == "periodic":
        return PERIODIC
    if kind == "zero-gradient":
        return ZERO_GRADIENT
    if kind == "constant":
        return extrapolation.ConstantExtrapolation(0.5)
    sides = {}
    for d in dims:
        sides[d + "-"] = combine_by_direction(normal=1.0, tangential=0.25)
        sides[d + "+"] = ZERO_GRADIENT if d == "y" else combine_by_direction(normal=0.0, tangential=0.5)
    return combine_sides(sides)


def grids(kind: str, dims: str, greatest: float, count: int = 2):
    """A centred field, a staggered velocity of random values up to `greatest`, and dt = 1."""
    rng = np.random.default_rng(len(dims) * 10 + int(10 * greatest))
    bounds = Box(**{d: float(SIZES[d]) * 0.5 for d in dims})
    shape = spatial(**{d: SIZES[d] for d in dims})
    ext = boundary(kind, dims)
    velocity = StaggeredGrid(0.0, ext, bounds, shape)
    random = lambda s: math.wrap(rng.uniform(-1, 1, (count, *s.sizes)) * greatest * 0.5, batch(batch=count), s)  # noqa: E731
    parts = [random(velocity.values[{"~vector": d}].shape.spatial) for d in dims]
    velocity = velocity.with_values(math.stack(parts, dual(vector=list(dims))))
    scalar = (
        ext
        if kind != "mixed"
        else combine_sides({"y-": 0.25, "y+": ZERO_GRADIENT} | {d + s: 1.0 for d in dims[1:] for s in "-+"})
    )
    marker = CenteredGrid(random(shape), scalar, bounds, shape)
    return marker, velocity


def values(field):
    dims = field.resolution.names
    parts = [field.values[{"~vector": d}] for d in dims] if field.is_staggered else [field.values]
    return [p.numpy(["batch", *dims]) for p in parts]


def close(a, b, tolerance=1e-12):
    for x, y in zip(values(a), values(b), strict=True):
        np.testing.assert_allclose(x, y, atol=tolerance, rtol=0)


@pytest.mark.parametrize("dims", ["yx", "yxz"])
@pytest.mark.parametrize("kind", ["periodic", "zero-gradient", "constant", "mixed"])
@pytest.mark.parametrize(("greatest", "reach"), [(0.9, 1), (1.9, 2), (1.9, 1), (0.9, 0)])
def test_semi_lagrangian_is_that_of_phiflow(dims, kind, greatest, reach):
    with math.precision(64):
        for field in grids(kind, dims, greatest):
            velocity = grids(kind, dims, greatest)[1]
            close(semi_lagrangian(field, velocity, 1.0, reach), advect.semi_lagrangian(field, velocity, 1.0))


@pytest.mark.parametrize("dims", ["yx", "yxz"])
@pytest.mark.parametrize("kind", ["periodic", "zero-gradient", "constant"])
@pytest.mark.parametrize(("greatest", "reach"), [(0.9, 1), (0.9, 0)])
def test_mac_cormack_is_that_of_phiflow(dims, kind, greatest, reach):
    with math.precision(64), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        marker, velocity = grids(kind, dims, greatest)
        close(mac_cormack(marker, velocity, 1.0, reach), advect.mac_cormack(marker, velocity, 1.0))


def test_mac_cormack_of_a_staggered_velocity_is_made_of_semi_lagrangian_steps():
    """PhiFlow's own raises for staggered grids: its look-ups, written out."""
    with math.precision(64):
        _, velocity = grids("mixed", "yx", 0.9)
        there = semi_lagrangian(velocity, velocity, 1.0)
        result = mac_cormack(velocity, velocity, 1.0)
        points = advect.euler(velocity, velocity, 1.0)
        from phi.field import reduce_sample

        back = velocity.with_values(reduce_sample(there, points))
        free = values(there + 0.5 * (velocity - back))
        for new, f1, unlimited in zip(values(result), values(there), free, strict=True):
            limited = np.abs(new - unlimited) > 1e-12
            assert 0.05 < limited.mean() < 0.95
            assert (np.abs(new - f1)[limited] <= np.abs(unlimited - f1)[limited]).all()  # limiting draws towards f₁


@pytest.mark.parametrize("greatest", [0.5, 1.0, 3.7, 50.0])
def test_both_ways_agree_in_a_compiled_function_at_any_displacement(greatest):
    """Below the bound, at it, above it and far outside of the domain; the choice is made at run time."""
    with math.precision(64):
        marker, velocity = grids("mixed", "yx", greatest)
        y, x = values(velocity)
        y.flat[3] = greatest * 0.5  # exactly at the bound for greatest = 1

        def step(m, y, x, reach):
            with math.precision(64), TENSORFLOW:
                tensor = lambda a: reshaped_tensor(a, [batch("batch"), spatial("y"), spatial("x")], convert=False)  # noqa: E731
                v = velocity.with_values(math.stack([tensor(y), tensor(x)], dual(vector="y,x")))
                return semi_lagrangian(marker.with_values(tensor(m)), v, 1.0, reach).values.native("batch,y,x")

        for f in (marker, velocity):
            _ = f.points, f.geometry.center, f.dx
            for part in f.vector if f.is_staggered else ():
                _ = part.points
        (m,) = values(marker)
        arguments = [tf.constant(a) for a in (m, y, x)]
        compiled = [
            tf.function(lambda *a, r=r: step(*a, r), autograph=False, jit_compile=True)(*arguments) for r in (0, 1, 2)
        ]
        for result in compiled[1:]:
            np.testing.assert_allclose(result, compiled[0], atol=1e-13)
        assert np.isfinite(compiled[0]).all()


@pytest.mark.parametrize("reach", [0, 1])
def test_nan_and_infinite_velocities_stay_where_they_are_read(reach):
    with math.precision(64):
        marker, velocity = grids("zero-gradient", "yx", 0.9)
        y, x = values(velocity)
        y[0, 4, 3], x[1, 2, 2] = np.nan, np.inf
        parts = [math.wrap(a, batch("batch"), spatial("y,x")) for a in (y, x)]
        broken = velocity.with_values(math.stack(parts, dual(vector="y,x")))
        (result,) = values(semi_lagrangian(marker, broken, 1.0, reach))
        (clean,) = values(semi_lagrangian(marker, velocity, 1.0, reach))
    assert np.isnan(result[0]).sum() == 2  # the two cells beside the face
    np.testing.assert_array_equal(result[0][~np.isnan(result[0])], clean[0][~np.isnan(result[0])])
    assert np.isfinite(result[1]).all()


@pytest.mark.parametrize("scheme", [semi_lagrangian, mac_cormack])
@pytest.mark.parametrize("reach", [0, 1])
def test_gradient_by_finite_differences(scheme, reach):
    rng = np.random.default_rng(0)
    marker, velocity = grids("mixed", "yx", 0.8)
    (m,), (y, x) = values(marker), values(velocity)
    cotangent = rng.standard_normal(m.shape)

    def value(m, y, x):
        with math.precision(64), TENSORFLOW:
            tensor = lambda a: reshaped_tensor(a, [batch("batch"), spatial("y"), spatial("x")], convert=False)  # noqa: E731
            v = velocity.with_values(math.stack([tensor(y), tensor(x)], dual(vector="y,x")))
            result = scheme(marker.with_values(tensor(m)), v, 1.0, reach)
            return tf.reduce_sum(result.values.native("batch,y,x") * cotangent)

    arguments = [tf.constant(a, tf.float64) for a in (m, y, x)]
    with tf.GradientTape() as tape:
        tape.watch(arguments)
        v = value(*arguments)
    gradients = tape.gradient(v, arguments)
    for i, argument in enumerate(arguments):
        direction = rng.standard_normal(argument.shape)
        step = 1e-7
        ends = [
            value(*[a + sign * step * direction if j == i else a for j, a in enumerate(arguments)]) for sign in (1, -1)
        ]
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(tf.reduce_sum(gradients[i] * direction), slope, rtol=2e-5)


def test_gradient_where_lookups_fall_on_sample_points_is_one_sided_and_the_same_both_ways():
    values_ = tf.constant(np.random.default_rng(1).standard_normal((1, 6, 5)))
    results = []
    for reach in (0, 1):
        with math.precision(64), TENSORFLOW, tf.GradientTape() as tape:
            speed = tf.zeros((1, 6, 5), tf.float64)
            tape.watch(speed)
            tensor = lambda a: reshaped_tensor(a, [batch("batch"), spatial("y"), spatial("x")], convert=False)  # noqa: E731
            layout = Layout("field", CenteredGrid(0.0, PERIODIC, y=6, x=5))
            part = Part(layout, "", tensor(values_), dict(y=tensor(speed), x=tensor(0 * speed)))
            lookup = Lookup(part, 1.0, reach)
            total = tf.reduce_sum(lookup.values(True).native("batch,y,x"))
        results.append(tape.gradient(total, speed).numpy())
    forward = np.roll(values_, -1, 1) - values_.numpy()
    for result in results:
        np.testing.assert_allclose(result, -forward, atol=1e-14)


def test_order_of_both_schemes():
    """A wave carried around a periodic box at a fixed CFL number: declared orders 1 and 2 (limited)."""
    errors = {semi_lagrangian: [], mac_cormack: []}
    with math.precision(64):
        for n in (32, 64, 128):
            bounds = Box(x=1.0, y=1.0)
            wave = lambda p: math.sin(2 * np.pi * p.vector["x"]) * math.cos(2 * np.pi * p.vector["y"])  # noqa: E731
            start = CenteredGrid(wave, PERIODIC, bounds, x=n, y=n)
            velocity = CenteredGrid(math.wrap((1.0, 0.5), channel(vector="x,y")), PERIODIC, bounds, x=n, y=n)
            for scheme, found in errors.items():
                field = start
                for _ in range(n):
                    field = scheme(field, velocity, 0.5 / n)
                exact = CenteredGrid(
                    lambda p: wave(p - math.wrap((0.5, 0.25), channel(vector="x,y"))),  # noqa: B023
                    PERIODIC,
                    bounds,
                    x=n,
                    y=n,
                )
                found.append(float(math.mean(math.abs(field.values - exact.values))))
    for scheme, order in ((semi_lagrangian, 1), (mac_cormack, 2)):
        slopes = np.log2(np.divide(errors[scheme][:-1], errors[scheme][1:]))
        print(scheme.__name__, errors[scheme], slopes)
        assert slopes[-1] > order - 0.2


def test_other_boundaries_are_refused():
    marker, velocity = grids("zero-gradient", "yx", 0.5)
    with pytest.raises(ValueError, match="not 'symmetric'"):
        semi_lagrangian(marker.with_boundary(extrapolation.SYMMETRIC), velocity, 1.0)
