"""
One step of the wake flow, as a single call and inside a loop of `LOOP` steps, against PhiFlow's own operators with
TensorFlow and with JAX (conjugate gradients), and against JAX-CFD.
"""

import math

from common import rollout, row, size_name, skip, wake_flow
from course import measured, measuring
from sides import Case, Effort, Side, SkippedError, alternate

LOOP = 50
REYNOLDS = 500.0
SIZES = [dict(y=64, x=32), dict(y=256, x=128), dict(y=1024, x=512), dict(y=32, x=16, z=16), dict(y=128, x=64, z=64)]
PHIFLOW = {"PhiFlow + TensorFlow, CG": "tensorflow", "PhiFlow + JAX, CG": "jax"}
PHIFLOW_CELLS = 600_000
"""Cells of all simulations together beyond which a call of PhiFlow takes minutes."""
QUICK_CELLS = 50_000


def time_step(resolution: dict[str, int]) -> float:
    """The paper's dt = 1 up to 256 cells along the stream; beyond, the same cells per step as there."""
    return min(1.0, 256 / resolution["y"])


def phi_sol_cases(resolution: dict[str, int], batch: int) -> dict[str, Case]:
    """One step and `LOOP` steps from a developing wake (`start`)."""
    import tensorflow as tf
    from phi.math import NUMPY
    from phi.math import batch as batch_dims

    from phi_sol.stepping.arrays import pack, unpack

    flow = wake_flow(resolution, dt=time_step(resolution))
    with NUMPY:
        arrays, parameters, _ = pack(flow, flow.initial_state([REYNOLDS] * batch))
    dt, loop = tf.constant(flow.dt, tf.float32), rollout(flow, LOOP)
    start = loop(arrays, parameters, dt)
    state = unpack(flow, start, parameters, batch_dims(batch=batch))

    def finished(result: dict) -> dict:
        result["marker"].numpy()  # waits for the result
        return result

    return {
        "start": lambda: start,
        "step": lambda: finished(flow.compiled(start, parameters, dt)),
        "loop": lambda: finished(loop(start, parameters, dt)),
        "states": lambda: flow.step(state).marker.values.native(["batch", *resolution]).numpy(),
    }


def phiflow_cases(library: str, resolution: dict[str, int], start: dict) -> dict[str, Case]:
    """One step of PhiFlow from the same start."""
    if library == "jax":
        import jax  # noqa: F401  its absence is reported as such
    import numpy as np
    from peers import jax_case, phiflow_peer, tensorflow_case

    flow = wake_flow(resolution, dt=time_step(resolution))
    make = {"tensorflow": tensorflow_case, "jax": jax_case}[library]
    return {"step": make(phiflow_peer(flow), start, np.full(len(start["marker"]), REYNOLDS), flow.dt)}


def jax_cfd_cases(resolution: dict[str, int], batch: int) -> dict[str, Case]:
    from peers import jax_cfd_cases

    flow = wake_flow(resolution)
    return jax_cfd_cases(flow.size, resolution, batch, flow.speed * flow.radius / REYNOLDS, LOOP)


def check_same_physics(ours: dict, theirs: dict, peer: str):
    """
    Raises:
        RuntimeError: if one step of PhiFlow from the same start ends elsewhere than its tolerance explains.
    """
    for name, expected in theirs.items():
        error = abs(ours[name] - expected).max()
        if not error < 0.01:  # 2e-4 with a tolerance of 1e-3
            raise RuntimeError(
                f"{name} after one step of phi_sol and {peer} differs by {error:.3g}: they do not compute the same "
                "thing."
            )


