"""
The errors of plain solvers: a short run of all, which tells those that are worth it from the others, and a full one of
these.
"""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from ..metrics.errors import mean_absolute_error
from ..metrics.metric import number
from ..stepping.solver import Solver
from .baselines import Plain, Starts
from .cost import Point, excess
from .measures import Measures
from .records import Record, landing

SECONDS = 20.0  # of all short runs together, about
MARGIN = 1.25  # errors above the envelope by this factor may be on it in the end
MOST = 12


def worth_running(
    plain: Mapping[str, Plain],
    costs: Mapping[str, float],
    reference_cost: float,
    errors: Callable[[list[str]], dict[str, float | None]],
) -> list[str]:
    """
    Which solvers are rolled out in full, in order: all that are `named`, and of the others that are cheaper than the
    reference those whose error in a short run is at most a quarter above the envelope of it; at most 12 of them.

    Args:
        costs: Milliseconds per unit of simulated time, by name, of all solvers without a network.
        errors: Gives the errors in the short run of solvers by name, None for one that blew up.
    """
    cheaper = [n for n in costs if costs[n] < reference_cost]
    found = errors(cheaper)
    above = excess({n: Point(costs[n], found[n]) for n in cheaper})
    others = sorted((above[n], n) for n in cheaper if n in plain and not plain[n].named and above[n] <= MARGIN)
    chosen = {n for _, n in others[:MOST]}
    return [n for n, p in plain.items() if p.named or n in chosen]


def trial_errors(
    solvers: Mapping[str, Solver],
    costs: Mapping[str, float],
    measures: Measures,
    starts: Starts,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float | None]:
    """
    MAE of solvers over the first frames of one simulation, at the frames that all of them have: over as many as fit
    into about 20 s, at least until all of them have landed once. None for one that blew up.

    Args:
        costs: Milliseconds per unit of simulated time, by name.
        measures: What is compared, over how many frames at most.
    """
    data = measures.data
    dt, simulation = data.pair.source.dt, len(data) // 2
    ways = {n: landing(s, dt)[1] for n, s in solvers.items()}
    every = int(np.lcm.reduce([*ways.values(), 1]))
    seconds = 1e-3 * sum(costs[n] for n in solvers) * dt * every
    frames = every * int(np.clip(SECONDS / max(seconds, 1e-9), 1, max(1, measures.frames // every)))
    result: dict[str, float | None] = {}
    for done, (name, solver) in enumerate(solvers.items(), 1):
        step = every // ways[name]
        result[name] = number(mae_over_time(solver, measures, starts, simulation, frames)[step - 1 :: step].mean())
        progress(done, len(solvers))
    return result


def mae_over_time(solver: Solver, measures: Measures, starts: Starts, simulation: int, frames: int) -> np.ndarray:
    """
    MAE of one simulation at the frames that a solver lands on, NaN from the one on in which it blew up: frame by frame,
    in the loop that was compiled to time it, so that nothing is compiled anew.
    """
    data, names = measures.data, measures.compared
    steps, every = landing(solver, data.pair.source.dt)
    parameters = {n: tf.constant(p[simulation : simulation + 1]) for n, p in data.parameters.items()}
    start = {n: tf.constant(a[simulation : simulation + 1]) for n, a in starts.of(solver).items()}
    arrays, dt, limits = solver.begin(start), tf.constant(solver.dt, tf.float32), measures.limits
    result = np.full(frames // every, np.nan)
    for row in range(len(result)):
        arrays = solver.loop.steps(arrays, parameters, dt, steps)
        shown = {n: a.numpy() for n, a in solver.loop.kept(arrays, parameters).items() if n in limits}
        if not all(np.abs(a).max() <= limits[n] for n, a in shown.items()):
            break
        right = {n: data.arrays[n][simulation : simulation + 1, (row + 1) * every] for n in names}
        result[row] = mean_absolute_error(shown, right, names)[0]
    return result


def mae_record(
    solver: Solver,
    measures: Measures,
    starts: Starts,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Record:
    """The MAE of a solver alone, of all simulations, one after the other."""
    every, columns = landing(solver, measures.data.pair.source.dt)[1], []
    for simulation in range(len(measures.data)):
        columns.append(mae_over_time(solver, measures, starts, simulation, measures.frames))
        progress(len(columns), len(measures.data))
    mae = np.stack(columns, 1)
    return Record(mae, {}, float("nan"), {"mae": mae}, every=every, dt=solver.dt, is_full=False)
