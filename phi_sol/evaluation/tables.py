"""The tables of an evaluation, made from `results.json` alone, whatever they are printed as."""

from collections.abc import Callable, Iterable

from ..metrics import METRICS, Metric
from ..metrics.metric import decimal, percent, shown
from .cost import REFERENCE
from .cost_tables import gain_table, numerics_table, reference_table, rest_of_numerics
from .milestones import duration, end_key, unit
from .table import Table, against_source, compared, cost_of, cost_unit, ratio, spread


def tables(results: dict) -> list[Table]:
    """All tables, the errors first."""
    made = [error_table(results), seed_table(results), gain_table(results), numerics_table(results)]
    made += [reference_table(results), physics_table(results)]
    made += [metric_table(results, m.table, [m]) for m in METRICS.values() if m.table]
    return [t for t in (*made, paper_table(results)) if t is not None and t.rows]


def _columns(results: dict) -> dict[str, str]:
    """Headings of the milestones by their keys."""
    keys, word = results["solvers"]["SRC"]["mae"], unit(results)
    return {n: f"{n} {word}" if word == "frames" else f"t ≤ {n}" for n in keys}


def error_table(results: dict) -> Table:
    """MAE at the milestones, change against SRC, cost."""
    solvers, last, columns = results["solvers"], end_key(results), _columns(results)
    source, reference, rows = solvers["SRC"]["mae"], cost_of(solvers[REFERENCE]), []
    for name, entry in solvers.items():
        if name in rest_of_numerics(results):
            continue
        mae, cost = entry.get("mae", {}), cost_of(entry)
        errors = [decimal(mae[n]) if n in mae else "" for n in columns]
        change = "" if name == "SRC" or not mae else against_source(mae[last], source[last])
        rows.append([name, *errors, change, f"{cost:.3g}", ratio(cost / reference)])
    blown = [f"{n}: {e['blow_ups']} of {len(results['parameters'])}" for n, e in solvers.items() if e.get("blow_ups")]
    title = f"{results['scene']}: {compared(results)} MAE over {len(results['parameters'])} test simulations"
    note = f"Blow-ups, which no mean hides: {'; '.join(blown)}." if blown else ""
    return Table(title, ["solver", *columns.values(), "vs SRC", cost_unit(results), "times REF"], rows, note)


def seed_table(results: dict) -> Table | None:
    """Mean and deviation over training seeds, where there are several."""
    groups = {n: g for n, g in results.get("groups", {}).items() if len(g["runs"]) > 1}
    columns, rows = _columns(results), []
    source = results["solvers"]["SRC"]["mae"][end_key(results)]
    for name, group in groups.items():
        errors = [spread(*(group["mae"][n][k] for k in ("mean", "std"))) if n in group["mae"] else "" for n in columns]
        rows.append([name, str(len(group["runs"])), *errors, against_source(group["mean"], source)])
    headings = ["trained alike", "seeds", *columns.values(), "vs SRC"]
    what = compared(results).capitalize()
    return Table(f"{what} MAE, mean and standard deviation over training seeds", headings, rows)


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
    return metric_table(results, f"Over {duration(results)}", metrics, columns, notes)


def metric_table(
    results: dict,
    title: str,
    metrics: Iterable[Metric],
    more: Iterable[tuple[str, str, Callable]] = (),
    notes: Iterable[str] = (),
) -> Table:
    """
    A row for every solver that has entries of some metrics, a column for every heading that has an entry, and for
    `more`: key of the entry, heading, and what makes a cell from it; none that is empty in all rows. `notes` go below,
    after those of the metrics.
    """
    keys = {m.entry for m in metrics}
    brief = rest_of_numerics(results)
    solvers = {n: e for n, e in results["solvers"].items() if keys & e.keys() and n not in brief}
    known = [m for m in metrics if any(m.entry in e for e in solvers.values())]
    columns = [(m.entry, heading, cell) for m in known for heading, cell in m.columns.items()] + [*more]
    cells = [[cell(e[key]) if key in e else "" for e in solvers.values()] for key, _, cell in columns]
    filled = [(heading, column) for (_, heading, _), column in zip(columns, cells, strict=True) if any(column)]
    rows = [list(row) for row in zip(solvers, *(column for _, column in filled), strict=True)]
    note = " ".join([*(m.note for m in known if m.note), *notes])
    return Table(title, ["solver", *(heading for heading, _ in filled)], rows, note)


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
    title = f"Against the paper, ours over {duration(results)}{doubt}"
    return Table(title, columns, rows, paper["note"])
