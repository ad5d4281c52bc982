"""How good a reference is: how far it is from itself with a smaller time step, a finer grid, another scheme."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from phi.math import batch

from ..errors import InputError, integer
from ..experiment import Experiment
from ..flows.advection import SCHEMES
from ..metrics.errors import MAE
from ..solvers.finer import FinerSource
from ..solvers.pair import SolverPair
from ..solvers.time_step import WithTimeStep
from ..stepping.arrays import native_arrays, unpack
from ..stepping.solver import Solver
from ..storage.dataset import Dataset
from .baselines import Starts, advects, is_stable
from .measures import Measures
from .records import run_solver

HALF, TWICE = "half dt", "twice the resolution"
HALVINGS = 6  # of the time step at most, to make the finer grid stable
SIMULATIONS = 2  # unless it is said


@dataclass(frozen=True)
class Variant:
    """The reference with another discretisation; `solver` has rollouts on the source grid, `start` its arrays."""

    solver: Solver
    start: dict[str, np.ndarray]


def reference_error(
    experiment: Experiment,
    measures: Measures,
    simulations: int = SIMULATIONS,
    progress: Callable[[str, int, int], None] = lambda part, done, total: None,
) -> dict:
    """
    Runs the reference with half its time step, with twice its resolution, and with every other scheme of advection,
    from the same full-resolution frame 0, over the same times, and compares it with itself on the source grid.

    Returns:
        `reference_error`: the MAE by `half dt`, `twice the resolution` and the name of the scheme, None for one that
            blew up; `reference_error_facts`: the `parameters` of the simulations, and the time step of each run.
    """
    count = integer("The number of simulations that the reference's error is measured over", simulations, 1)
    total = len(measures.data)  # those that are measured are spread over all
    data = measures.data.only(sorted({int(i) for i in np.linspace(0, total - 1, min(count, total)).round()}))
    part = Measures(data, measures.frames, measures.fields, metrics=[MAE])
    found, steps = {}, {}
    for name, make in variants(experiment, data).items():
        variant = make()
        how: dict = dict(measures=part, start=variant.start, timed=False)
        record = run_solver(variant.solver, data, part.frames, [], partial(progress, f"REF, {name}"), **how)
        found[name], steps[name] = record.mean(part.frames), variant.solver.dt
    return {"reference_error": found, "reference_error_facts": {"parameters": data.simulations, "dt": steps}}


def variants(experiment: Experiment, data: Dataset) -> dict[str, Callable[[], Variant]]:
    """What makes each of them, by name: they are large, so that there is one at a time."""
    pair, starts = experiment.pair, Starts(data)
    own = pair.reference_options
    same = lambda solver: Variant(solver, starts.full)  # noqa: E731
    made: dict = {HALF: lambda: same(WithTimeStep(_seen(pair), pair.reference.dt / 2))}
    made[TWICE] = lambda: _twice(experiment, data, starts)
    for scheme in SCHEMES if advects(experiment) else ():
        other = _pair(experiment, pair.ratio, pair.time_ratio, own | {"advection": scheme}).reference
        if scheme != pair.reference.advection and is_stable(other, other.dt, data.simulations):
            made[scheme] = lambda scheme=scheme: same(
                _seen(_pair(experiment, pair.ratio, pair.time_ratio, own | {"advection": scheme}))
            )
    return made


def _pair(experiment: Experiment, ratio: int, time_ratio: int, own: dict) -> SolverPair:
    pair, options = experiment.pair, experiment.options
    how: dict = dict(time_ratio=time_ratio, reference_options=own)
    return SolverPair(experiment.flow, pair.source.resolution, ratio, **how, **options)


def _seen(pair: SolverPair) -> FinerSource:
    return FinerSource(pair, pair.reference)


def _twice(experiment: Experiment, data: Dataset, starts: Starts) -> Variant:
    """
    On cells half as large, with the reference's time step, or halves of it where this is not stable there. It starts
    from the reference by linear interpolation, made free of divergence: what this loses counts in.
    """
    pair, own = experiment.pair, experiment.pair.reference_options
    finer = _pair(experiment, 2 * pair.ratio, pair.time_ratio, own)
    step = pair.reference.dt
    tried = (step / 2**k for k in range(HALVINGS + 1))
    dt = next((s for s in tried if is_stable(finer.reference, s, data.simulations)), None)
    if dt is None:
        raise InputError(f"{finer.reference} is not stable with {step / 2**HALVINGS:g}: its error can't be measured.")
    between = SolverPair(experiment.flow, pair.reference.resolution, 2, **{**experiment.options, **own})
    batched, parameters = batch(batch=len(data)), data.parameters
    state = between.prolong(unpack(between.source, starts.full, parameters, batched))
    if finer.reference.incompressible and "velocity" in finer.reference.fields:
        velocity, _ = finer.reference.projection(state.velocity)
        state = state.with_fields(velocity=velocity)
    arrays = native_arrays(finer.reference, state, batched)
    start = {n: np.asarray(a, np.float32) for n, a in arrays.items()}
    return Variant(WithTimeStep(_seen(finer), dt), start)
