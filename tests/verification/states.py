"""Rough random states of any flow, and the arrays of a state."""

import numpy as np
from phi import math
from phi.math import batch, dual

from phi_sol import State


def rough_state(flow, parameters, random=0, scale=0.3, mean=0.0):
    """Independent normal numbers in every cell and face, for the given parameter values (lists of equal length)."""
    rng = np.random.default_rng(random)
    simulations = batch(batch=len(next(iter(parameters.values()))))

    def noise(values, shift=0.0):
        return math.wrap(
            shift + scale * rng.standard_normal((simulations.size, *values.shape.sizes)), simulations, values.shape
        )

    fields = {}
    for name, template in flow.templates.items():
        if name in flow.staggered:
            parts = [noise(template.values[{"~vector": d}], mean if d == "y" else 0.0) for d in flow.resolution]
            fields[name] = template.with_values(math.stack(parts, dual(vector=list(flow.resolution))))
        else:
            fields[name] = template.with_values(abs(noise(template.values)))
    if "time" in fields:
        fields["time"] = flow.field("time", math.wrap(rng.uniform(0, 5, simulations.size), simulations))
    return State(fields, {n: math.wrap(np.float64(v), simulations) for n, v in parameters.items()})


def arrays_of(flow, state):
    """Values by array name, shape (batch, *spatial)."""
    order = ["batch", *flow.resolution]
    result = {}
    for name, field in state.fields.items():
        if name in flow.staggered:
            result |= {f"{name}.{d}": field.values[{"~vector": d}].numpy(order) for d in flow.resolution}
        else:
            result[name] = math.expand(field.values, state.batch_shape).numpy(order)
    return result
