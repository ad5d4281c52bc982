"""Wall time of steps, in compiled loops."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from ..kernels.compiled import Arrays
from ..stepping.solver import Solver
from ..storage.dataset import Dataset

SECONDS = 6.0  # that all solvers of a comparison together are timed for, as a rule
ROUNDS = 3, 15  # turns of each, at least and at most
LONGEST = 400  # steps of one turn, at most: what a call costs must not count
TRIES = 3  # of one step: the least says how long it takes, as a first call may wait

Run = Callable[[int], object]
"""Takes so many steps, and returns when they are done."""


def runner(solver: Solver, arrays: Arrays, parameters: Arrays, choose: bool = False) -> Run:
    """
    Steps of a solver from a state, in its compiled loop; with `choose` in that of the ways to compile it that was, or
    now is, measured to be the fastest on this machine, as in long rollouts.
    """
    arrays = solver.begin({n: tf.convert_to_tensor(a) for n, a in arrays.items()})
    parameters = {n: tf.convert_to_tensor(p) for n, p in parameters.items()}
    dt = tf.constant(solver.dt, next(iter(arrays.values())).dtype)
    if choose:
        solver.choose(arrays, parameters)
    return lambda steps: next(iter(solver.loop.steps(arrays, parameters, dt, steps).values())).numpy()


def time_alternately(
    runs: Mapping[str, Run],
    seconds: float = SECONDS,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """
    Median wall time of one step in milliseconds, by name. All are compiled first; then they take turns, so that what
    else the machine does meets all of them alike. Turns are loops of up to 400 steps, fewer of what is slow; there are
    3 to 15 of each, as many as fit into about `seconds` in all.

    Args:
        progress: Called with (compiled, solvers) while they are compiled.
        clock: Time in seconds.
    """
    for done, run in enumerate(runs.values(), 1):
        run(1)
        progress(done, len(runs))
    share, lengths = seconds / (2 * ROUNDS[0]) / max(1, len(runs)), {}
    for name, run in runs.items():
        lengths[name] = _length(run, share, clock)
    times, start = {n: [] for n in runs}, clock()
    for turn in range(ROUNDS[1]):
        if turn >= ROUNDS[0] and clock() - start > seconds:
            break
        for name, run in runs.items():
            begin = clock()
            run(lengths[name])
            times[name].append((clock() - begin) / lengths[name])
    return {n: 1e3 * float(np.median(t)) for n, t in times.items()}


def _length(run: Run, seconds: float, clock: Callable[[], float]) -> int:
    """How many steps of a solver take about so long: of a step alone most is the call, of some the step is."""
    steps = 1
    for tries in (TRIES, 1):
        taken = []
        for _ in range(tries):
            begin = clock()
            run(steps)
            taken.append((clock() - begin) / steps)
        steps = int(np.clip(seconds / max(min(taken), 1e-9), 1, LONGEST))
    return steps


def time_step(solver: Solver, arrays: Arrays, parameters: Arrays, seconds: float = 1.0, steps: int = 20) -> float:
    """
    Median wall time of one step of one solver in milliseconds, in compiled loops of so many steps, over at least 3
    loops and about `seconds`; tracing is not counted. The state has batch size 1 for the time of one simulation.
    """
    run, times = runner(solver, arrays, parameters), []
    run(steps)
    begin = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        t = time.perf_counter()
        run(steps)
        times.append(time.perf_counter() - t)
    return 1e3 * float(np.median(times)) / steps


def time_reference(data: Dataset) -> float:
    """Median wall time of one reference step of one simulation in milliseconds."""
    arrays = {n: tf.constant(a[None].astype(np.float32)) for n, a in data.reference_frame(0, 0).items()}
    return time_step(data.pair.reference, arrays, {n: tf.constant(p[:1]) for n, p in data.parameters.items()})
