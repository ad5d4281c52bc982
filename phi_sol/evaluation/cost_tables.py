"""Tables of cost and accuracy: what hybrids save, the plain numerics beside them, and how good the reference is."""

from ..metrics.metric import decimal
from .cost import REFERENCE
from .milestones import duration, time_key
from .table import Table, against_source, compared, cost_of, ratio


def rest_of_numerics(results: dict) -> set[str]:
    """Plain solvers that were run for the comparison of cost and accuracy alone."""
    return {n for n in results.get("numerics") or {} if "over_time" not in results["solvers"][n]}


def gain_table(results: dict) -> Table | None:
    """What every corrector, or group of seeds, saves; nothing for files of version 0.2 and before."""
    rows, entries = [], judged(results)
    if not entries:
        return None
    for name, entry in entries.items():
        equal = entry["error_at_equal_cost"]
        best = [decimal(equal), entry["error_at_equal_cost_of"]] if equal is not None else ["none", ""]
        faster = ["", "", ""]
        if entry["speedup"] is not None:
            faster = [ratio(entry["speedup"]), entry["speedup_over"], ratio(entry["speedup_reference"])]
        rows.append([name, decimal(entry["mae_shared"]), f"{entry['ms_per_time']:.3g}", *faster, *best])
    columns = ["solver", "MAE", "ms / time", "speed-up", "over", "speed-up over REF", "MAE at equal cost", "of"]
    note = "Speed-up: cost of the cheapest solver without a network that is at least as accurate, or of the reference "
    note += f"where none is, divided by the cost of this one; below 1 it is a loss.{_shared(results)}"
    return Table("Cost and accuracy", columns, rows, note)


def judged(results: dict) -> dict[str, dict]:
    """Entries of what is compared with plain numerics: groups of correctors, and other solvers that were given."""
    if "envelope" not in results:
        return {}
    grouped = {n for g in results["groups"].values() for n in g["runs"]}
    single = {n: results["solvers"][n] for n in results["correctors"] if n not in grouped}
    return results["groups"] | single


def numerics_table(results: dict) -> Table | None:
    """Solvers without a network, the cheapest first."""
    numerics, solvers = results.get("numerics") or {}, results["solvers"]
    if not numerics:
        return None
    front, reference = {e["solver"] for e in results["envelope"]}, cost_of(solvers[REFERENCE])
    source, rows = solvers["SRC"]["mae_shared"], []
    for name in sorted(["SRC", *numerics], key=lambda n: cost_of(solvers[n])):
        entry = solvers[name]
        grid, error = "x".join(str(n) for n in results["grids"][name].values()), entry["mae_shared"]
        change = "" if name == "SRC" else against_source(error, source)
        cost = [f"{cost_of(entry):.3g}", ratio(cost_of(entry) / reference)]
        rows.append([name, grid, f"{entry['dt']:g}", decimal(error), change, *cost, "*" if name in front else ""])
    columns = ["solver", "cells", "dt", "MAE", "vs SRC", "ms / time", "times REF", "envelope"]
    note = f"* more accurate than all that cost at most as much.{_shared(results)}"
    return Table(f"Plain numerics: {compared(results)} MAE over {duration(results)}, and cost", columns, rows, note)


def _shared(results: dict) -> str:
    every = results["compared_every"]
    return f" Errors at every {time_key(every * results['dt'])} units of time, which all solvers have." * (every > 1)


def reference_table(results: dict) -> Table | None:
    """How far the reference is from itself with another discretisation."""
    found = results.get("reference_error")
    if not found:
        return None
    steps, count = (results["reference_error_facts"][n] for n in ("dt", "parameters"))
    rows = [[name, f"{steps[name]:g}", decimal(error)] for name, error in found.items()]
    note = f"The reference against itself with another discretisation, {compared(results)} MAE over "
    note += f"{duration(results)} and {len(count)} test simulation{'s' * (len(count) > 1)}."
    return Table("The reference's own error", ["with", "dt", "MAE"], rows, note)
