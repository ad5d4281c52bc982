"""What the projection of a flow knows besides the velocity: the pressure of a step, and the cells of obstacles."""

from copy import copy
from typing import Any

import numpy as np
from phi import math
from phi.field import Field
from phi.math import Tensor, batch

from ..flows import Flow
from ..pressure import Projection
from ..stepping.arrays import unpack
from .grid import Arrays

TOGETHER = 50  # states in one step


class _Listening(Projection):
    """A projection that keeps the pressure of its last solve."""

    found: Tensor | None = None

    def __init__(self, projection: Projection):
        vars(self).update(vars(projection))

    def correct(self, velocity: Field) -> tuple[Field, Field]:
        velocity, pressure = super().correct(velocity)
        self.found = pressure.values
        return velocity, pressure


def step_pressure(flow: Flow, arrays: Arrays, parameters: Arrays) -> np.ndarray | None:
    """
    The pressure per density p of the step that a flow takes from each state: that with which its projection makes the
    velocity u* after all other terms free of divergence, u = u* - dt ∇p, with the flow's own dt and boundaries; so it
    has all forces that the flow has, buoyancy included. First order in dt. Of a flow without an open side it is known
    up to a constant. (`pressure` is that of the velocity at this moment, without dt, of viscous flows only.)

    Args:
        arrays: Of n states, shape (n, *spatial).
        parameters: By name, shape (n,).

    Returns:
        Shape (n, *resolution), in (length / time)²: zero inside of obstacles, NaN where a state is not finite. None for
        a flow whose step has no pressure projection of phi_sol's.
    """
    if not (flow.incompressible and "velocity" in flow.fields):
        return None
    count = len(next(iter(arrays.values())))
    finite = np.all([np.isfinite(a).reshape(count, -1).all(1) for a in arrays.values()], 0)
    result = np.full((count, *flow.resolution.values()), np.nan)
    twin: Any = copy(flow)
    twin.projection = listening = _Listening(flow.projection)
    for rows in np.array_split(np.flatnonzero(finite), -(-finite.sum() // TOGETHER)) if finite.any() else ():
        shape = batch(batch=len(rows))
        chosen, given = ({n: np.asarray(a[rows], np.float64) for n, a in g.items()} for g in (arrays, parameters))
        with math.NUMPY, math.precision(64):
            twin.integrate(unpack(twin, chosen, given, shape), math.wrap(flow.dt))
            if listening.found is None:
                return None
            result[rows] = math.expand(listening.found, shape).numpy([shape, *flow.resolution]) / flow.dt
    return result


def solid_cells(flow: Flow) -> np.ndarray | None:
    """The cells of obstacles, whose centres lie in one, boolean of shape (*resolution); None where there is none."""
    there = flow.incompressible and "velocity" in flow.fields and not flow.projection.fluid.all()
    return ~flow.projection.fluid if there else None
