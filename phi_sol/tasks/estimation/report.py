"""What was estimated of recorded simulations, as a table, a report and pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...evaluation.figures.style import new_figure, save
from ...evaluation.report import Report, write_reports
from ...evaluation.table import Table
from ...pictures.plots import plot
from ...stepping.rollout import Rollout
from .estimate import Estimate

SHOWN = 3  # simulations whose fields are drawn
CAPTION = "the last frame as it was recorded, and as the fitted simulation has it."


def table_of(results: Mapping[str, Any]) -> Table:
    """One row per simulation and unknown."""
    columns = ["simulation", "unknown", "recorded", "estimate", "standard error", "off", "chi²", "seconds"]
    rows = []
    for name, entry in results["simulations"].items():
        for unknown, value in entry["estimates"].items():
            error, recorded = (entry["errors"] or {}).get(unknown), entry["recorded"].get(unknown)
            off = f"{100 * (value / recorded - 1):+.2f} %" if recorded and isinstance(value, float) else ""
            shown = [f"{recorded:.6g}" if recorded is not None else "", _number(value), _number(error, 2), off]
            rows.append([name, unknown, *shown, f"{entry['chi2']:.3g}", f"{entry['seconds']:.1f}"])
    note = (
        "Of fields and profiles the root mean square. chi² is 1 where the observations are followed within their noise."
    )
    return Table(f"{results['scene']}: estimates from recorded frames", columns, rows, note)


def _number(value: Any, digits: int = 6) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = float(np.sqrt(np.mean(np.square(value))))
    return f"{value:.{digits}g}" if np.isfinite(value) else "not seen"


def verdicts_of(results: Mapping[str, Any]) -> list[str]:
    """What is to be said of the estimates, in a sentence each."""
    lines = []
    for name, entry in results["simulations"].items():
        parts = []
        for unknown, value in entry["estimates"].items():
            error = (entry["errors"] or {}).get(unknown)
            parts.append(f"{unknown} {_number(value)}" + (f" ± {_number(error, 2)}" if error is not None else ""))
        text = f"{name}: {', '.join(parts)}."
        if results["wanted"]["noise"] is not None and entry["chi2"] > 2:
            text += (
                f" The solver does not follow the observations within their noise (chi² {entry['chi2']:.3g}): "
                "the error bars are too small, and hold no bias."
            )
        lines.append(text)
    return lines


def write_estimates(
    results: Mapping[str, Any], found: Mapping[str, Estimate], observed: Mapping[str, Rollout], out: Path
) -> list[Path]:
    """Writes report and pictures; returns all files."""
    pictures = [(_search(results, out), "The cost of each better point.")]
    for name in list(results["simulations"])[:SHOWN]:
        path = out / f"{name}.png"
        if name not in found:  # of a search that went on
            pictures += [(path, f"{name}: {CAPTION}")] if path.is_file() else []
            continue
        frames = observed[name]
        fitted = found[name].rollout(len(frames))
        last = {"observed": frames[len(frames) - 1], "fitted": fitted[len(frames) - 1]}
        save(plot(last, reference="observed", flow=frames.flow), path)  # type: ignore[arg-type]
        pictures.append((path, f"{name}: {CAPTION}"))
    facts = [("Command", results["command"]), ("Unknowns", ", ".join(results["wanted"]["unknowns"]))]
    facts += [("Versions", ", ".join(f"{n} {v}" for n, v in results["versions"].items()))]
    title = f"{results['scene']}: estimates"
    report = Report(title, verdicts_of(results), [table_of(results)], pictures, facts)
    return [*write_reports(report, out), *(p for p, _ in pictures)]


def _search(results: Mapping[str, Any], out: Path) -> Path:
    figure, axes = new_figure(6, 3.5)
    axis = axes[0, 0]
    for name, entry in results["simulations"].items():
        axis.semilogy(entry["history"], label=name)
    axis.set_xlabel("better point")
    axis.set_ylabel("half the sum of squares")
    if len(results["simulations"]) <= 10:
        axis.legend()
    save(figure, out / "search.png")
    return out / "search.png"
