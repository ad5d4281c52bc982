"""Velocities that tests of metrics measure."""

import pytest
from phi import math

from phi_sol import WakeFlow


@pytest.fixture(scope="session")
def on_faces():
    """Makes arrays of a velocity given by functions of (y, x[, z]) per component."""

    def sample(flow, functions: dict) -> dict:
        dims, arrays = list(flow.resolution), {}
        for d, function in functions.items():
            points = flow.templates["velocity"].vector[d].points
            where = {e: points.vector[e].numpy(dims) for e in dims}
            arrays[f"velocity.{d}"] = (function(**where) + 0 * where[d])[None]
        return arrays

    return sample


def developed(flow, steps=12, **parameters):
    """A velocity after some steps, with PhiFlow's NumPy backend."""
    with math.NUMPY, math.precision(64):
        state = flow.initial_state(**parameters)
        for _ in range(steps):
            state = flow.step(state)
    dims = list(flow.resolution)
    values = state.velocity.values
    return state, {f"velocity.{d}": values[{"~vector": d}].numpy([values.shape.batch, *dims]) for d in dims}


@pytest.fixture(scope="module")
def wake():
    flow = WakeFlow(y=24, x=12)
    return flow, *developed(flow, reynolds=[150.0, 600.0])