class Comparison:
    """All sides, started once and prepared for one size and batch after the other."""

    def __init__(self):
        self.ours, self.jax_cfd = Side(phi_sol_cases), Side(jax_cfd_cases)
        self.phiflow = {name: Side(phiflow_cases) for name in PHIFLOW}

    def close(self):
        for side in (self.ours, self.jax_cfd, *self.phiflow.values()):
            side.close()

    def measure(self, resolution: dict[str, int], batch: int, effort: Effort) -> list[dict]:
        size = size_name(resolution)
        cells = batch * math.prod(resolution.values())
        if effort.quick and cells > PHIFLOW_CELLS:
            raise SkippedError(f"{cells} cells take too long for --quick")
        self.ours.prepare(resolution, batch)
        cases = {"step": (self.ours, "step"), "loop": (self.ours, "loop")}
        for name, side in self.phiflow.items():
            try:
                self._prepare_phiflow(name, side, resolution, cells, effort)
                cases[name] = side, "step"
            except SkippedError as err:
                skip(f"{name}, {size}, batch {batch}", err)
        try:
            self.jax_cfd.prepare(resolution, batch)
            cases |= {"JAX-CFD": (self.jax_cfd, "step"), "JAX-CFD, loop": (self.jax_cfd, "loop")}
        except SkippedError as err:
            skip(f"JAX-CFD, {size}, batch {batch}", err)
        times = alternate(cases, effort)
        step, loop = times.pop("step"), times.pop("loop") / LOOP
        rows = [row("wake step", size, batch, step, name, ms) for name, ms in times.items() if name != "JAX-CFD, loop"]
        looped = {name + ", single calls": times[name] for name in PHIFLOW if name in times}
        looped |= {name: times[name] / LOOP for name in ("JAX-CFD, loop",) if name in times}
        return rows + [row("wake step, loop", size, batch, loop, name, ms) for name, ms in looped.items()]

    def _prepare_phiflow(self, name: str, side: Side, resolution: dict[str, int], cells: int, effort: Effort):
        if cells > (QUICK_CELLS if effort.quick else PHIFLOW_CELLS):
            raise SkippedError(
                f"conjugate gradients on {cells} cells take "
                f"{'too long for --quick' if effort.quick else 'minutes per call'}"
            )
        try:
            side.prepare(PHIFLOW[name], resolution, self.ours.value("start"))
        except RuntimeError as err:  # PhiFlow 3.4 overflows 32-bit indices of its matrix on large 3D grids
            raise SkippedError(f"it fails: {str(err).strip().splitlines()[-1]}") from err
        check_same_physics(self.ours.value("step"), side.value("step"), name)


def cost_per_cell(effort: Effort) -> list[dict]:
    """A step in the loop per cell, on a large grid against a small one: milliseconds for a million cells."""
    small, large = SIZES[0], SIZES[2]
    with Side(phi_sol_cases) as one, Side(phi_sol_cases) as other:
        cases = {}
        for side, resolution in ((one, small), (other, large)):
            side.prepare(resolution, 1)
            cases[size_name(resolution)] = side, "loop"
        times = alternate(cases, effort)
    cost = [times[size_name(r)] / LOOP / (r["y"] * r["x"] / 1e6) for r in (small, large)]
    return [
        row(
            "cost per cell, loop",
            size_name(large),
            1,
            cost[1],
            size_name(small),
            cost[0],
            note="ms per step and million cells",
        )
    ]


def cost_of_states(effort: Effort) -> list[dict]:
    """`flow.step` of a PhiFlow state, against the compiled step of native arrays that is inside of it."""
    with Side(phi_sol_cases) as side:
        side.prepare(SIZES[0], 1)
        times = alternate({"states": (side, "states"), "step": (side, "step")}, effort)
    return [row("wake step of PhiFlow states", size_name(SIZES[0]), 1, times["states"], "arrays", times["step"])]


def run(effort: Effort, sizes: list[dict[str, int]] = SIZES, batches: tuple[int, ...] = (1, 8)) -> list[dict]:
    rows, comparison = [], Comparison()
    try:
        for resolution in sizes:
            for batch in batches:
                measuring(f"wake step, {size_name(resolution)}, batch {batch}")
                try:
                    rows += measured(comparison.measure(resolution, batch, effort))
                except SkippedError as err:
                    skip(f"wake step {size_name(resolution)}, batch {batch}", err)
    finally:
        comparison.close()
    measuring("cost per cell, and of PhiFlow states")
    return rows + measured(cost_per_cell(effort)) + measured(cost_of_states(effort))
