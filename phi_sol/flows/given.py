"""A velocity as users give it."""

from typing import Any

import numpy as np
from phi import math
from phi.field import Field
from phi.math import Tensor

from ..errors import InputError, quoted
from .base import Flow


def given_velocity(flow: Flow, velocity: Any) -> Field:
    """
    A velocity on a flow's grid, from a field or its values, a function of position, or arrays of the components; raises
    InputError for anything else.
    """
    layout = flow.layouts["velocity"]
    fits = isinstance(velocity, Tensor) and "~vector" in velocity.shape and velocity.shape.spatial == flow.shape
    if fits or isinstance(velocity, Field) or (callable(velocity) and not isinstance(velocity, type | Tensor)):
        return flow.field("velocity", velocity)
    if not isinstance(velocity, list | tuple):
        kinds = "a field or its values, a function of position, or arrays of the components"
        raise InputError(f"A velocity of {flow} is {kinds}, not {quoted(velocity)}.")
    shapes = [np.shape(a) for a in velocity]
    if shapes != [layout.shape(c) for c in layout.components]:
        needed = f"{len(layout.dims)} arrays ({', '.join(layout.dims)}) of shape {layout.shape(layout.dims[0])}"
        raise InputError(f"A velocity of {flow} consists of {needed}, not of shapes {quoted(shapes)}.")
    arrays = {n: np.asarray(a)[None] for n, a in zip(layout.arrays, velocity, strict=True)}
    field = layout.to_field(arrays, math.batch(batch=1)).batch[0]
    return field.with_values(math.to_float(field.values))
