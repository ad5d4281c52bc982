"""`make_incompressible` against PhiFlow's own with conjugate gradients, and what is refused."""

import numpy as np
import pytest
from phi import math
from phi.field import CenteredGrid, StaggeredGrid, divergence
from phi.geom import Box, Sphere
from phi.math import Solve, batch, dual, spatial
from phi.math.extrapolation import PERIODIC, ZERO, ZERO_GRADIENT, combine_by_direction, combine_sides
from phi.physics import fluid
from phi.physics.fluid import Obstacle

import phi_sol
from phi_sol import Projection, make_incompressible

SIZES = dict(y=12, x=10, z=8)


def boundary(domain: str, dims: str):
    if domain == "plume":  # a closed box
        return ZERO
    if domain == "periodic":
        return PERIODIC
    if domain == "lid-driven":
        lid = combine_by_direction(normal=0.0, tangential=1.0)
        return combine_sides({"y-": ZERO, "y+": lid} | {d + s: ZERO for d in dims[1:] for s in "-+"})
    wall = combine_by_direction(normal=0.0, tangential=1.0)
    inlet = combine_by_direction(normal=1.0, tangential=0.0)
    return combine_sides({"y-": inlet, "y+": ZERO_GRADIENT} | {d + s: wall for d in dims[1:] for s in "-+"})


def random_velocity(domain: str, dims: str, count: int = 2):
    rng = np.random.default_rng(len(dims))
    bounds = Box(**{d: 0.5 * SIZES[d] for d in dims})
    velocity = StaggeredGrid(0.0, boundary(domain, dims), bounds, spatial(**{d: SIZES[d] for d in dims}))
    parts = []
    for d in dims:
        shape = velocity.values[{"~vector": d}].shape.spatial
        parts.append(math.wrap(rng.standard_normal((count, *shape.sizes)), batch(batch=count), shape))
    return velocity.with_values(math.stack(parts, dual(vector=list(dims))))


def obstacles(dims: str):
    ball = Sphere(**{d: 0.25 * SIZES[d] for d in dims}, radius=1.1)
    overlapping = Box(**{d: (0.25 * SIZES[d], 0.25 * SIZES[d] + 1.3) for d in dims})
    at_the_wall = Box(**{d: (0, 1.2) for d in dims})
    return [ball, overlapping, at_the_wall]


def arrays(velocity):
    dims = velocity.resolution.names
    return [velocity.values[{"~vector": d}].numpy(["batch", *dims]) for d in dims]


@pytest.mark.parametrize("dims", ["yx", "yxz"])
@pytest.mark.parametrize("domain", ["wake", "plume", "lid-driven", "periodic"])
@pytest.mark.parametrize("blocked", [False, True])
def test_make_incompressible_is_that_of_phiflow(domain, dims, blocked):
    with math.precision(64):
        velocity = random_velocity(domain, dims)
        given = obstacles(dims) if blocked else ()
        result, pressure = make_incompressible(velocity, given)
        expected, _ = fluid.make_incompressible(velocity, given, Solve("CG", 1e-11, 1e-11, max_iterations=2000))
        for a, b in zip(arrays(result), arrays(expected), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        if not blocked:
            assert float(math.max(math.abs(divergence(result).values), "batch,y,x,z")) < 1e-12
        assert pressure.resolution == velocity.resolution


def test_masks_are_obstacles_like_geometries():
    with math.precision(64):
        velocity = random_velocity("wake", "yx")
        ball, box, _ = obstacles("yx")
        inside = ball.lies_inside(velocity.geometry.center)
        by_geometry = arrays(Projection(velocity, [ball, box])(velocity)[0])
        for mask in (inside, inside.numpy("y,x")):
            for a, b in zip(arrays(Projection(velocity, [box, mask])(velocity)[0]), by_geometry, strict=True):
                np.testing.assert_array_equal(a, b)
        with pytest.raises(ValueError, match="boolean with one value per cell"):
            Projection(velocity, [inside.numpy("x,y")])


def test_one_obstacle_an_obstacle_object_and_a_sequence_are_the_same():
    with math.precision(64):
        velocity = random_velocity("wake", "yx")
        ball = obstacles("yx")[0]
        results = [arrays(make_incompressible(velocity, o)[0]) for o in (ball, Obstacle(ball), (ball,))]
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_moving_obstacles_are_left_to_phiflow():
    with math.precision(64):
        velocity = random_velocity("plume", "yx", 1)
        moving = Obstacle(obstacles("yx")[0], velocity=(0.5, 0.0))
        solve = Solve("CG", 1e-9, 1e-9, max_iterations=1000)
        result, _ = make_incompressible(velocity, moving, solve)
        expected, _ = fluid.make_incompressible(velocity, moving, solve)
        for a, b in zip(arrays(result), arrays(expected), strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_closed_domain_with_net_inflow_keeps_its_mean_divergence():
    with math.precision(64):
        inflow = combine_sides(
            {"y-": combine_by_direction(normal=1.0, tangential=0.0), "y+": ZERO, "x-": ZERO, "x+": ZERO}
        )
        velocity = StaggeredGrid(0.0, inflow, Box(y=6, x=5), spatial(y=12, x=10))
        result, _ = Projection(velocity)(velocity)
        div = divergence(result).values.numpy("y,x")
    np.testing.assert_allclose(div, -1 / 6, atol=1e-12)  # the flux through the inlet, over the area


def test_bad_input():
    velocity = random_velocity("wake", "yx")
    with pytest.raises(ValueError, match="covers no cell centre: it lies outside of the domain, or cells of 0.5 x 0.5"):
        Projection(velocity, [Sphere(y=100, x=100, radius=1)])
    with pytest.raises(ValueError, match="no fluid cell"):
        Projection(velocity, [Box(y=(-1, 10), x=(-1, 10))])
    with pytest.raises(ValueError, match="no fluid cell"):
        make_incompressible(velocity, Box(y=(-1, 10), x=(-1, 10)))
    mirrored = StaggeredGrid(0.0, math.extrapolation.SYMMETRIC, Box(y=6, x=5), spatial(y=12, x=10))
    with pytest.raises(ValueError, match="not 'symmetric'"):
        make_incompressible(mirrored)


def test_an_obstacle_outside_of_the_domain_has_no_effect_in_make_incompressible():
    with math.precision(64):
        velocity = random_velocity("wake", "yx")
        a = arrays(make_incompressible(velocity, Sphere(y=100, x=100, radius=1))[0])
        b = arrays(make_incompressible(velocity)[0])
    np.testing.assert_allclose(a[0], b[0], atol=1e-14)


def test_centred_velocities_are_left_to_phiflow():
    grid = CenteredGrid(
        lambda x: math.vec(y=math.sin(x["x"]), x=math.cos(x["y"])), ZERO, Box(y=6, x=5), spatial(y=12, x=10)
    )
    solve = Solve("CG", 1e-3, 1e-3, max_iterations=200)
    a, b = make_incompressible(grid, solve=solve)[0], fluid.make_incompressible(grid, solve=solve)[0]
    np.testing.assert_array_equal(a.values.numpy("y,x,vector"), b.values.numpy("y,x,vector"))
    assert phi_sol.make_incompressible is make_incompressible
