"""Corrections that enter a step as forces: what they change, since what comes after them in a step is linear."""

import numpy as np
import pytest
from phi import math
from phi.math import wrap
from phi.physics import diffuse

from phi_sol import BuoyantPlume, ForcedAdvection, WakeFlow

pytestmark = pytest.mark.usefixtures("double")


@pytest.fixture
def double():
    with math.NUMPY, math.precision(64):
        yield


def random_field(flow, name, seed):
    template, rng = flow.templates[name], np.random.default_rng(seed)
    return template.with_values(
        math.map(lambda v: v + wrap(rng.standard_normal(v.shape.sizes), v.shape), template.values, dims="~vector")
    )


def developed(flow, **parameters):
    state = flow.initial_state(**parameters)
    for _ in range(3):
        state = flow.physics(state, wrap(1.0))
    return state


def difference(flow, state, dt, correction):
    plain, corrected = flow.physics(state, wrap(dt)), flow.physics(state, wrap(dt), correction)
    return {n: corrected.fields[n].values - plain.fields[n].values for n in correction}


def close(a, b):
    math.assert_close(a, b, abs_tolerance=1e-10)


def test_wake_projects_the_correction():
    flow = WakeFlow(y=16, x=8)
    c = random_field(flow, "velocity", 0)
    changed = difference(flow, developed(flow, reynolds=300.0), 0.5, {"velocity": c})
    without, _ = flow.projection(c * 0)  # the boundary values are affine
    close(changed["velocity"], flow.projection(c)[0].values - without.values)


def test_plume_lifts_the_corrected_marker():
    flow = BuoyantPlume(y=16, x=8)
    c, d = random_field(flow, "velocity", 0), random_field(flow, "marker", 1)
    changed = difference(flow, developed(flow, seed=1, buoyancy=0.02), 0.5, {"velocity": c, "marker": d})
    close(changed["marker"], d.values)
    lifted = c.values + 0.5 * flow.buoyant_acceleration(d, wrap(0.02)).values
    close(changed["velocity"], flow.projection(c.with_values(lifted))[0].values)


def test_forced_advection_diffuses_the_correction():
    flow = ForcedAdvection(y=8, x=8)
    c = random_field(flow, "velocity", 0)
    changed = difference(flow, flow.initial_state(seed=1), 0.1, {"velocity": c})
    close(changed["velocity"], diffuse.explicit(c, 0.1, 0.1).values)


def test_flows_without_the_argument():
    class Own(WakeFlow):
        def physics(self, state, dt):
            return state

    assert WakeFlow(y=16, x=8).takes_correction and not Own(y=16, x=8).takes_correction
