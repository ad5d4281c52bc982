"""The evaluation of guesses: iterations, wall time, and a running simulation."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from phi.math import NUMPY
from phi.tf import TENSORFLOW

from ...correctors.files import load_runs
from ...correctors.guess import PoissonGuess
from ...errors import InputError, integer
from ...evaluation.evaluator import Evaluation
from ...evaluation.groups import mean_and_deviation, trained_alike
from ...evaluation.report import write_reports
from ...kernels.settings import traced
from ...places import check_place
from ...pressure.iterative import ConjugateGradients
from ...solvers.iterative import IterativeFlow
from ...storage.dataset import Dataset, find_simulations, folder_names
from ...storage.files import versions, write_json
from ...training.task import Show
from .experiment import PoissonExperiment
from .problems import MOST, Problems, first_below, problems_of, residual_history
from .report import error_spectrum, figures, report
from .tables import DIRECT, ZERO

LOG = logging.getLogger(__name__)
TOLERANCES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
TIMED = 20  # problems
SIMULATIONS = 5
PREVIOUS, MULTIGRID = "previous step", "multigrid"
NORM = "max |∇·(u* - ∇p)| over cells"
FACTS = ("passes", "method", "unroll", "seed", "network")  # of a guess, in results


def evaluate_guesses(
    experiment: PoissonExperiment,
    runs: Mapping[str, PoissonGuess | str | Path] | Sequence[str | Path],
    data: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    frames: int | None = None,
    command: str = "",
    progress: Callable[[str, int, int], None] = lambda part, done, total: None,
) -> Evaluation:
    """
    Solves the test problems of a scene from every guess, and runs simulations with each; writes `results.json`,
    `report.html`, `report.md`, `residual_history.png`, `guesses.png` and `error_spectrum.png` into `out`. For arguments
    and errors see `phi_sol.evaluate`; without runs, the solvers without a guess are evaluated alone. `frames` are the
    steps of the running simulations, by default the scene's.
    """
    steps = experiment.simulation_steps if frames is None else integer("The number of frames", frames, 1)
    flow = experiment.pair.source
    if out is not None:
        check_place(Path(out), "Name another folder (out=).")
    guesses = load_guesses(runs, flow)
    test = Dataset(experiment.pair, find_simulations(data, "test"))
    test.check_unseen([g.description for g in guesses.values()], "guess")
    problems = problems_of(test, experiment.samples)
    b = -problems.divergence
    starts = {ZERO: np.zeros_like(b), PREVIOUS: problems.previous} | {n: g.predict(b) for n, g in guesses.items()}
    operator = flow.projection.solver.operator
    histories = {n: residual_history(operator, b, p, min(TOLERANCES)) for n, p in starts.items()}
    solvers = {n: {"iterations": iterations(h), "residual": _statistics(h[:, 0])} for n, h in histories.items()}
    for name in guesses:
        solvers[name]["error"] = error_spectrum(starts[name], problems.pressure)["facts"]
    multigrid = multigrid_solver(flow)
    solvers |= other_solvers(flow, b, multigrid, histories)
    for name, milliseconds in time_solves(flow, guesses, multigrid, problems, experiment.tolerance).items():
        solvers[name]["ms_per_solve"] = milliseconds
    show = partial(progress, "running simulations")
    for name, facts in simulate(flow, test, guesses, experiment.tolerance, steps, show).items():
        solvers[name]["simulation"] = facts
    described = {n: g.description | {"passes": g.passes} for n, g in guesses.items()}
    results = {
        "scene": experiment.name,
        "task": "guess",
        "frames": steps,
        "parameters": test.simulations,
        "data": {"folder": folder_names(data), "fingerprints": test.fingerprints},
        "guesses": {n: {f: g.get(f) for f in FACTS} for n, g in described.items()},
        "samples": len(b),
        "residual_norm": NORM,
        "tolerance": experiment.tolerance,
        "solvers": solvers,
        "groups": {n: _over_seeds(runs, solvers) for n, runs in trained_alike(guesses, described).items()},
        "versions": versions(),
        "command": command,
    }
    if out is None:
        return Evaluation(results, {}, [])
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "results.json", results)
    once = {n: starts[n] for n, g in guesses.items() if g.passes == 1}
    drawn = figures(out, flow, {n: h for n, h in histories.items() if n in once or n not in guesses}, once, problems)
    return Evaluation(results, {}, [out / "results.json", *write_reports(report(results, drawn), out), *drawn])


def load_guesses(runs, flow) -> dict[str, PoissonGuess]:
    """Guesses by name, checked against the flow; each also with two passes."""
    taken = (ZERO, PREVIOUS, DIRECT, MULTIGRID).__contains__
    if isinstance(runs, Mapping):
        once = {n: PoissonGuess.load(g) if isinstance(g, str | Path) else g for n, g in runs.items()}
        for name, guess in once.items():
            guess.check_flow(flow)
            if taken(name):
                raise InputError(f"{name!r} means something else in an evaluation: give it another name.")
    else:
        once = load_runs([Path(r) for r in runs], PoissonGuess.load, flow, taken)
    result: dict[str, PoissonGuess] = {}
    for n, g in once.items():
        result |= {n: g, f"{n}, twice": PoissonGuess(g.network, g.scale, g.description, passes=2)}
    return result


def iterations(history: np.ndarray) -> dict[str, dict]:
    """Mean and standard deviation of the iterations to each tolerance, over samples."""
    needed = first_below(history, TOLERANCES)
    return {f"{t:g}": _statistics(column) for t, column in zip(TOLERANCES, needed.T, strict=True)}


def _over_seeds(runs: list[str], solvers: dict[str, dict]) -> dict:
    """Mean and standard deviation (of a sample; None for a single run) over runs of the samples' means."""
    counts = [solvers[r]["iterations"] for r in runs]
    found = {t: mean_and_deviation([c[t]["mean"] for c in counts]) for t in counts[0]}
    return {"runs": runs, "iterations": {t: {"mean": mean, "std": std} for t, (mean, std) in found.items()}}


