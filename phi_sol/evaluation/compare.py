"""Two evaluations side by side."""

from collections.abc import Callable

from ..errors import InputError
from ..metrics.metric import decimal
from .milestones import duration, end_key
from .table import Table, spread
from .table import compared as errors_of

SIGMAS = 2  # standard errors of the difference beyond which it is marked
SAME = {"scene": "scenes", "frames": "numbers of frames", "parameters": "test simulations", "tolerance": "tolerances"}

Values = dict[str, tuple[float | None, float | None, int]]
"""By solver or group: mean (None where it blew up), deviation over training seeds (None of one), number of seeds."""


def compare(a: dict, b: dict, compared: Callable[[dict], tuple[str, int, Values]]) -> Table:
    """
    What every solver, and every group of runs that differ in their seed, is judged by, in two evaluations of the same
    scene.

    With s the standard error of the difference, s² = σ_a² / n_a + σ_b² / n_b over the seeds of a group, a difference
    beyond 2 s is marked with a star; where one side has a single seed there is no s and nothing is marked.

    Args:
        a, b: Results, the content of a `results.json` each.
        compared: What they are judged by, its digits, and the values, see `Task.compared`.

    Raises:
        InputError: if scene, parameters, frames, the time between them or the tolerance differ.
    """
    for name, words in SAME.items():
        if a.get(name) != b.get(name):
            shown = f": {a.get(name)} and {b.get(name)}" if name != "parameters" else ""
            raise InputError(
                f"These are evaluations of different {words}{shown}; compare two that only differ in their solvers."
            )
    if "dt" in a and "dt" in b and a["dt"] != b["dt"]:
        raise InputError(
            f"These are evaluations with different time steps between frames: {a['dt']:g} and {b['dt']:g}."
        )
    (measure, digits, left), (_, _, right) = compared(a), compared(b)
    rows, groups = [], {n for r in (a, b) for n in r.get("groups", {})}
    for name in dict.fromkeys([*_shown(a, left), *_shown(b, right)]):
        here, there = left.get(name), right.get(name)
        shown, mark = "", ""
        if here and there and here[0] is not None and there[0] is not None:
            change, mark = there[0] - here[0], "one seed" if name in groups else ""
            if here[1] is not None and there[1] is not None:
                error = (here[1] ** 2 / here[2] + there[1] ** 2 / there[2]) ** 0.5
                mark = "*" if abs(change) > SIGMAS * error else "within the deviation"
            shown = f"{100 * change / here[0]:+.1f} %" if here[0] else decimal(change, digits)
        elif here and there and here[0] != there[0]:
            mark = "* blows up in one"
        rows.append([name, *("-" if e is None else spread(*e[:2], digits) for e in (here, there)), shown, mark])
    note = f"* beyond {SIGMAS} standard errors over training seeds."
    if any(a.get("data", {}).get(key) != b.get("data", {}).get(key) for key in ("sha256", "fingerprints")):
        note += " The test data of the two differ."
    return Table(f"{a['scene']}: {measure}", ["solver", "A", "B", "B against A", ""], rows, note)


def _shown(results: dict, values: Values) -> list[str]:
    """Solvers that were not trained, and groups of those that were; single runs where an older file has no groups."""
    groups = results.get("groups", {})
    runs = {n for g in groups.values() for n in g["runs"]}
    return [n for n in values if n not in runs and n not in groups] + list(groups)


def of_corrections(results: dict) -> tuple[str, int, Values]:
    """Evaluations of correctors are judged by the MAE over all frames, as a rule of the velocity."""
    last = end_key(results)
    values: Values = {n: (e["mae"][last], None, 1) for n, e in results["solvers"].items() if last in e.get("mae", {})}
    values |= {n: (g["mean"], g["std"], len(g["runs"])) for n, g in results.get("groups", {}).items()}
    return f"{errors_of(results)} MAE over {duration(results)}", 4, values
