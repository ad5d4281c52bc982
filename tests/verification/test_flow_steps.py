"""
Steps of plume and forced advection against PhiFlow's own operators, in float64; compiled float32 steps against these.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from phi import math
from phi.field import StaggeredGrid, divergence
from phi.geom import Box
from phi.math import Solve, extrapolation
from phi.physics import advect, diffuse, fluid

from phi_sol import BuoyantPlume, ForcedAdvection

sys.path.insert(0, str(Path(__file__).parent))
from states import arrays_of, rough_state

PLUME, FORCED = dict(seed=[0, 1], buoyancy=[0.05, 0.2]), dict(seed=[3, 7], viscosity=[0.1, 0.3], amplitude=[0.15, 0.3])
FLOWS = {
    "plume 2D": (BuoyantPlume(y=32, x=16), PLUME, 2.0),
    "plume 2D, open, with source": (BuoyantPlume(y=32, x=16, top="open", inflow=0.2), PLUME, 2.0),
    "plume 3D": (BuoyantPlume(y=16, x=8, z=8), PLUME, 2.0),
    "forced 2D": (ForcedAdvection(y=16, x=16), FORCED, 0.3),
    "forced 3D": (ForcedAdvection(y=8, x=8, z=8), FORCED, 0.3),
}


def phiflow_plume(flow, velocity, marker, buoyancy, dt):
    center = marker.points
    inside = 1.0
    for d, (lower, upper) in dict(y=(10, 20), x=(40, 60), z=(40, 60)).items():
        if (
            d in flow.resolution
        ):  # the covered fraction of a cell, for a box of at least the size of a cell or centred in one
            h = flow.spacing[d]
            x = center.vector[d]
            inside = inside * math.maximum(0, math.minimum(x + h / 2, upper) - math.maximum(x - h / 2, lower)) / h
    marker = advect.semi_lagrangian(marker + flow.inflow * inside * dt, velocity, dt)
    force = (marker * (buoyancy * math.vec(**{d: float(d == "y") for d in flow.resolution}))) @ velocity
    velocity = advect.semi_lagrangian(velocity, velocity, dt) + dt * force
    velocity, _ = fluid.make_incompressible(velocity, (), Solve("scipy-CG", 1e-11, 1e-11, max_iterations=5000))
    return velocity, marker


@pytest.mark.parametrize("name", [n for n in FLOWS if "plume" in n])
def test_plume_equals_phiflow_with_cg(name):
    flow, parameters, dt = FLOWS[name]
    with math.NUMPY, math.precision(64):
        state = rough_state(flow, parameters)
        boundary = (
            0
            if flow.top == "closed"
            else {"y-": 0, "y+": extrapolation.ZERO_GRADIENT} | {d: 0 for d in flow.resolution if d != "y"}
        )
        velocity = StaggeredGrid(state.velocity.values, boundary, Box(**flow.size), **flow.resolution)
        marker = state.marker
        for _ in range(2):
            state = flow.physics(state, math.wrap(dt))
            velocity, marker = phiflow_plume(flow, velocity, marker, state.buoyancy, dt)
            assert np.abs(divergence(state.velocity).values.numpy(["batch", *flow.resolution])).max() < 1e-12
            expected, result = (
                arrays_of(flow, state.with_fields(velocity=velocity, marker=marker)),
                arrays_of(flow, state),
            )
            for n in expected:
                np.testing.assert_allclose(result[n], expected[n], atol=1e-7, rtol=0)


@pytest.mark.parametrize("name", [n for n in FLOWS if "forced" in n])
def test_forced_advection_equals_phiflow(name):
    flow, parameters, dt = FLOWS[name]
    with math.NUMPY, math.precision(64):
        state = rough_state(flow, parameters)
        velocity = StaggeredGrid(state.velocity.values, extrapolation.PERIODIC, Box(**flow.size), **flow.resolution)
        for _ in range(2):
            forcing = StaggeredGrid(state.forcing.values, extrapolation.PERIODIC, Box(**flow.size), **flow.resolution)
            velocity = advect.semi_lagrangian(velocity, velocity, dt) + dt * forcing
            velocity = diffuse.explicit(velocity, state.viscosity, dt)
            state = flow.physics(state, math.wrap(dt))
            expected, result = arrays_of(flow, state.with_fields(velocity=velocity)), arrays_of(flow, state)
            for n in expected:
                np.testing.assert_allclose(result[n], expected[n], atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", FLOWS)
def test_compiled_step_equals_float64(name):
    import tensorflow as tf

    from phi_sol.stepping.arrays import pack

    flow, parameters, dt = FLOWS[name]
    with math.NUMPY, math.precision(64):
        state = rough_state(flow, parameters, 1)
        arrays, values, _ = pack(flow, state)
        expected = arrays_of(flow, flow.physics(state, math.wrap(dt)))
    single = {n: tf.cast(a, tf.float32) for n, a in arrays.items()}
    result = flow.compiled(single, {n: tf.cast(p, tf.float32) for n, p in values.items()}, tf.constant(dt, tf.float32))
    for n in expected:
        np.testing.assert_allclose(result[n], expected[n], atol=2e-5, rtol=0)
    others = {n: tf.cast(p, tf.float32) + 1 for n, p in values.items()}
    flow.compiled(single, others, tf.constant(0.5 * dt, tf.float32))
    assert flow.compiled.traces == 1  # other seeds, parameters and time steps compile nothing anew
