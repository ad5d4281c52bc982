"""Long runs of source, hybrids and reference from the same start, measured as they go."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from ..metrics.errors import MAE
from ..metrics.metric import number, numbers
from ..stepping.arrays import field_arrays
from ..storage.dataset import Dataset
from .measures import Measures

BLOW_UP = 100.0  # fields beyond this many times the largest value of the reference count as blown up


@dataclass
class Record:
    """
    What is known of the rollouts of one solver.

    Attributes:
        mae: MAE of the velocity or what else is compared, shape (frames, simulations); NaN from the frame on in which a
            simulation blew up.
        kept: Compared arrays by frame number, shape (simulations, *spatial) each.
        ms_per_step: Wall time of one step of one simulation in milliseconds; NaN if it was not measured.
        series: All measures by name, shape (frames, simulations, ...); NaN likewise.
    """

    mae: np.ndarray
    kept: dict[int, dict[str, np.ndarray]]
    ms_per_step: float
    series: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def blow_ups(self) -> int:
        """Number of simulations that blew up."""
        return int(np.isnan(self.mae[-1]).sum())

    @property
    def blew_up_at(self) -> list[int | None]:
        """The frame in which each simulation blew up; None for one that did not."""
        return [int(np.isnan(m).argmax()) + 1 if np.isnan(m).any() else None for m in self.mae.T]

    def mean(self, frames: int, measure: str = "mae") -> float | None:
        """Mean of a measure over the first frames and all simulations; None if any of them blew up by then."""
        return number(self.of(measure)[:frames].mean())

    def mean_per_simulation(self, frames: int, measure: str = "mae") -> list[float | None]:
        """The same for each simulation."""
        return numbers(self.of(measure)[:frames].mean(0))

    def of(self, measure: str) -> np.ndarray:
        """A measure by name, shape (frames, simulations, ...)."""
        return self.mae if measure == "mae" else self.series[measure]


def run_solver(
    solver,
    data: Dataset,
    frames: int,
    keep: list[int],
    progress: Callable[[int, int], None] = lambda done, total: None,
    measures: Measures | None = None,
    start: dict[str, np.ndarray] | None = None,
    timed: bool = True,
) -> Record:
    """
    Rolls a solver out from frame 0 of all simulations at once and compares it with the recorded frames. A simulation
    that blows up takes no part in any measure from then on; when all have, the rollout ends.

    Args:
        solver: Any solver whose rollouts are on the source grid.
        frames: Number of steps.
        keep: Frames whose compared arrays are kept.
        progress: Called with (steps done, steps in all).
        measures: What is measured; default: the MAE only.
        start: Arrays to start from instead of frame 0, shape (simulations, *spatial) each.
        timed: Whether the time per step is measured, afterwards.
    """
    measures = measures or Measures(data, frames, metrics=[MAE])
    names = measures.names
    arrays = {n: tf.constant(a) for n, a in (data.frame(0) if start is None else start).items()}
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    parts = [field_arrays(data.pair.source, f) for f in measures.fields]
    limits = {n: BLOW_UP * data.largest(together) for together in parts for n in together}
    series, kept, blown, done = {}, {}, np.zeros(len(data), bool), 0
    for block in solver.blocks(arrays, parameters, frames):
        block = {n: a.numpy() for n, a in block.items()}
        count, gone = len(block[names[0]]), blown
        for n in names:
            gone = gone | ~(np.abs(block[n]).reshape(len(block[n]), len(data), -1).max(2) <= limits[n])
        gone = np.logical_or.accumulate(gone)
        for frame in set(keep) & set(range(done + 1, done + count + 1)):
            kept[frame] = {n: block[n][frame - done - 1] for n in names}
        calm = {n: np.where(gone.reshape(*gone.shape, *[1] * (a.ndim - 2)), np.float32(0), a) for n, a in block.items()}
        for name, values in measures.block(calm, measures.recorded(done + 1, count)).items():
            values[gone] = np.nan
            series.setdefault(name, np.full((frames, *values.shape[1:]), np.nan))[done : done + count] = values
        for step in range(done, done + count):
            progress(step + 1, frames)
        blown, done = gone[-1], done + count
        if blown.all():
            break
    one = {n: a[:1] for n, a in arrays.items()}, {n: p[:1] for n, p in parameters.items()}
    return Record(series["mae"], kept, time_step(solver, *one) if timed else float("nan"), series)


def time_step(solver, arrays, parameters, seconds: float = 1.0, steps: int = 20) -> float:
    """
    Median wall time of one step in milliseconds, in compiled loops of so many steps, over at least 3 loops and about
    `seconds`; tracing is not counted. The state has batch size 1 for the time of one simulation.
    """
    dt = tf.constant(solver.dt, next(iter(arrays.values())).dtype)
    solver.loop.steps(arrays, parameters, dt, steps)
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        t = time.perf_counter()
        next(iter(solver.loop.steps(arrays, parameters, dt, steps).values())).numpy()
        times.append(time.perf_counter() - t)
    return 1e3 * float(np.median(times)) / steps


def time_reference(data: Dataset) -> float:
    """Median wall time of one reference step of one simulation in milliseconds."""
    arrays = {n: tf.constant(a[None].astype(np.float32)) for n, a in data.reference_frame(0, 0).items()}
    return time_step(data.pair.reference, arrays, {n: tf.constant(p[:1]) for n, p in data.parameters.items()})
