"""The tasks of mosaic.py that need gradients: accuracy, cost, horizon, recovery of an initial field, least drag."""

import functools
import json
import re
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
from common import five_digits, show
from scipy import optimize

RING = dict(peak=2.0, spread=0.5)
FASTEST = 0.3


@functools.cache
def ring(n: int, dims: str, dt: float, viscosity: float, dtype: str = "float32", seed: int = 0, **options):
    """A box and its start, waves around k = 2 with the greatest speed 0.3, as arrays, parameters and batch shape."""
    import tensorflow as tf
    from phi.math import NUMPY, precision

    from phi_sol import PeriodicBox
    from phi_sol.stepping.arrays import pack

    cells = dict.fromkeys(dims, n)
    with NUMPY, precision(64):
        state = PeriodicBox(**cells, dt=dt, **RING, **options).initial_state(seed=seed, viscosity=viscosity)
        fastest = max(float(abs(state.velocity.values[{"~vector": d}].numpy(list(dims))).max()) for d in dims)
        flow = PeriodicBox(**cells, dt=dt, **RING, speed=FASTEST / fastest, **options)
        arrays, parameters, shape = pack(flow, flow.initial_state(seed=seed, viscosity=viscosity))
    cast = lambda group: {n: tf.cast(a, dtype) for n, a in group.items()}  # noqa: E731
    return flow, cast(arrays), cast(parameters), shape


def final(flow, arrays: dict, parameters: dict, shape, steps: int) -> dict:
    from phi import math

    from phi_sol.stepping.arrays import unpack

    with math.precision(64 if next(iter(arrays.values())).dtype.size == 8 else 32):
        frames = flow.rollout(unpack(flow, arrays, parameters, shape), steps, steps, False)
    return {n: a[-1] for n, a in frames.arrays.items()}


# --- accuracy ---


def gradient(data: Path, quick: bool, images: Path | None) -> dict:
    """
    The gradient of a sum or a random projection of the final field with respect to the initial one, in 15 random
    directions, against central differences in float64: cosine, and relative L2 difference, of all slopes together.
    """
    cases = [("yx", steps, kind) for steps in (20, 80, 200, 320) for kind in ("sum", "projection")]
    cases += [("yxz", 20, "sum"), ("yxz", 20, "projection"), ("yxz", 200, "projection")]
    rows = []
    for dims, steps, kind in cases[: 1 if quick else None]:
        flow, arrays, parameters, shape = ring(16, dims, 0.05, 1e-3, "float64")
        rng = np.random.default_rng(steps)
        weights = {n: rng.standard_normal(a.shape) if kind == "projection" else np.ones(a.shape)
                   for n, a in arrays.items()}  # fmt: skip

        def value(arrays, flow=flow, parameters=parameters, shape=shape, steps=steps, weights=weights) -> float:
            ends = final(flow, arrays, parameters, shape, steps)
            return sum(float(np.sum(np.float64(a) * weights[n])) for n, a in ends.items())

        directions = [{n: rng.standard_normal(a.shape) for n, a in arrays.items()} for _ in range(15)]
        lengths = [np.sqrt(sum(np.sum(v**2) for v in d.values())) for d in directions]
        directions = [{n: v / size for n, v in d.items()} for d, size in zip(directions, lengths, strict=True)]
        ends = [[value({n: a + s * 1e-5 * d[n] for n, a in arrays.items()}) for s in (1, -1)] for d in directions]
        expected = np.array([(a - b) / 2e-5 for a, b in ends])
        row = {"dimensions": len(dims), "steps": steps, "of": kind}
        for dtype in ("float64", "float32"):
            found = slopes(*ring(16, dims, 0.05, 1e-3, dtype), steps, weights, directions)
            cosine = expected @ found / np.linalg.norm(expected) / np.linalg.norm(found)
            error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
            row |= {f"1-cosine_{dtype}": float(1 - cosine), f"error_{dtype}": float(error)}
        rows.append({k: five_digits(v) for k, v in row.items()})
    show("gradient", rows)
    return {"rows": rows}


