"""The tables of an evaluation, made from `results.json` alone, whatever they are printed as."""

from dataclasses import dataclass

from .milestones import THRESHOLDS, milestones

BLEW_UP = "blew up"


@dataclass(frozen=True)
class Table:
    """
    Attributes:
        title: What it shows.
        columns: Headings; the first column holds names.
        rows: Cells as text.
        note: A line below it, or nothing.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


def tables(results: dict) -> list[Table]:
    """All tables, the errors first."""
    made = [
        error_table(results),
        seed_table(results),
        physics_table(results),
        wake_table(results),
        paper_table(results),
    ]
    return [t for t in made if t is not None and t.rows]


def decimal(value: float | None, digits: int = 4, missing: str = BLEW_UP) -> str:
    return missing if value is None else f"{value:.{digits}f}"


def percent(value: float | None, missing: str = "") -> str:
    return missing if value is None else f"{100 * value:.3g} %"


def ratio(value: float) -> str:
    """Two digits, without an exponent."""
    return f"{value:.2g}" if value < 99.5 else f"{value:.0f}"


def spread(mean: float | None, deviation: float | None, digits: int = 4) -> str:
    return decimal(mean, digits) + (f" ± {deviation:.{digits}f}" if deviation is not None else "")


def against_source(value: float | None, source: float | None) -> str:
    return "" if value is None or not source else f"{100 * (value / source - 1):+.0f} %"


def error_table(results: dict) -> Table:
    """Velocity MAE at the milestones, change against SRC, time per step."""
    count, solvers = results["frames"], results["solvers"]
    steps = [str(n) for n in milestones(count)]
    source, reference, rows = solvers["SRC"]["mae"], solvers["REF"]["ms_per_step"], []
    for name, entry in solvers.items():
        mae = entry.get("mae", {})
        errors = [decimal(mae[n]) if mae else "" for n in steps]
        change = "" if name == "SRC" or not mae else against_source(mae[steps[-1]], source[steps[-1]])
        rows.append([name, *errors, change, f"{entry['ms_per_step']:.2f}", ratio(entry["ms_per_step"] / reference)])
    blown = [f"{n}: {e['blow_ups']} of {len(results['parameters'])}" for n, e in solvers.items() if e.get("blow_ups")]
    title = f"{results['scene']}: velocity MAE over {len(results['parameters'])} test simulations"
    note = f"Blow-ups, which no mean hides: {'; '.join(blown)}." if blown else ""
    return Table(title, ["solver", *[f"{n} frames" for n in steps], "vs SRC", "ms / step", "times REF"], rows, note)


def seed_table(results: dict) -> Table | None:
    """Mean and deviation over training seeds, where there are several."""
    groups = {n: g for n, g in results.get("groups", {}).items() if len(g["runs"]) > 1}
    steps = [str(n) for n in milestones(results["frames"])]
    source = results["solvers"]["SRC"]["mae"][steps[-1]]
    rows = [
        [
            name,
            str(len(g["runs"])),
            *[spread(*(g["mae"][n][k] for k in ("mean", "std"))) for n in steps],
            against_source(g["mean"], source),
        ]
        for name, g in groups.items()
    ]
    columns = ["trained alike", "seeds", *[f"{n} frames" for n in steps], "vs SRC"]
    return Table("Velocity MAE, mean and standard deviation over training seeds", columns, rows)


def physics_table(results: dict) -> Table | None:
    """Measures that matter to the flow, over all frames."""
    solvers = {n: e for n, e in results["solvers"].items() if "relative_l2" in e}
    last, rows = str(results["frames"]), []
    for name, e in solvers.items():
        correlation = e["vorticity_correlation"]
        times = []
        for threshold in THRESHOLDS:
            time = correlation[f"time_to_{threshold:g}"]
            times.append(("> " if time["reached_the_end"] else "") + f"{time['mean']:.4g}")
        rows.append([name, percent(e["relative_l2"][last], BLEW_UP), *times, decimal(e["spectral_error"], 3, "")])
        rows[-1] += [percent(e["kinetic_energy_error"]), percent(e["enstrophy_error"])]
        rows[-1].append("" if e.get("divergence") is None else f"{e['divergence']:.1e}")
        rows[-1] += [decimal(f["mae"], missing="") for n, f in e["fields"].items() if not n.startswith("velocity")]
    others = [n for n in next(iter(solvers.values()), {"fields": {}})["fields"] if not n.startswith("velocity")]
    times = [f"time to {t:g}" for t in THRESHOLDS]
    columns = [
        "solver",
        "relative L2",
        *times,
        "spectrum",
        "energy",
        "enstrophy",
        "divergence",
        *[f"{n} MAE" for n in others],
    ]
    note = "Time until the correlation of the vorticity falls below; > where it does not in all simulations. Spectrum: decades off."
    return Table(f"Over {last} frames", columns, rows, note)


def wake_table(results: dict) -> Table | None:
    """Shedding, forces and profiles behind an obstacle."""
    solvers = {n: e["wake"] for n, e in results["solvers"].items() if "wake" in e}
    rows = []
    for name, w in solvers.items():
        drag = [d for d in w["drag"] if d is not None]
        rows.append([name, decimal(sum(drag) / len(drag), 3) if len(drag) == len(w["drag"]) else BLEW_UP])
        rows[-1] += [
            percent(w.get(k))
            for k in (
                "drag_error",
                "lift_rms_error",
                "strouhal_error",
                "mean_profile_error",
                "fluctuation_profile_error",
            )
        ]
    columns = ["solver", "drag", "drag error", "lift r.m.s. error", "Strouhal error", "mean profile", "fluctuation"]
    return Table(
        "The wake",
        columns,
        rows,
        "Drag as it is on the source grid. Profiles: mean absolute error in per cent of the stream.",
    )


def paper_table(results: dict) -> Table | None:
    """Beside the paper's figures."""
    paper = results.get("paper")
    if paper is None:
        return None
    rows = [
        [
            row["solver"] or "",
            "" if row["solver"] is None else spread(row["mae"], row["std"]),
            percent(row["improvement"]),
            row["paper_solver"] or "",
            "" if row["paper_mae"] is None else f"{row['paper_mae']:.3f} ± {row['paper_std']:.3f}",
            percent(row["paper_improvement"]),
        ]
        for row in paper["rows"]
    ]
    columns = ["solver", "MAE", "below SRC by", "in the paper", "MAE there", "below SRC by"]
    title = f"Against the paper, ours over {results['frames']} frames" + (
        "" if paper["checked"] else " (its figures are approximate)"
    )
    return Table(title, columns, rows, paper["note"])