def _statistics(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean()), "std": float(values.std())}


def multigrid_solver(flow) -> ConjugateGradients | None:
    """Conjugate gradients with multigrid as preconditioner; None, and a line in the log, if PyAMG is not installed."""
    try:
        return ConjugateGradients(flow.projection.solver, "multigrid")
    except InputError as err:
        LOG.warning("%s Its row is left out.", err)
        return None


def other_solvers(
    flow, b: np.ndarray, multigrid: ConjugateGradients | None, histories: dict[str, np.ndarray]
) -> dict[str, dict]:
    """What the direct solve leaves, and the iterations with multigrid, whose history is added to the others."""
    domain = flow.projection.solver
    left = np.abs(b - domain.operator(NUMPY, _direct(domain)(tf.constant(b))[0].numpy()))
    result: dict[str, dict] = {DIRECT: {"residual": _statistics(left.reshape(len(b), -1).max(1))}}
    if multigrid is not None:
        cycles = multigrid.solve(b, tolerance=min(TOLERANCES), max_iterations=MOST, history=True).history
        histories[MULTIGRID] = cycles[:, : int(np.isfinite(cycles).sum(1).max())]
        result[MULTIGRID] = {"iterations": iterations(histories[MULTIGRID])}
    return result


def _direct(domain) -> Callable:
    return traced(lambda b: [domain.solve_native(TENSORFLOW, b)])


def time_solves(
    flow, guesses: dict[str, PoissonGuess], multigrid: ConjugateGradients | None, problems: Problems, tolerance: float
) -> dict[str, float]:
    """
    Median wall time in milliseconds of one solve of one problem to the tolerance, in float64, over up to 20 problems,
    the solvers taking turns: with the network of a learned guess, without compilation or the set-up of multigrid.
    """
    b, domain = -problems.divergence, flow.projection.solver
    cg, direct = ConjugateGradients(domain), _direct(domain)
    solve = traced(lambda b, p: [cg.solve(b, p, tolerance, max_iterations=MOST).p])

    def guessed(guess, b, previous):
        return solve(b, tf.cast(guess.compiled(tf.cast(b, tf.float32)), tf.float64))

    runs: dict[str, Callable] = {ZERO: lambda b, previous: solve(b, tf.zeros_like(b)), PREVIOUS: solve}
    runs |= {name: partial(guessed, guess) for name, guess in guesses.items()}
    runs[DIRECT] = lambda b, previous: direct(b)
    if multigrid is not None:
        runs[MULTIGRID] = lambda b, previous: [tf.constant(multigrid.solve(b.numpy(), None, tolerance).p)]
    times = {n: [] for n in runs}
    for i in [0, *range(min(TIMED, len(b)))]:  # the first one twice: it compiles
        given = tf.constant(b[i : i + 1]), tf.constant(problems.previous[i : i + 1])
        for name, run in runs.items():
            begin = time.perf_counter()
            _ = run(*given)[0].numpy()
            times[name].append(time.perf_counter() - begin)
    return {n: 1e3 * float(np.median(t[1:])) for n, t in times.items()}


def simulate(
    flow, test: Dataset, guesses: dict[str, PoissonGuess], tolerance: float, steps: int, progress: Show
) -> dict[str, dict]:
    """
    Runs the first test simulations (at most 5) from their start, one after another, with every way to solve for the
    pressure. Gives by solver `steps`, `runs`, mean `iterations` and `seconds` of a run, and `drift`, the mean absolute
    difference of the velocity to that with the direct solve over faces, components and runs, after the last step.
    """
    ways = {ZERO: "zero", PREVIOUS: "previous"} | guesses
    solver = IterativeFlow(flow, "zero", tolerance)  # one for all, compiled once
    runs = min(SIMULATIONS, len(test))
    names = [n for n in test.arrays if n.startswith("velocity")]
    reference, result, done = [], {}, 0
    for name in [DIRECT, *ways]:
        if name in ways:
            solver.guess = ways[name]
        step = solver if name in ways else flow
        total, seconds, drift = 0, 0.0, []
        for i in range(runs):
            arrays = {n: tf.constant(a[i : i + 1, 0]) for n, a in test.arrays.items()}
            parameters = {n: tf.constant(p[i : i + 1]) for n, p in test.parameters.items()}
            if i == 0:
                step(arrays, parameters)  # compiles
            begin, counts = time.perf_counter(), []
            for _ in range(steps):
                arrays = step(arrays, parameters)
                counts.append(arrays.get("iterations", [0]))
            last = {n: arrays[n].numpy() for n in names}
            seconds += time.perf_counter() - begin
            total += sum(int(c[0]) for c in counts)
            if name == DIRECT:
                reference.append(last)
            drift.append(np.mean([np.abs(last[n] - reference[i][n]).mean() for n in names]))
            done += steps
            progress(done, runs * steps * (1 + len(ways)))
        means = {"iterations": total / runs, "seconds": seconds / runs, "drift": float(np.mean(drift))}
        result[name] = {"steps": steps, "runs": runs} | means
    return result