def slopes(flow, arrays, parameters, shape, steps, weights, directions) -> np.ndarray:
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(arrays)
        ends = final(flow, arrays, parameters, shape, steps)
        total = sum(tf.reduce_sum(a * tf.cast(weights[n], a.dtype)) for n, a in ends.items())
    found = {n: np.float64(g) for n, g in tape.gradient(total, arrays).items()}
    return np.array([sum(np.sum(found[n] * v) for n, v in d.items()) for d in directions])


# --- cost and horizon, each case in a process of its own ---


def alone(task: str, *args) -> dict:
    """The result of a function of this file in a fresh process, so that its peak memory is its own."""
    code = f"import json, mosaic_gradients as m; print(json.dumps(m.{task}(*{args!r})))"
    out = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True)
    if out.returncode:
        return {"failed": out.stderr.strip().splitlines()[-1][:300]}
    return json.loads(out.stdout.splitlines()[-1])


def peak_mb() -> float:
    """Of this process, by Linux's own count; what getrusage says begins with the memory of the parent."""
    status = Path("/proc/self/status")
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024 if status.exists() else float("nan")


def of_squares(flow, arrays, parameters, shape, steps) -> tuple[dict, float]:
    """The gradient of the sum of squares of the final field, and its norm."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(arrays)
        total = sum(tf.reduce_sum(a**2) for a in final(flow, arrays, parameters, shape, steps).values())
    found = tape.gradient(total, arrays)
    return found, float(np.sqrt(sum(np.sum(np.float64(g) ** 2) for g in found.values())))


def by_adjoint(adjoint, arrays, parameters, steps) -> tuple[dict, float]:
    """As `of_squares`, in compiled loops forward and back: what estimations and designs use."""
    import tensorflow as tf

    def cost(frames, kept, parameters):
        return tf.add_n([tf.reduce_sum(a**2) for a in kept.values()])

    found = adjoint(arrays, parameters, [steps], cost)[1]
    return found, float(np.sqrt(sum(np.sum(np.float64(g) ** 2) for g in found.values())))


def one_cost(n: int, repeats: int) -> dict:
    """
    100 steps (dt = 0.01, ν = 0.01): the least of some calls in turns, wall and processor time; memory before and after,
    that of the gradient by a tape, as the most of both.
    """
    from phi_sol.stepping.adjoint import Adjoint

    problem, steps = ring(n, "yx", 0.01, 0.01), 100
    flow, arrays, parameters, _ = problem
    adjoint = Adjoint(flow)
    calls = {
        "forward": lambda steps: {k: np.asarray(a) for k, a in final(*problem, steps).items()},
        "adjoint": lambda steps: by_adjoint(adjoint, arrays, parameters, steps),
        "gradient": lambda steps: of_squares(*problem, steps),
    }
    result = {}
    for name, call in calls.items():
        begin = time.perf_counter()
        call(steps if name == "adjoint" else 2)  # compiles
        result[f"{name}_first_s"] = time.perf_counter() - begin
    result["loaded_mb"] = peak_mb()
    times = {name: [] for name in calls}
    for _, (name, call) in product(range(repeats), calls.items()):
        begin = time.perf_counter(), time.process_time()
        call(steps)
        times[name].append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    for name, found in times.items():
        wall, processor_time = np.min(found, axis=0).tolist()
        result |= {f"{name}_s": wall, f"{name}_processor_s": processor_time}
    return result | {"peak_mb": peak_mb()}


def cost(data: Path, quick: bool, images: Path | None) -> dict:
    """Seconds of 100 steps in 2D, forward and with the gradient, and the peak memory of the process."""
    sizes = (64,) if quick else (64, 128, 192, 256)
    rows = [{"cells": n} | {k: five_digits(v) for k, v in alone("one_cost", n, 5).items()} for n in sizes]
    show("cost of 100 steps", rows)
    return {"rows": rows}


def one_horizon(steps: int) -> dict:
    """3D Taylor-Green vortices, N = 20, ν = 0.001, dt = 0.05: gradient through `steps` steps."""
    from phi.math import NUMPY

    from phi_sol import PeriodicBox
    from phi_sol.stepping.arrays import pack

    flow = PeriodicBox(y=20, x=20, z=20, dt=0.05, initial="taylor_green")
    with NUMPY:
        problem = flow, *pack(flow, flow.initial_state(viscosity=1e-3))
    of_squares(*problem, 2)  # compiles
    begin = time.perf_counter()
    norm = of_squares(*problem, steps)[1]
    return {
        "norm": norm,
        "finite": bool(np.isfinite(norm)),
        "seconds": time.perf_counter() - begin,
        "peak_mb": peak_mb(),
    }


def horizon(data: Path, quick: bool, images: Path | None) -> dict:
    """Gradients through ever more steps, until one fails."""
    rows = []
    for steps in (40,) if quick else (40, 320, 1280, 2560, 5120, 10240):
        rows.append({"steps": steps} | {k: five_digits(v) for k, v in alone("one_horizon", steps).items()})
        if not rows[-1].get("finite"):
            break
    show("horizon", rows)
    return {"rows": rows}


# --- recovery ---


def recovery(data: Path, quick: bool, images: Path | None) -> dict:
    """
    The initial field of a 3D flow (N = 16, ν = 0.01, dt = 0.02, 100 steps) from the final one, from zeros on: L-BFGS
    of the squared difference, where what is varied is projected onto ∇·u = 0 first.
    """
    import tensorflow as tf

    from phi_sol.stepping.arrays import pack, unpack

    rows = []
    for seed in (0,) if quick else (0, 1, 2):
        steps, iterations = (5, 3) if quick else (100, 100)
        flow, truth, parameters, shape = ring(16, "yxz", 0.02, 0.01, seed=seed)
        names, target = list(truth), final(flow, truth, parameters, shape, steps)

        def start(flat, flow=flow, names=names, truth=truth, parameters=parameters, shape=shape):
            parts = tf.split(flat, [int(np.prod(truth[n].shape)) for n in names])
            given = {n: tf.reshape(p, truth[n].shape) for n, p in zip(names, parts, strict=True)}
            state = unpack(flow, given, parameters, shape)
            return pack(flow, state.with_fields(velocity=flow.projection(state.velocity)[0]))[0]

        def loss(flat, flow=flow, start=start, parameters=parameters, shape=shape, steps=steps, target=target):
            x = tf.constant(flat, tf.float32)
            with tf.GradientTape() as tape:
                tape.watch(x)
                ends = final(flow, start(x), parameters, shape, steps)
                value = sum(tf.reduce_mean((a - target[n]) ** 2) for n, a in ends.items())
            return float(value), np.float64(tape.gradient(value, x))

        zeros = np.zeros(sum(int(np.prod(a.shape)) for a in truth.values()))
        first, begin = loss(zeros)[0], time.perf_counter()
        scale = 1 / first  # of order one, as the method's tolerances expect
        found = optimize.minimize(
            lambda flat, loss=loss, scale=scale: tuple(scale * v for v in loss(flat)),
            zeros, jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxfun": 10**6, "ftol": 0, "gtol": 0},
        )  # fmt: skip
        own, exact = (
            np.concatenate([np.ravel(g[n]) for n in names]) for g in (start(tf.constant(found.x, tf.float32)), truth)
        )
        row = {"seed": seed, "iterations": int(found.nit), "evaluations": int(found.nfev), "ratio": float(found.fun)}
        row["error"] = float(np.linalg.norm(own - exact) / np.linalg.norm(exact))
        rows.append({k: five_digits(v) for k, v in (row | {"seconds": time.perf_counter() - begin}).items()})
    show("recovery: final over first loss, relative L2 error of the initial field", rows)
    return {"rows": rows}


def drag(data: Path, quick: bool, images: Path | None) -> dict:
    """The inflow of least drag, see mosaic_drag.py."""
    from mosaic_drag import drag

    return drag(quick, images)
