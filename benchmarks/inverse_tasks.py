"""Estimates and designs of inverse.py beside the Reynolds number, from frames with 1 % noise, of one or two grids."""

import statistics
import time
from pathlib import Path

import inverse_figures as figures
import numpy as np
from phi import math

import phi_sol as ps

NOISE = 0.01  # of the deviation of what is seen
PERIOD = 100.0  # of shedding, about: diameter over 0.2 times the speed


def noisy(frames, seed: int) -> tuple:
    """The frames with noise, and its deviation by field."""
    rng, values, deviation = np.random.default_rng(seed), {}, {}
    for field in {n.partition(".")[0] for n in frames.arrays}:
        names = [n for n in frames.arrays if n.partition(".")[0] == field]
        deviation[field] = NOISE * float(np.std(np.concatenate([frames.arrays[n].ravel() for n in names])))
        for n in names:
            noise = deviation[field] * rng.normal(size=frames.arrays[n].shape)
            values[n] = (frames.arrays[n] + noise).astype(np.float32)
    return ps.Rollout(frames.flow, values, frames.parameters, frames.times), deviation


def repeated(seeds: int, frames, see, task, off, draw=None, *, grids="one grid", **how) -> dict:
    """Error and time over seeds of the noise; what was found with the first is drawn."""
    errors, seconds, chi2 = [], [], []
    for seed in range(seeds):
        values, deviation = noisy(frames, seed)
        begin = time.perf_counter()
        found = task(see(values, deviation)).fit(progress=False, **how)
        seconds.append(time.perf_counter() - begin)
        errors.append(off(found))
        chi2.append(found.chi2)
        print(grids, seed, errors[-1], round(seconds[-1], 1), found, flush=True)
        if draw is not None and seed == 0:
            draw(found)
    spread = statistics.stdev(errors) if seeds > 1 else 0.0
    row = {"recorded on": grids, "seeds": seeds, "off": statistics.mean(errors), "deviation": spread}
    row |= {"most": max(errors), "chi2": statistics.mean(chi2)}
    return row | {"seconds": statistics.median(seconds), "first_seconds": seconds[0]}


def with_parameters(state, **values):
    return ps.State(state.fields, state.parameters | {n: math.wrap(v) for n, v in values.items()})


def as_seen(pair, fine, steps: int, start) -> ps.Rollout:
    """What the reference does from a state of its own on, restricted, with the parameters of the source's start."""
    frames = pair.restrict(pair.fine.rollout(fine, steps, progress=False))
    return ps.Rollout(pair.source, frames.arrays, start.parameters, frames.times)


def relative(values: np.ndarray, true: np.ndarray) -> float:
    return float(np.linalg.norm(values - true) / np.linalg.norm(true))


def inlet(seeds: int, images: Path | None = None) -> list[dict]:
    """
    32 values that enter the wake, from its velocity along the stream, ten frames of 10 units of time: in 0 to 100, and,
    for frames of the reference (256x128), also ahead of the cylinder alone, where the source can follow it.
    """
    from phi.math import spatial, wrap

    pair = ps.SolverPair(ps.WakeFlow, {"y": 64, "x": 32}, ratio=4, dt=2.0)
    x = np.linspace(0, 1, 32)
    true = (
        1 + 0.2 * np.sin(2 * np.pi * x) + 0.1 * np.cos(6 * np.pi * x) + 0.05 * np.random.default_rng(9).normal(size=32)
    )
    developed = lambda f: f.rollout(f.initial_state(reynolds=300.0, inlet=1.0), 200, keep_every=200, progress=False)  # noqa: E731
    entering = lambda s, values: with_parameters(s, inlet=wrap(values, spatial("x")))  # noqa: E731
    own, fine = developed(pair.source).last, developed(pair.reference).last
    there = entering(pair.restrict(fine), np.ones(32))
    frames = pair.source.rollout(entering(own, true), 50, progress=False)
    restricted = as_seen(pair, entering(fine, np.repeat(true, pair.ratio)), 50, there)

    def found(grids: str, start, recorded, end: float, draw=None) -> dict:
        see = lambda f, s: ps.Observations(f, "velocity", every=5, region={"y": (0, end)}, noise=s["velocity"])  # noqa: E731
        task = lambda seen: ps.Estimation(pair.source, start, ps.Profile("inlet"), seen)  # noqa: E731
        off = lambda f: relative(f.estimates["inlet"], true)  # noqa: E731
        return repeated(seeds, recorded, see, task, off, draw, grids=grids) | {"seen until y": end}

    return [
        found("one grid", own, frames, 100, images and (lambda f: figures.inlet(images, 100 * x, true, f))),
        *(found("two grids", there, restricted, end) for end in (37, 100)),
    ]


