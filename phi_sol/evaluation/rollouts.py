"""The rollouts of an evaluation: which solvers are run, how far, and what each of them costs."""

from collections.abc import Callable
from functools import partial

from ..errors import InputError, interrupted
from ..metrics.errors import MAE
from ..stepping.solver import Solver
from .baselines import Plain, Starts
from .cost import REFERENCE
from .illustrate import kept_frames
from .measures import Measures
from .records import Record, landing, run_solver
from .timing import runner, time_alternately
from .trial import mae_record, trial_errors, worth_running


def roll_out(
    plain: dict[str, Plain], trained: dict[str, Solver], measures: Measures, progress: Callable[[str, int, int], None]
) -> tuple[dict[str, Record], dict[str, Plain], float]:
    """
    Times all solvers, tries the plain ones briefly, and rolls those out that are worth it.

    Returns:
        Records by name, those of the plain solvers without all measures; the plain solvers that were rolled out; and
            the time of one step of the reference in milliseconds.
    """
    data, frames, starts = measures.data, measures.frames, Starts(measures.data)
    source, reference = data.pair.source, data.pair.reference
    solvers: dict[str, Solver] = {"SRC": source} | {n: p.solver for n, p in plain.items()} | trained
    parameters = {n: p[:1] for n, p in data.parameters.items()}
    timed = {n: (s, starts.of(s)) for n, s in solvers.items()} | {REFERENCE: (reference, starts.full)}
    jobs = {n: runner(s, {k: a[:1] for k, a in start.items()}, parameters, True) for n, (s, start) in timed.items()}
    ms = time_alternately(jobs, progress=partial(progress, "timing"))
    costs = {n: ms[n] / solvers[n].dt for n in ["SRC", *plain]}
    show = partial(progress, "plain numerics, briefly")
    try_out = lambda names: trial_errors({n: solvers[n] for n in names}, costs, measures, starts, show)  # noqa: E731
    chosen = worth_running(plain, costs, ms[REFERENCE] / reference.dt, try_out) if plain else []
    plain = {n: plain[n] for n in sorted(chosen, key=lambda n: not plain[n].named)}
    brief, records = Measures(data, frames, measures.fields, metrics=[MAE]), {}
    others = [n for n in plain if not plain[n].named]
    try:
        for name in ["SRC", *plain, *trained]:
            if name in others:
                records[name] = mae_record(solvers[name], brief, starts)
                progress("plain numerics", others.index(name) + 1, len(others))
                continue
            solver, full = solvers[name], landing(solvers[name], source.dt)[1] == 1
            keep, what = kept_frames(frames) if full else [], measures if full else brief
            how: dict = dict(measures=what, start=starts.of(solver), timed=False)
            records[name] = run_solver(solver, data, frames, keep, partial(progress, name), **how)
            records[name].is_full = full
    except KeyboardInterrupt as err:
        there = ", ".join(records) or "nothing"
        raise interrupted(err, f"The evaluation was interrupted, measured is {there}", records) from None
    for name, record in records.items():
        record.ms_per_step = ms[name]
    return records, plain, ms[REFERENCE]


def check_steps(name: str, solver: Solver, dt: float, frames: int):
    """Raises InputError if a solver does not land on the frames."""
    try:
        _, every = landing(solver, dt)
    except InputError as err:
        raise InputError(f"{name}: {err}") from err
    if every > frames:
        raise InputError(f"{name} has a state every {every} frames only: compare at least so many, not {frames}.")
