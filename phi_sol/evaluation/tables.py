"""The tables of an evaluation, made from `results.json` alone, whatever they are printed as."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..metrics import METRICS, Metric
from ..metrics.metric import compared_fields, decimal, percent, shown
from .milestones import milestones


@dataclass(frozen=True)
class Table:
    """Cells as text under headings, names in the first column; with a note below, or nothing."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


def tables(results: dict) -> list[Table]:
    """All tables, the errors first."""
    made = [error_table(results), seed_table(results), physics_table(results)]
    made += [metric_table(results, m.table, [m]) for m in METRICS.values() if m.table]
    return [t for t in (*made, paper_table(results)) if t is not None and t.rows]


def compared(results: dict) -> str:
    """What the errors are of: the velocity or, where there is none, the fields that are compared."""
    return compared_fields(results["solvers"]["SRC"].get("fields") or ["velocity"])


def ratio(value: float) -> str:
    """Two digits, without an exponent."""
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


def spread(mean: float | None, deviation: float | None, digits: int = 4) -> str:
    return decimal(mean, digits) + (f" ± {deviation:.{digits}f}" if deviation is not None else "")


def against_source(value: float | None, source: float | None) -> str:
    return "" if value is None or not source else f"{100 * (value / source - 1):+.0f} %"


def error_table(results: dict) -> Table:
    """MAE at the milestones, change against SRC, time per step."""
    count, solvers = results["frames"], results["solvers"]
    steps = [str(n) for n in milestones(count)]
    source, reference, rows = solvers["SRC"]["mae"], solvers["REF"]["ms_per_step"], []
    for name, entry in solvers.items():
        mae = entry.get("mae", {})
        errors = [decimal(mae[n]) if mae else "" for n in steps]
        change = "" if name == "SRC" or not mae else against_source(mae[steps[-1]], source[steps[-1]])
        rows.append([name, *errors, change, f"{entry['ms_per_step']:.2f}", ratio(entry["ms_per_step"] / reference)])
    blown = [f"{n}: {e['blow_ups']} of {len(results['parameters'])}" for n, e in solvers.items() if e.get("blow_ups")]
    title = f"{results['scene']}: {compared(results)} MAE over {len(results['parameters'])} test simulations"
    note = f"Blow-ups, which no mean hides: {'; '.join(blown)}." if blown else ""
    return Table(title, ["solver", *[f"{n} frames" for n in steps], "vs SRC", "ms / step", "times REF"], rows, note)


def seed_table(results: dict) -> Table | None:
    """Mean and deviation over training seeds, where there are several."""
    groups = {n: g for n, g in results.get("groups", {}).items() if len(g["runs"]) > 1}
    steps = [str(n) for n in milestones(results["frames"])]
    source = results["solvers"]["SRC"]["mae"][steps[-1]]
    rows = []
    for name, group in groups.items():
        errors = [spread(group["mae"][n]["mean"], group["mae"][n]["std"]) for n in steps]
        rows.append([name, str(len(group["runs"])), *errors, against_source(group["mean"], source)])
    columns = ["trained alike", "seeds", *[f"{n} frames" for n in steps], "vs SRC"]
    what = compared(results).capitalize()
    return Table(f"{what} MAE, mean and standard deviation over training seeds", columns, rows)


def physics_table(results: dict) -> Table | None:
    """Measures that matter to the flow, over all frames, and those of the user's own."""
    own = {n: f for n, f in results.get("metrics", {}).items() if n not in METRICS and f["column"]}
    metrics = [m for m in METRICS.values() if not m.table]
    others = [n for n in results["solvers"]["SRC"].get("fields", {}) if not n.startswith("velocity")]
    if compared(results) != "velocity" and len(others) == 1:
        others = []  # whose error the first table has
    columns: list = [("fields", f"{n} MAE", lambda e, n=n: decimal(e[n]["mae"], missing="")) for n in others]
    columns += [
        (f["entry"], f"{f['column']}{f' ({unit})' if (unit := f['unit']) else ''}", shown) for f in own.values()
    ]
    notes = [f["note"] or f"{f['column'].capitalize()}: {f['better']} is better." for f in own.values()]
    return metric_table(results, f"Over {results['frames']} frames", metrics, columns, notes)