def field(seeds: int, images: Path | None = None) -> list[dict]:
    """
    The initial velocity of 128x128 cells in a periodic box, from three later frames, without a prior; the reference
    has 512x512.
    """
    pair = ps.SolverPair(
        ps.PeriodicBox, {"y": 128, "x": 128}, ratio=4, time_ratio=4, dt=0.025, advection="central", peak=4
    )
    box, fine = pair.source, pair.reference.initial_state(seed=1, viscosity=2e-3)
    layout = box.layouts["velocity"]

    def values(state):
        return np.concatenate([np.ravel(a) for a in layout.to_arrays(state.velocity, state.batch_shape).values()])

    def found(grids: str, start, frames, draw=None) -> dict:
        guess = start.with_fields(velocity=box.field("velocity", 0.0))
        see = lambda f, s: ps.Observations(f, every=20, noise=s["velocity"])  # noqa: E731
        task = lambda seen: ps.Estimation(box, guess, ps.InitialField("velocity"), seen)  # noqa: E731
        off = lambda f: relative(values(f.state), values(start))  # noqa: E731
        return repeated(seeds, frames, see, task, off, draw, grids=grids, iterations=200, method="l-bfgs")

    own, there = box.initial_state(seed=1, viscosity=2e-3), pair.restrict(fine)
    draw = images and (lambda f: figures.field(images, box, own, f))
    return [
        found("one grid", own, box.rollout(own, 60, progress=False), draw),
        found("two grids", there, as_seen(pair, fine, 60, there)),
    ]


def cylinder(seeds: int, images: Path | None = None) -> list[dict]:
    """
    Place and radius of a smooth cylinder, from its wake beyond y = 80; error of the worst one in cells. The references
    have 128x64 and 256x128 cells.
    """
    body = ps.Disc("cylinder", center={"y": 50.0, "x": 50.0}, radius=10.0, free=("y", "x", "radius"))
    true = {"cylinder_y": 53.1, "cylinder_x": 47.2, "cylinder_radius": 11.3}
    bounds = {"cylinder_y": (30.0, 70.0), "cylinder_x": (30.0, 70.0), "cylinder_radius": (7.0, 16.0)}

    def found(grids: str, ratio: int, draw: Path | None = None) -> dict:
        wake = {"dt": 2.0, "advection": "mac_cormack", "bodies": [body]}
        pair = ps.SolverPair(ps.WakeFlow, {"y": 64, "x": 32}, ratio=ratio, time_ratio=min(ratio, 2), **wake)
        begin = pair.reference.initial_state(reynolds=100.0)
        fine = pair.fine.rollout(begin, 200, keep_every=200, progress=False).last
        start, cell = pair.restrict(fine), pair.source.spacing["y"]
        frames = as_seen(pair, with_parameters(fine, **true), 50, start)
        see = lambda f, s: ps.Observations(f, "velocity", every=5, region={"y": (80, 180)}, noise=s["velocity"])  # noqa: E731
        unknown = lambda n: ps.Parameter(n, bounds=bounds[n], scale=None if "radius" in n else 10.0)  # noqa: E731
        task = lambda seen: ps.Estimation(pair.source, start, [unknown(n) for n in bounds], seen)  # noqa: E731
        off = lambda f: max(abs(f.estimates[n] - v) / cell for n, v in true.items())  # noqa: E731
        drawn = draw and (lambda f: figures.cylinder(draw, body, true, frames, f))
        return repeated(seeds, frames, see, task, off, drawn, grids=grids, windows=10) | {"ratio": ratio}

    return [found("one grid", 1, images), found("two grids", 2), found("two grids", 4)]


def plume(seeds: int, images: Path | None = None) -> list[dict]:
    """
    Buoyancy and rate of a smooth source of a plume that begins to rise, from ten frames of 2 units of time of its
    smoke: how far off the worse one is, relative. The reference has 512x256 cells.
    """
    import tensorflow as tf
    from phi.math import spatial, wrap

    rate, true, strength = tf.Variable(0.2), 0.1, 0.2
    options = {"dt": 0.5, "advection": "central"}
    pair = ps.SolverPair(ps.BuoyantPlume, {"y": 128, "x": 64}, ratio=4, time_ratio=4, **options)

    def emitting(flow):
        centers = [(np.arange(flow.resolution[d]) + 0.5) * flow.spacing[d] for d in "yx"]
        shape = np.exp(-((centers[0][:, None] - 30) ** 2 + (centers[1] - 50) ** 2) / (2 * 12**2))
        source = wrap(shape.astype(np.float32), spatial("y,x"))
        return flow.with_terms(ps.FunctionTerm(lambda s, r: {"marker": r * source}, [rate]))

    coarse, fine = emitting(pair.source), emitting(pair.reference)
    clear = lambda flow: flow.initial_state(seed=0, buoyancy=true).with_fields(marker=flow.field("marker", 0.0))  # noqa: E731
    there = fine.rollout(clear(fine), 40 * pair.time_ratio, keep_every=pair.time_ratio, progress=False)
    restricted = pair.restrict(ps.Rollout(pair.reference, there.arrays, there.parameters, there.times))
    start, rows = clear(coarse), []
    frames = {"one grid": coarse.rollout(start, 40, progress=False)}
    frames["two grids"] = ps.Rollout(coarse, restricted.arrays, start.parameters, restricted.times)

    def task(seen):
        rate.assign(0.1)
        return ps.Estimation(coarse, start, [ps.Parameter("buoyancy", 0.05), ps.Weights(rate, "rate", None)], seen)

    see = lambda f, s: ps.Observations(f, "marker", every=4, noise=s["marker"])  # noqa: E731
    off = lambda f: max(abs(f.estimates["buoyancy"] / true - 1), abs(float(f.estimates["rate"][0]) / strength - 1))  # noqa: E731
    for grids, recorded in frames.items():
        rate.assign(strength)
        rows.append(repeated(seeds, recorded, see, task, off, grids=grids))
    return rows


