"""
The drag task of mosaic.py: the profile of an inflow for which the drag of a cylinder is least, at a constant rate and
with values between 0 and three times their mean.

What enters a flow is constant in phi_sol (docs/gradients.md), so that its profile has no gradient. A term stands in for
it: in the first cells the speed along the stream is driven to a profile whose values are variables of the term. The
profile that is found so is then given to a flow as its real inlet, and the drag measured there.
"""

from pathlib import Path

import numpy as np
from common import five_digits, show
from scipy import optimize

CELLS, VISCOSITY, DT, STEPS, MEAN = 32, 0.0025, 0.02, 200, 0.5
ROWS = 2  # of faces that are driven
AVERAGED = range(109, STEPS + 1, 10)  # steps at which the drag counts: the second half


def unit_channel(inlet=MEAN, dt: float = DT, cells: int = CELLS):
    """A unit square with walls at rest, a cylinder of radius 0.05 in the middle."""
    from phi.geom import Sphere

    from phi_sol import WakeFlow

    return WakeFlow(
        **dict(y=cells, x=cells, size=dict(y=1.0, x=1.0), radius=1.0, speed=1.0, dt=dt, walls="no-slip"),
        obstacles=Sphere(y=0.5, x=0.5, radius=0.05),
        inlet=inlet,
        advection="central",
        inflow=dict(y=(0.05, 0.1)),
    )


def driven(profile):
    """The channel with a term that drives the first rows of faces to `profile`, a variable of CELLS values."""
    from phi import math
    from phi.math import dual, spatial

    from phi_sol.flows.terms import FunctionTerm

    row = math.wrap((np.arange(CELLS) < ROWS) * 1.0, spatial("y"))

    def force(state, values):
        speed = state.velocity.values[{"~vector": "y"}]
        along = math.to_float(row) * (math.wrap(values, spatial("x")) - speed) / (2 * DT)
        across = 0 * state.velocity.values[{"~vector": "x"}]
        return {"velocity": math.stack({"y": along, "x": across}, dual("vector"))}

    return unit_channel().with_terms(FunctionTerm(force, [profile]))


def differentiable_drag(flow, state, weights):
    """
    `phi_sol.metrics.force` along the stream in operations that TensorFlow differentiates: what arrives per time on the
    faces of the cylinder, Σ V (a - ∇p), with a the rates without pressure and p = 0 inside.
    """
    from phi import math
    from phi.field import spatial_gradient
    from phi.math.extrapolation import get_normal

    from phi_sol.flows.terms import term_rates

    velocity = state.velocity
    rates = flow.rates(state)["velocity"].values + term_rates(flow, flow.terms, state, weights)["velocity"].values
    _, pressure = flow.projection(velocity.with_values(velocity.values + DT * rates))
    slope = spatial_gradient(pressure, get_normal(velocity.boundary), at="face")
    arriving = (rates - slope.values / DT) * (1 - flow.projection.open_faces.values)
    volume = float(np.prod(list(flow.spacing.values())))
    return volume * math.sum(arriving[{"~vector": "y"}], "y,x")


def real_drag(profile: np.ndarray, cells: int = CELLS) -> tuple[float, float]:
    """Mean drag, and the lift's largest size, over the second half of the run, with the profile as the inlet."""
    from phi import math
    from phi.math import NUMPY

    from phi_sol import metrics

    def inlet(p):
        x = p.vector["x"]
        index = np.clip((x.numpy(x.shape) * CELLS).astype(int), 0, CELLS - 1)
        return math.wrap(profile[index], x.shape)

    dt = DT / 2 * CELLS / cells  # some profiles are fast
    flow = unit_channel(inlet, dt, cells)
    with NUMPY:
        start = flow.initial_state(reynolds=1 / VISCOSITY, poke=0.0)
    every = 20 * cells // CELLS
    frames = flow.rollout(start, 2 * STEPS * cells // CELLS, every, False).arrays
    half = {n: a[len(a) // 2 :, 0] for n, a in frames.items()}
    forces = metrics.force(flow, half, np.full(len(next(iter(half.values()))), VISCOSITY))
    return float(forces["y"].mean()), float(np.abs(forces["x"]).max())


def drag(quick: bool, images: Path | None) -> dict:
    import tensorflow as tf
    from phi.math import NUMPY

    from phi_sol.stepping.arrays import pack, unpack

    profile = tf.Variable(np.full(CELLS, MEAN, np.float32))
    flow = driven(profile)
    with NUMPY:
        problem = pack(flow, flow.initial_state(reynolds=1 / VISCOSITY, poke=0.0))
    steps = 20 if quick else STEPS
    counted = [s for s in AVERAGED if s <= steps] or [steps]

    history: list[float] = []

    def value(values) -> tuple[float, np.ndarray]:
        """Mean drag and its slope, both over the first drag."""
        profile.assign(np.float32(values))
        with tf.GradientTape() as tape:
            arrays, parameters, batch = problem
            total = 0.0
            for s in range(1, steps + 1):
                arrays = flow(arrays, parameters)
                if s in counted:
                    state = unpack(flow, arrays, parameters, batch)
                    total += differentiable_drag(flow, state, [tf.convert_to_tensor(profile)]).native() / len(counted)
        history.append(float(total))
        return history[-1] / history[0], np.float64(tape.gradient(total, profile)) / history[0]

    found = optimize.minimize(
        value,
        np.full(CELLS, MEAN),
        jac=True,
        method="SLSQP",
        bounds=[(0, 3 * MEAN)] * CELLS,
        constraints={"type": "eq", "fun": lambda p: np.mean(p) - MEAN, "jac": lambda p: np.full(CELLS, 1 / CELLS)},
        options={"maxiter": 3 if quick else 250, "ftol": 1e-6},
    )
    best = found.x
    uniform = np.full(CELLS, MEAN)
    row = {
        "iterations": int(found.nit),
        "evaluations": len(history),
        "driven_first": history[0],
        "driven_last": min(history),
    }
    for name, p in (("uniform", uniform), ("found", best)):
        row[f"inlet_{name}"], row[f"lift_{name}"] = real_drag(p)
        row[f"inlet_{name}_64"], _ = real_drag(p, 64)
    row = {k: five_digits(v) for k, v in row.items()} | {"message": str(found.message)}
    show("drag", [row])
    return {
        "rows": [row],
        "profile": [five_digits(float(v)) for v in best],
        "history": [five_digits(h) for h in history],
    }
