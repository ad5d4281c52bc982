"""
A step in a periodic box inside a loop of `LOOP` steps, against JAX-CFD's with the same scheme, grid and precision; and
100 steps with the gradient of the final state with respect to the first velocity.
"""

import math

from common import row, size_name, skip
from course import measured, measuring
from sides import Case, Effort, Side, SkippedError, alternate

LOOP, GRADIENT = 50, 100
VISCOSITY, LENGTH = 1e-3, 2 * math.pi
SIZES = [dict(y=256, x=256), dict(y=1024, x=1024), dict(y=64, x=64, z=64)]
SCHEMES = ("central", "van_leer")
QUICK_CELLS = 300_000


def time_step(resolution: dict[str, int]) -> float:
    return 0.128 / resolution["x"]


def phi_sol_cases(resolution: dict[str, int], batch: int, advection: str) -> dict[str, Case]:
    """`LOOP` steps by Heun's method, as the other side has it."""
    import functools

    import tensorflow as tf
    from phi.math import NUMPY

    from phi_sol import PeriodicBox
    from phi_sol.stepping.arrays import pack

    flow = PeriodicBox(dt=time_step(resolution), advection=advection, integrator="heun", speed=0.3, **resolution)
    with NUMPY:
        arrays, parameters, _ = pack(flow, flow.initial_state(seed=list(range(batch)), viscosity=VISCOSITY))
    loop = functools.partial(flow.loop.steps, steps=LOOP)
    dt = tf.constant(flow.dt, tf.float32)
    return {"loop": lambda: {n: a.numpy() for n, a in loop(arrays, parameters, dt).items()}}


def gradient_cases(resolution: dict[str, int], advection: str) -> dict[str, Case]:
    """`GRADIENT` steps of a script, and with them the gradient of the sum of squares at their end."""
    import tensorflow as tf
    from phi.math import NUMPY

    from phi_sol import PeriodicBox
    from phi_sol.stepping.arrays import pack, unpack

    flow = PeriodicBox(dt=time_step(resolution), advection=advection, speed=0.3, **resolution)
    with NUMPY:
        start = flow.initial_state(seed=0, viscosity=VISCOSITY)
    arrays, parameters, shape = pack(flow, start)

    def forward():
        flow.rollout(start, GRADIENT, GRADIENT)

    def gradient() -> dict:
        with tf.GradientTape() as tape:
            tape.watch(arrays)
            end = flow.rollout(unpack(flow, arrays, parameters, shape), GRADIENT, GRADIENT).arrays
            loss = tf.add_n([tf.reduce_sum(a**2) for a in end.values()])
        return {n: g.numpy() for n, g in tape.gradient(loss, arrays).items()}

    return {"forward": forward, "gradient": gradient}


def peer_cases(resolution: dict[str, int], batch: int, advection: str) -> dict[str, Case]:
    from peers import jax_cfd_box_cases

    return jax_cfd_box_cases(LENGTH, resolution, batch, VISCOSITY, time_step(resolution), advection, LOOP)


def steps(effort: Effort, sizes: list[dict[str, int]], batches: tuple[int, ...]) -> list[dict]:
    rows = []
    with Side(phi_sol_cases) as ours, Side(peer_cases) as theirs:
        for resolution in sizes:
            for batch in batches:
                if effort.quick and batch * math.prod(resolution.values()) > QUICK_CELLS:
                    skip(f"{size_name(resolution)}, batch {batch}", "it takes too long for --quick")
                    continue
                for advection in SCHEMES:
                    measuring(f"step, {advection}, {size_name(resolution)}, batch {batch}")
                    ours.prepare(resolution, batch, advection)
                    theirs.prepare(resolution, batch, advection)
                    times = alternate({"ours": (ours, "loop"), "theirs": (theirs, "loop")}, effort)
                    ms, baseline = (t / LOOP for t in times.values())
                    rows += measured([row(f"step, {advection}", size_name(resolution), batch, ms, "JAX-CFD", baseline)])
    return rows


def gradients(effort: Effort, resolution: dict[str, int]) -> list[dict]:
    """Of `GRADIENT` steps, against the steps alone; `peak_mb`: the most memory that the process had at any time."""
    rows = []
    for advection in SCHEMES:
        measuring(f"gradient of {GRADIENT} steps, {advection}, {size_name(resolution)}")
        with Side(gradient_cases) as side:
            side.prepare(resolution, advection)
            times = alternate({"forward": (side, "forward"), "gradient": (side, "gradient")}, effort)
            name, size = f"gradient of {GRADIENT} steps, {advection}", size_name(resolution)
            peak = side.peak_mb()
            rows += measured([row(name, size, 1, times["gradient"], "forward", times["forward"], peak_mb=peak)])
    return rows


def run(effort: Effort, sizes: list[dict[str, int]] = SIZES, batches: tuple[int, ...] = (1, 8)) -> list[dict]:
    try:
        rows = steps(effort, sizes, batches)
    except SkippedError as err:
        skip("steps against JAX-CFD", err)
        rows = []
    return rows + gradients(effort, sizes[0])
