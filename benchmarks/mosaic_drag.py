"""
The drag task of mosaic.py: the profile of an inflow for which the drag of a cylinder is least, at a constant rate, by
`phi_sol.Design` with the inlet as the unknown; its values are kept between about zero and three times their mean.
"""

import time
from pathlib import Path

import numpy as np
from common import five_digits, show

CELLS, VISCOSITY, DT, STEPS, MEAN = 32, 0.0025, 0.02, 200, 0.5
EVERY, AFTER = 10, 109  # the drag counts every so many steps after this one: in the second half


def unit_channel(dt: float = DT, cells: int = CELLS):
    """A unit square with walls at rest, a cylinder of radius 0.05 in the middle."""
    from phi.geom import Sphere

    from phi_sol import WakeFlow

    return WakeFlow(
        **dict(y=cells, x=cells, size=dict(y=1.0, x=1.0), radius=1.0, speed=1.0, dt=dt, walls="no-slip"),
        obstacles=Sphere(y=0.5, x=0.5, radius=0.05),
        advection="central",
        inflow=dict(y=(0.05, 0.1)),
    )


def drag_of(flow):
    """
    `phi_sol.metrics.force` along the stream in operations that TensorFlow differentiates, of a state: what arrives per
    time on the faces of the cylinder, Σ V (a - ∇p), with a the rates without pressure and p = 0 inside.
    """
    from phi import math
    from phi.field import spatial_gradient
    from phi.math.extrapolation import get_normal

    def drag(state):
        velocity, rates = state.velocity, flow.rates(state)["velocity"].values
        _, pressure = flow.projection(velocity.with_values(velocity.values + DT * rates))
        slope = spatial_gradient(pressure, get_normal(velocity.boundary), at="face")
        arriving = (rates - slope.values / DT) * (1 - flow.projection.open_faces.values)
        return float(np.prod(list(flow.spacing.values()))) * math.sum(arriving[{"~vector": "y"}], "y,x")

    return drag


def measured(profile: np.ndarray, cells: int = CELLS) -> tuple[float, float]:
    """Mean drag by `phi_sol.metrics.force`, and the lift's largest size, over the second half, on another grid."""
    from phi_sol import metrics

    flow = unit_channel(DT / 2 * CELLS / cells, cells)  # some profiles are fast
    start = flow.initial_state(reynolds=1 / VISCOSITY, poke=0.0, inlet=np.repeat(profile, cells // CELLS))
    frames = flow.rollout(start, 2 * STEPS * cells // CELLS, 20 * cells // CELLS, progress=False)
    half = {n: np.asarray(a)[len(a) // 2 :, 0] for n, a in frames.arrays.items()}
    forces = metrics.force(flow, half, np.full(len(next(iter(half.values()))), VISCOSITY))
    return float(forces["y"].mean()), float(np.abs(forces["x"]).max())


def drag(quick: bool, images: Path | None) -> dict:
    from phi_sol import Design, Profile

    flow, steps = unit_channel(), 20 if quick else STEPS
    start = flow.initial_state(reynolds=1 / VISCOSITY, poke=0.0, inlet=MEAN)
    inlet = Profile("inlet", mean=MEAN, bounds=(0.0, 3 * MEAN))
    begin = time.perf_counter()
    task = Design(flow, start, inlet, drag_of(flow), steps=steps, every=EVERY, after=0 if quick else AFTER)
    found = task.fit(3 if quick else 100, progress=False)
    row = {
        "iterations": len(found.gradients),
        "seconds": time.perf_counter() - begin,
        "first": found.before,
        "last": found.quantity,
        "projected gradient, last over first": found.gradients[-1] / found.gradients[0],
    }
    for name, p in (("uniform", np.full(CELLS, MEAN)), ("found", found.values["inlet"])):
        row[f"half_dt_{name}"], row[f"lift_{name}"] = measured(p)
        row[f"64_cells_{name}"], _ = measured(p, 64)
    row = {k: five_digits(v) for k, v in row.items()} | {"message": found.message}
    show("drag", [row])
    profile = [five_digits(float(v)) for v in found.values["inlet"]]
    return {"rows": [row], "profile": profile, "history": [five_digits(h) for h in found.history]}