def verdicts(results: dict) -> list[str]:
    """What every corrector is worth: beside the source, better numerics without a network, and the reference."""
    solvers, last, lines = results["solvers"], str(results["frames"]), []
    plain = {n: e for n, e in solvers.items() if n not in results.get("correctors", {}) and n != "REF"}
    for label, group in results.get("groups", {}).items():
        cost = sum(solvers[n]["ms_per_step"] for n in group["runs"]) / len(group["runs"])
        if group["mean"] is None:
            lines.append(
                f"{label} blew up in {group['blow_ups']} of {len(group['runs']) * len(results['parameters'])} rollouts."
            )
            continue
        better, worse = (
            [n for n, e in plain.items() if e["mae"][last] is not None and (group["mean"] < e["mae"][last]) == b]
            for b in (True, False)
        )
        ranks = [
            f"{word} {', '.join(_grid(n, results) for n in names)}"
            for word, names in (("more accurate than", better), ("less accurate than", worse))
            if names
        ]
        costs = [f"{ratio(cost / e['ms_per_step'])} times {n}" for n, e in solvers.items() if n in plain or n == "REF"]
        error = spread(group["mean"], group["mae"][last]["std"])
        lines.append(
            f"{label}: velocity MAE {error} over {last} frames, {' and '.join(ranks)}. A step takes {cost:.3g} ms: {', '.join(costs)}."
        )
    return lines


def _grid(name: str, results: dict) -> str:
    grid = results["grids"].get(name)
    return name if grid is None else f"{name} ({'x'.join(map(str, grid.values()))})"