def spinning() -> tuple:
    """A cylinder that may spin at Re = 100 by diameter, its developed wake, and its drag coefficient."""
    body = ps.Disc("cylinder", center={"y": 50.0, "x": 50.0}, radius=10.0, free=("spin",))
    flow = ps.WakeFlow(y=128, x=64, dt=1.0, advection="mac_cormack", bodies=[body])
    start = flow.rollout(flow.initial_state(reynolds=50.0), 400, keep_every=400, progress=False).last
    half = 0.5 * flow.speed**2 * 2 * body.numbers["radius"]
    return flow, start, lambda state: ps.metrics.body_forces(flow, state)["cylinder"]["y"] / half


def drags(solver, drag, start) -> tuple[np.ndarray, np.ndarray]:
    """The drag over ten periods of shedding after 300 units of time, and the surface speed of the cylinder."""
    settled = solver.rollout(start, 300, keep_every=300, progress=False).last
    frames = solver.rollout(settled, int(10 * PERIOD), keep_every=10, progress=False)
    spins = frames.diagnostics.get("cylinder_spin")
    values = []
    for k in range(len(frames)):
        state = frames[k]
        if spins is not None:
            now = math.wrap(spins[k], math.batch("batch")) if state.batch_shape else math.wrap(spins[k, 0])
            state = ps.State(state.fields, dict(state.parameters) | {"cylinder_spin": now})
        values.append(drag(state).numpy("batch"))
    speed = 10 * (np.asarray(frames.parameters["cylinder_spin"])[None] + np.zeros((len(frames), 1)))
    return np.array(values), speed if spins is None else 10 * spins


def rotation(seeds: int, images: Path | None = None) -> list[dict]:
    """The spin of a cylinder at Re = 100 by diameter of least drag, tried over ten periods of shedding."""
    flow, start, drag = spinning()
    unknown = ps.Parameter("cylinder_spin", 0.05, bounds=(-0.3, 0.3), scale=0.1)
    begin = time.perf_counter()
    found = ps.Design(flow, start, unknown, drag, steps=100, every=10, after=30).fit(12, progress=False)
    seconds = time.perf_counter() - begin
    spins = math.wrap([0.0, found.values["cylinder_spin"]], math.batch("batch"))
    both = drags(flow, drag, ps.State(start.fields, start.parameters | {"cylinder_spin": spins}))
    if images:
        figures.rotation(images, "inverse_rotation.png", ["at rest", "spinning"], *both)
    row = {"spin": found.values["cylinder_spin"], "surface speed": 10 * found.values["cylinder_spin"]}
    means = both[0].mean(0)
    return [row | {"at rest": float(means[0]), "spinning": float(means[1]), "seconds": seconds}]


def controller(seeds: int, images: Path | None = None) -> list[dict]:
    """
    A network that sees the velocity at four probes in the wake and sets the spin of the cylinder, trained through 100
    steps, first from the wake of the cylinder at rest, then from where the control has led by then, four times;
    tried over ten periods beside the cylinder at rest.
    """
    import keras

    keras.utils.set_random_seed(0)
    flow, start, drag = spinning()
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(8, "tanh"), keras.layers.Dense(1, kernel_initializer="zeros")]
    )
    seen = ps.Probes("velocity", [{"y": y, "x": x} for y in (70.0, 90.0) for x in (42.0, 58.0)])
    solver = ps.Controlled(flow, ps.NeuralControl(model, {"cylinder_spin": (-0.3, 0.3)}, seen))
    begin, now = time.perf_counter(), start
    for _ in range(5):
        found = ps.Design(solver, now, ps.Weights(model), drag, steps=100, every=10, after=30).fit(5, progress=False)
        print(found, flush=True)
        now = solver.rollout(now, 200, keep_every=200, progress=False).last
    seconds = time.perf_counter() - begin
    rest, controlled = drags(flow, drag, start), drags(solver, drag, start)
    pairs = [np.concatenate([np.reshape(a, (len(a), -1)) for a in p], 1) for p in zip(rest, controlled, strict=True)]
    if images:
        figures.rotation(images, "inverse_controller.png", ["at rest", "controlled"], *pairs)
    values, speeds = pairs
    row = {"at rest": float(values[:, 0].mean()), "controlled": float(values[:, 1].mean())}
    row |= {"mean surface speed": float(speeds[:, 1].mean()), "its deviation": float(speeds[:, 1].std())}
    return [row | {"over the horizon": [found.before, found.quantity], "seconds": seconds}]


TASKS = {f.__name__: f for f in (inlet, field, cylinder, plume, rotation, controller)}