def metric_table(
    results: dict,
    title: str,
    metrics: Iterable[Metric],
    more: Iterable[tuple[str, str, Callable]] = (),
    notes: Iterable[str] = (),
) -> Table:
    """
    A row for every solver that has entries of some metrics, a column for every heading that has an entry, and for
    `more`: key of the entry, heading, and what makes a cell from it. `notes` go below, after those of the metrics.
    """
    keys = {m.entry for m in metrics}
    solvers = {n: e for n, e in results["solvers"].items() if keys & e.keys()}
    known = [m for m in metrics if any(m.entry in e for e in solvers.values())]
    columns = [(m.entry, heading, cell) for m in known for heading, cell in m.columns.items()] + [*more]
    rows = [[n, *(cell(e[key]) if key in e else "" for key, _, cell in columns)] for n, e in solvers.items()]
    note = " ".join([*(m.note for m in known if m.note), *notes])
    return Table(title, ["solver", *(heading for _, heading, _ in columns)], rows, note)


def paper_table(results: dict) -> Table | None:
    """Beside the paper's figures."""
    paper = results.get("paper")
    if paper is None:
        return None
    rows = []
    for row in paper["rows"]:
        ours = [row["solver"] or "", "" if row["solver"] is None else spread(row["mae"], row["std"])]
        theirs = [row["paper_solver"] or "", spread(row["paper_mae"], row["paper_std"], 3) if row["paper_mae"] else ""]
        rows.append([*ours, percent(row["improvement"]), *theirs, percent(row["paper_improvement"])])
    columns = ["solver", "MAE", "below SRC by", "in the paper", "MAE there", "below SRC by"]
    doubt = "" if paper["checked"] else " (its figures are approximate)"
    title = f"Against the paper, ours over {results['frames']} frames{doubt}"
    return Table(title, columns, rows, paper["note"])


def verdicts(results: dict) -> list[str]:
    """What every corrector is worth: beside the source, better numerics without a network, and the reference."""
    solvers, last, lines = results["solvers"], str(results["frames"]), []
    plain = {n: e for n, e in solvers.items() if n not in results.get("correctors", {}) and n != "REF"}
    for label, group in results.get("groups", {}).items():
        cost = sum(solvers[n]["ms_per_step"] for n in group["runs"]) / len(group["runs"])
        if group["mean"] is None:
            count = len(group["runs"]) * len(results["parameters"])
            lines.append(f"{label} blew up in {group['blow_ups']} of {count} rollouts.")
            continue
        errors, ranks = {n: e["mae"][last] for n, e in plain.items() if e["mae"][last] is not None}, []
        for word, better in (("more", True), ("less", False)):
            names = [_grid(n, results) for n, mae in errors.items() if (group["mean"] < mae) == better]
            ranks += [f"{word} accurate than {', '.join(names)}"] if names else []
        costs = [f"{ratio(cost / e['ms_per_step'])} times {n}" for n, e in solvers.items() if n in plain or n == "REF"]
        error = spread(group["mean"], group["mae"][last]["std"])
        lines.append(
            f"{label}: {compared(results)} MAE {error} over {last} frames, {' and '.join(ranks)}. "
            f"A step takes {cost:.3g} ms: {', '.join(costs)}."
        )
    if not results.get("groups"):
        lines.append(f"No corrector was evaluated: train one with 'phi-sol train {results['scene']}'.")
    return lines


def _grid(name: str, results: dict) -> str:
    grid = results["grids"].get(name)
    return name if grid is None else f"{name} ({'x'.join(map(str, grid.values()))})"
