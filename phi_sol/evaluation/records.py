"""Long runs of source, hybrids and reference from the same start, measured as they go."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import tensorflow as tf

from ..errors import InputError
from ..metrics.errors import MAE
from ..metrics.metric import decimal, number, numbers
from ..stepping.solver import Solver
from ..storage.dataset import Dataset
from .measures import Measures
from .timing import time_step

MOST_STEPS = 1000  # per frame


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
        every: The solver has a state at every so many frames: more than 1 where it takes longer steps than the source.
        dt: Its time step.
        is_full: Whether all is there that a report shows of a solver, at every frame.
    """

    mae: np.ndarray
    kept: dict[int, dict[str, np.ndarray]]
    ms_per_step: float
    series: dict[str, np.ndarray] = field(default_factory=dict)
    every: int = 1
    dt: float = 1.0
    is_full: bool = True

    def __repr__(self):
        frames, simulations = self.mae.shape
        error = decimal(number(self.mae.mean()), 4)
        cost = f", {self.ms_per_step:.3g} ms per step" if np.isfinite(self.ms_per_step) else ""
        blown = f", {self.blow_ups} blew up" if self.blow_ups else ""
        return f"Record({frames} frames of {simulations} simulations, mae {error}{cost}{blown})"

    @property
    def ms_per_time(self) -> float:
        """The cost: wall time of one unit of simulated time, of one simulation, in milliseconds."""
        return self.ms_per_step / self.dt

    @property
    def blow_ups(self) -> int:
        """Number of simulations that blew up."""
        return int(np.isnan(self.mae[-1]).sum())

    @property
    def blew_up_at(self) -> list[int | None]:
        """The frame in which each simulation blew up; None for one that did not."""
        return [self.every * (int(np.isnan(m).argmax()) + 1) if np.isnan(m).any() else None for m in self.mae.T]

    def mean(self, frames: int, measure: str = "mae") -> float | None:
        """
        Mean of a measure over the first frames, of those that there are, and all simulations; None if any of them blew
        up by then.
        """
        return number(self.of(measure)[: frames // self.every].mean())

    def mean_per_simulation(self, frames: int, measure: str = "mae") -> list[float | None]:
        """The same for each simulation."""
        return numbers(self.of(measure)[: frames // self.every].mean(0))

    def shared_mean(self, frames: int, every: int) -> float | None:
        """Mean MAE at every so many of the first frames, a multiple of its own; None if a simulation blew up."""
        step = every // self.every
        return number(self.mae[: frames // self.every][step - 1 :: step].mean())

    def of(self, measure: str) -> np.ndarray:
        """A measure by name, shape (frames, simulations, ...)."""
        return self.mae if measure == "mae" else self.series[measure]


def landing(solver: Solver, dt: float) -> tuple[int, int]:
    """
    Of frames dt apart: how many steps a solver takes from one state on a frame to the next, and how many frames this
    is. Raises InputError if its steps do not land on the frames.
    """
    frames = Fraction(solver.dt / dt).limit_denominator(MOST_STEPS)
    if frames == 0 or abs(float(frames) * dt / solver.dt - 1) > 1e-6:
        raise InputError(f"{solver} can't be compared with frames {dt:g} apart: its steps of {solver.dt:g} miss them.")
    return frames.denominator, frames.numerator


def run_solver(
    solver: Solver,
    data: Dataset,
    frames: int,
    keep: list[int],
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    measures: Measures | None = None,
    start: dict[str, np.ndarray] | None = None,
    timed: bool = True,
) -> Record:
    """
    Rolls a solver out from frame 0 of all simulations at once and compares it with the recorded frames. A simulation
    that blows up takes no part in any measure from then on; when all have, the rollout ends.

    Args:
        solver: Any solver whose rollouts are on the source grid. Where its steps are shorter than the source's, several
            lead from frame to frame; longer ones are compared where they land on a frame.
        frames: Number of frames.
        keep: Frames whose compared arrays are kept, where the solver has them.
        progress: Called with (frames done, frames in all).
        measures: What is measured; default: the MAE only.
        start: Arrays to start from instead of frame 0, shape (simulations, *spatial) each.
        timed: Whether the time per step is measured, afterwards.

    Raises:
        InputError: if the solver's steps do not land on the frames, or there are fewer than one of its steps.
    """
    steps, every = landing(solver, data.pair.source.dt)
    rows = frames // every
    if not rows:
        raise InputError(f"{solver} takes {every} frames in {steps} steps, but only {frames} are to be compared.")
    measures = measures or Measures(data, frames, metrics=[MAE])
    names = measures.names
    arrays = {n: tf.constant(a) for n, a in (data.frame(0) if start is None else start).items()}
    parameters = {n: tf.constant(p) for n, p in data.parameters.items()}
    limits = measures.limits
    series, kept, blown, done = {}, {}, np.zeros(len(data), bool), 0
    for block in solver.blocks(arrays, parameters, rows * steps, steps):
        block = {n: a.numpy() for n, a in block.items()}
        count, gone = len(block[names[0]]), blown
        for n in names:
            gone = gone | ~(np.abs(block[n]).reshape(len(block[n]), len(data), -1).max(2) <= limits[n])
        gone = np.logical_or.accumulate(gone)
        for frame in set(keep) & set(range((done + 1) * every, (done + count) * every + 1, every)):
            kept[frame] = {n: block[n][frame // every - done - 1] for n in names}
        calm = {n: np.where(gone.reshape(*gone.shape, *[1] * (a.ndim - 2)), np.float32(0), a) for n, a in block.items()}
        for name, values in measures.block(calm, measures.recorded((done + 1) * every, count, every)).items():
            values[gone] = np.nan
            series.setdefault(name, np.full((rows, *values.shape[1:]), np.nan))[done : done + count] = values
        for row in range(done, done + count):
            progress((row + 1) * every, rows * every)
        blown, done = gone[-1], done + count
        if blown.all():
            break
    one = {n: a[:1] for n, a in arrays.items()}, {n: p[:1] for n, p in parameters.items()}
    milliseconds = time_step(solver, *one) if timed else float("nan")
    return Record(series["mae"], kept, milliseconds, series, every=every, dt=solver.dt)
