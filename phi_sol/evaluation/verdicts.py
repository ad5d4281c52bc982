"""What the numbers of an evaluation say, in plain words."""

from ..metrics.metric import decimal
from .cost import REFERENCE
from .cost_tables import judged
from .milestones import duration, end_key
from .table import compared, ratio, spread

IMPORTED = (
    "The data are imported: errors are against them. What they cost is not known; REF is the scene's own reference, "
    "which did not make them, timed from the source's state interpolated to its grid, where numerics on finer grids "
    "start, too."
)


def verdicts(results: dict) -> list[str]:
    """
    What every corrector is worth: its error against the source's, its cost against the reference's, and what plain
    numerics cost that are as accurate, also where these are better; what the reference itself is worth, where this was
    looked at. Correctors of another flow are named. Of files of version 0.2 and before nothing.
    """
    lines = [_verdict(name, entry, results) for name, entry in judged(results).items()]
    if not lines and not results.get("groups"):
        lines = [*_without_network(results), "No corrector was evaluated: train one with "]
        lines[-1] += f"'phi-sol train {results['scene']}'."
    lines += [f"{n}: {c['remark']}" for n, c in results.get("correctors", {}).items() if c.get("remark")]
    if results.get("data", {}).get("imported"):
        lines.append(IMPORTED)
    return lines + _reference(results)


def _verdict(name: str, entry: dict, results: dict) -> str:
    solvers, key = results["solvers"], end_key(results)
    runs = entry.get("runs", [name])
    if entry["mae_shared"] is None:
        blown = sum(solvers[n]["blow_ups"] for n in runs)
        return f"{name} blew up in {blown} of {len(runs) * len(results['parameters'])} rollouts."
    mean = entry["mean"] if "mean" in entry else entry["mae"][key]
    error, source = spread(mean, entry.get("std")), solvers["SRC"]["mae"][key]
    text = f"{name}: {compared(results)} MAE {error} over {duration(results)}"
    if source:
        text += f", {100 * abs(mean / source - 1):.0f} % {'below' if mean <= source else 'above'} SRC"
    text += f", {_share(entry['speedup_reference'])} than the reference. "
    return text + _equal_error(entry, results) + _equal_cost(entry)


def _share(saved: float) -> str:
    return f"{ratio(saved)} times cheaper" if saved >= 1 else f"{ratio(1 / saved)} times dearer"


def _equal_error(entry: dict, results: dict) -> str:
    speedup, over = entry["speedup"], entry["speedup_over"]
    if results["numerics"] is None:
        return "Plain numerics were left out, so that nothing is said of its speed-up over them. "
    schemes = results.get("schemes")
    kind = f"plain numerics ({', '.join(schemes)})" if schemes else "plain numerics"
    if over == REFERENCE:
        text = f"No {kind} that are cheaper than the reference are as accurate: speed-up {ratio(speedup)}."
    else:
        text = f"The cheapest {kind} that are as accurate are {over}: speed-up {ratio(speedup)}."
    return f"{text} " if speedup >= 1 else f"{text[:-1]}, a loss. "


def _equal_cost(entry: dict) -> str:
    error, best = entry["error_at_equal_cost"], entry["error_at_equal_cost_of"]
    if error is None:
        return "Nothing plain is as cheap."
    if best == REFERENCE:
        return "At equal cost there is the reference itself."
    times = error / entry["mae_shared"] if entry["mae_shared"] else float("inf")
    beside = f"{ratio(times)} times its error" if times >= 1 else f"{ratio(1 / times)} times more accurate"
    beside = "as accurate" if "1" in (ratio(times), ratio(1 / times)) else beside
    return f"At equal cost, {best} has {decimal(error)}: {beside}."


def _without_network(results: dict) -> list[str]:
    """What plain numerics reach: source, reference, and the best of what lies between."""
    if "envelope" not in results:
        return []
    solvers, front, key = results["solvers"], results["envelope"], end_key(results)
    source, reference = solvers["SRC"], solvers[REFERENCE]
    text = f"SRC: {compared(results)} MAE {decimal(source['mae'][key])} over {duration(results)}"
    text += f", {_share(reference['ms_per_time'] / source['ms_per_time'])} than the reference."
    best = front[-1] if front else None
    if best and best["solver"] != "SRC":
        share = _share(reference["ms_per_time"] / best["ms_per_time"])
        text += f" The most accurate plain numerics below its cost: {best['solver']}, {decimal(best['mae'])}"
        text += f", {share} than the reference."
    return [text]


def _reference(results: dict) -> list[str]:
    found = {n: e for n, e in (results.get("reference_error") or {}).items() if e is not None}
    if not found:
        return []
    shown = ", ".join(f"{decimal(e)} with {n}" for n, e in found.items())
    text = f"The reference differs from itself by a MAE of {shown}: a smaller error than these is one against this "
    return [f"{text}reference, not against the equations."]
