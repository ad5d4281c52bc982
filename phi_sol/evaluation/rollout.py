"""Long runs of source, hybrids and reference from the same start, and their errors."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..data.dataset import Dataset
from ..stepping import array_names, rollout, tf
from .metrics import mean_absolute_error

BLOW_UP = 100.0  # velocities beyond this many times the largest of the reference count as blown up


@dataclass
class Rollout:
    """
    Result of one solver.

    Attributes:
        mae: Velocity MAE, shape (frames, simulations); NaN from the frame on in which a simulation blew up.
        kept: Velocity arrays by frame number, shape (simulations, *spatial) each.
        ms_per_step: Wall time of one step of one simulation in milliseconds.
    """

    mae: np.ndarray
    kept: dict[int, dict[str, np.ndarray]]
    ms_per_step: float

    @property
    def blow_ups(self) -> int:
        """Number of simulations that blew up."""
        return int(np.isnan(self.mae[-1]).sum())

    def mean(self, frames: int) -> float | None:
        """MAE over the first frames and all simulations; None if any of them blew up by then."""
        value = float(self.mae[:frames].mean())
        return value if np.isfinite(value) else None

    def mean_per_simulation(self, frames: int) -> list[float | None]:
        """The same for each simulation."""
        return [float(v) if np.isfinite(v) else None for v in self.mae[:frames].mean(0)]


def run_solver(solver, data: Dataset, frames: int, keep: list[int], progress: Callable[[], None] = lambda: None) -> Rollout:
    """
    Rolls a solver out from frame 0 of all simulations at once and compares it with the recorded frames.

    Args:
        solver: `CompiledFlow` of the source, or `HybridSolver`.
        data: Test simulations.
        frames: Number of steps.
        keep: Frames whose velocity is kept.
        progress: Called after each step.
    """
    names = [n for n in array_names(solver.flow) if n.startswith("velocity")]
    start = {n: tf.constant(a) for n, a in data.frame(0).items()}
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    limit = BLOW_UP * data.largest(names)
    mae, kept = np.full((frames, len(data)), np.nan), {}
    blown = np.zeros(len(data), bool)
    for i, arrays in enumerate(rollout(solver, start, parameters, frames), 1):
        values = {n: arrays[n].numpy() for n in names}
        largest = np.max([np.abs(v).reshape(len(v), -1).max(1) for v in values.values()], axis=0)
        blown |= ~(largest <= limit)
        errors = mean_absolute_error(values, {n: data.arrays[n][:, i] for n in names}, names)
        mae[i - 1] = np.where(blown, np.nan, errors)
        if i in keep:
            kept[i] = values
        progress()
    return Rollout(mae, kept, time_step(solver, {n: a[:1] for n, a in start.items()}, {n: p[:1] for n, p in parameters.items()}))


def time_step(solver, arrays, parameters, seconds: float = 1.0, steps: int = 20) -> float:
    """
    Median wall time of one step in milliseconds, in compiled loops of some steps, over at least 3 loops and about `seconds`; tracing
    is not counted.

    Args:
        solver: `CompiledFlow` or `HybridSolver`.
        arrays: State, batch size 1 for the time of one simulation.
        parameters: Parameters of the state.
        seconds: Time to spend.
        steps: Steps of one loop.
    """
    dt = tf.constant(solver.flow.dt, next(iter(arrays.values())).dtype)
    solver.loop.steps(arrays, parameters, dt, steps)
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        t = time.perf_counter()
        result = solver.loop.steps(arrays, parameters, dt, steps)
        _ = next(iter(result.values())).numpy()
        times.append(time.perf_counter() - t)
    return 1e3 * float(np.median(times)) / steps


def time_reference(data: Dataset) -> float:
    """Median wall time of one reference step of one simulation in milliseconds."""
    flow = data.pair.reference
    arrays = {n: tf.constant(a[None].astype(np.float32)) for n, a in data.reference_frame(0, 0).items()}
    return time_step(flow.compiled, arrays, {n: tf.constant(p[:1]) for n, p in data.parameters.items()})
