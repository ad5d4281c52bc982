"""Force and torque of a flow on its smooth bodies."""

from dataclasses import replace
from typing import Any

import numpy as np
from phi import math
from phi.math import Tensor

from ..errors import InputError, flag
from ..flows import Flow
from ..flows.bodies import SPEEDS
from ..flows.runge_kutta import METHODS
from ..stepping.state import State


def body_forces(
    flow: Flow, state: State, dt: float | Tensor | None = None, moving: bool = False
) -> dict[str, dict[str, Tensor]]:
    """
    The force on each smooth body and the torque about its centre, per density of the fluid, during a step from a state:
    the momentum that the body takes from the fluid, per time,

        F = -Σ_faces V f / dt,   T = -Σ_faces V (x - c) × f / dt

    with f what the body adds to the velocity of a face in the step, and V the volume of a cell. It balances the
    momentum of the step exactly. Of a body whose velocity changes it contains what accelerates the fluid inside of it.
    First order in dt and h; differentiable with respect to the state and all parameters.

    Args:
        flow: With bodies.
        state: Of it, with any batch dimensions.
        dt: Of the step; None: the flow's.
        moving: Whether bodies are where their speeds have brought them at the end of the step (those whose place and
            speed are parameters): for a `Motion`. Without it they stay where they are, with the speed of their surface.

    Returns:
        By the name of the body, and in it by axis, and as `torque` (from the first axis of its centre towards the
        second, as `spin`), of the shape of the state's batch.

    Raises:
        InputError: for a flow without bodies.
    """
    if not flow.bodies:
        raise InputError(f"There are no forces on bodies: {flow} has none.")
    dt, records = math.wrap(flow.dt if dt is None else dt), []
    if flag("moving", moving):
        state = replace(state, parameters=dict(state.parameters) | _moved(flow, state, dt))
    flow.integrate(state, dt, record=records)
    weights = _weights(flow.integrator) if flow.by_rates else [1.0]
    volume, result = float(np.prod(list(flow.spacing.values()))), {}
    for body in flow.bodies:
        numbers, torque, found = body.numbers_of(state.parameters), 0.0, {}
        first, second = body.axes[:2]
        for c in flow.resolution:
            taken: Any = sum(w * r[body.name][c] for w, r in zip(weights, records, strict=True)) * (-volume / dt)
            found[c] = math.sum(taken, flow.shape.names)
            if c in (first, second):
                arm = flow.offsets(body, numbers, c)[second if c == first else first]
                torque = torque + math.sum(arm * taken, flow.shape.names) * (-1.0 if c == first else 1.0)
        result[body.name] = {**found, "torque": torque}
    return result


def _moved(flow: Flow, state: State, dt: Any) -> dict[str, Any]:
    """The places and angles of bodies after dt, of those that are parameters together with their speeds."""
    result = {}
    for body in flow.bodies:
        names, numbers = body.parameters, body.numbers_of(state.parameters)
        for key, speed in SPEEDS.items():
            if key in names and speed in names:
                result[names[key]] = numbers[key] + dt * numbers[speed]
    return result


def _weights(method: str) -> list[float]:
    """What is left at the end of a step of what was added at the end of each stage."""
    stages, weights = METHODS[method].stages, []
    for i in range(len(stages)):
        share = [0.0] * (len(stages) + 1)
        share[i + 1] = 1.0
        for j in range(i + 1, len(stages)):
            share[j + 1] = sum(w * s for w, s in zip(stages[j][0], share, strict=False))
        weights.append(share[-1])
    return weights
