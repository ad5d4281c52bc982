"""The tables of an evaluation of guesses, made from `results.json` alone."""

from ...evaluation.compare import Values
from ...evaluation.tables import Table, spread

ZERO, DIRECT = "zero guess", "direct solve"
# Um et al. 2020, appendix B.4: mean and deviation of iterations to 1e-3 over 100 samples, from the authors' results
PUBLISHED_AT = "0.001"
PUBLISHED = {ZERO: (121.6, 13.4), "non": (52.2, 17.5), "phy": (79.1, 10.0), "sol": (29.6, 14.8)}
PUBLISHED_STEPS = 5  # k of the published SOL-k


def tables(results: dict) -> list[Table]:
    """Iterations; and time, the running simulation, and errors. From `results.json` alone."""
    made = [iteration_table(results), seed_table(results), time_table(results)]
    return [t for t in made if t.rows]


def published(results: dict, name: str) -> tuple[float, float] | None:
    """What is published for a solver of this evaluation; None if nothing is."""
    guess = results["guesses"].get(name, {"method": name, "unroll": 1, "passes": 1})
    if guess["passes"] > 1 or (guess["method"] == "sol" and guess["unroll"] != PUBLISHED_STEPS):
        return None
    return PUBLISHED.get(guess["method"])


def iteration_table(results: dict) -> Table:
    """Iterations to each tolerance, mean and standard deviation over samples, beside the published ones."""
    solvers, at = results["solvers"], f"{results['tolerance']:g}"
    tolerances = list(solvers[ZERO]["iterations"])
    rows = []
    for name, entry in solvers.items():
        counts = {t: spread(c["mean"], c["std"], 1) for t, c in entry.get("iterations", {}).items()}
        known = published(results, name) if at == PUBLISHED_AT else None
        cells = [counts.get(t, "-") for t in tolerances]
        rows.append([name, *cells, _percent(_share(solvers, name, at)), spread(*known, 1) if known else ""])
    note = (
        f"Residual: {results['residual_norm']}. Of zero: share of the iterations from zero to {at}. "
        "Published: Um et al. 2020, other data."
    )
    title = f"Iterations to a residual, {results['samples']} test problems"
    return Table(title, ["start", *tolerances, "of zero", "published"], rows, note)


def seed_table(results: dict) -> Table:
    """Mean and standard deviation over training seeds, where there are several."""
    rows = [
        [n, str(len(g["runs"])), *[spread(c["mean"], c["std"], 1) for c in g["iterations"].values()]]
        for n, g in results["groups"].items()
        if len(g["runs"]) > 1
    ]
    columns = ["trained alike", "seeds", *results["solvers"][ZERO]["iterations"]]
    return Table("The same, mean and standard deviation over training seeds", columns, rows)


def _share(solvers: dict, name: str, tolerance: str) -> float | None:
    counts = solvers[name].get("iterations")
    return None if counts is None else counts[tolerance]["mean"] / solvers[ZERO]["iterations"][tolerance]["mean"]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.{0 if value >= 0.1 else 1}f} %"


def time_table(results: dict) -> Table:
    """Time per solve, the running simulation, and the error of the guesses."""
    rows, steps = [], results["frames"]
    for name, entry in results["solvers"].items():
        run, error = entry.get("simulation"), entry.get("error")
        cells = [f"{entry['ms_per_solve']:.2f}"]
        cells += [f"{run['iterations']:.0f}", f"{run['seconds']:.2f}", f"{run['drift']:.1e}"] if run else ["", "", ""]
        cells += [_percent(error["relative"]), f"{error['checkerboard']:.1f}"] if error else ["", ""]
        rows.append([name, *cells])
    runs = next(e["simulation"]["runs"] for e in results["solvers"].values() if "simulation" in e)
    title = f"Time of a solve to {results['tolerance']:g}, and {steps} steps of a simulation (mean of {runs})"
    note = (
        "ms / solve: one problem, with the network. Drift: mean absolute difference of the velocity to the run with "
        "the direct solve after the last step. Short waves: amplitude of the guess's error in waves shorter than four "
        "cells along all axes, relative to the solution's there."
    )
    columns = ["ms / solve", f"iterations, {steps} steps", "s", "drift", "error of the guess", "in short waves"]
    return Table(title, ["start", *columns], rows, note)


def verdicts(results: dict) -> list[str]:
    """What the numbers say, line by line."""
    solvers, at = results["solvers"], f"{results['tolerance']:g}"
    times = {n: e["ms_per_solve"] for n, e in solvers.items()}
    best = min(times, key=times.__getitem__)
    first = f"One solve takes {times[best]:.2g} ms with the fastest solver ({best}), {times[ZERO]:.2g} ms from zero"
    once = [n for n, g in results["guesses"].items() if g["passes"] == 1]
    if not once:
        return [f"{first}.", f"No guess was evaluated: train one with 'phi-sol train {results['scene']}'."]
    best = min(once, key=lambda n: solvers[n]["iterations"][at]["mean"])
    guess = min(results["guesses"], key=times.__getitem__)
    known = published(results, best) if at == PUBLISHED_AT else None
    beside = f" (published: {_percent(known[0] / PUBLISHED[ZERO][0])})" if known else ""
    share = _percent(_share(solvers, best, at))
    return [
        f"The best guess of one pass, {best}, takes {share} of the iterations from zero to {at}{beside}.",
        f"{first} and {times[guess]:.2g} ms with the fastest guess ({guess}), its network included.",
    ]


def iterations_compared(results: dict) -> tuple[str, int, Values]:
    """Evaluations of guesses are judged by the iterations to the scene's tolerance, see `Task.compared`."""
    at = f"{results['tolerance']:g}"
    counts = {n: e["iterations"][at]["mean"] for n, e in results["solvers"].items() if "iterations" in e}
    values: Values = {n: (mean, None, 1) for n, mean in counts.items()}
    for name, group in results["groups"].items():
        values[name] = group["iterations"][at]["mean"], group["iterations"][at]["std"], len(group["runs"])
    return f"iterations to {at}", 1, values
