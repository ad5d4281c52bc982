"""Accuracy and cost of all solvers in one picture."""

from collections.abc import Sequence
from pathlib import Path

from ...displays import Html, image, picture
from ...metrics.metric import error_label as label_of
from ...texts import for_figure
from ..cost import REFERENCE
from ..cost_tables import judged
from ..milestones import duration
from .labels import place_labels
from .style import MARKERS, new_figure, save, trained_style

COST = "cost.png"


def cost_picture(results: dict, files: Sequence[Path]) -> Html:
    """The same for notebooks: the one that was written, or else a new one; nothing where costs were not measured."""
    written = next((f for f in files if f.name == COST and f.is_file()), None)
    if written is not None:
        return image(written.read_bytes(), "accuracy and cost")
    if not results.get("envelope"):
        return Html("")
    fields = results["solvers"]["SRC"].get("fields") or ["velocity"]
    return picture(drawn(results, label_of(fields)), "accuracy and cost")


def cost_figure(results: dict, error_label: str, path: Path):
    """Writes the picture of `drawn` into a file."""
    save(drawn(results, error_label), path)


def drawn(results: dict, error_label: str):
    """
    Error against cost, both logarithmic: further down is more accurate, further left is cheaper. The step line is the
    envelope of the plain solvers, what is below and left of it is a gain; right of the dotted line is the reference.

    Args:
        results: The content of `results.json`.
        error_label: What the errors are of, with their unit.
    """
    figure, axes = new_figure(7.6, 5.2)
    axis, solvers = axes[0, 0], results["solvers"]
    reference, front = solvers[REFERENCE]["ms_per_time"], [e for e in results["envelope"] if e["mae"]]
    names = ["SRC", *(results["numerics"] or {})]
    plain = {n: (solvers[n]["ms_per_time"], solvers[n]["mae_shared"]) for n in names}
    plain = {n: (cost, error) for n, (cost, error) in plain.items() if error}
    on_front = {e["solver"] for e in front}
    for name, (cost, error) in plain.items():
        fill = "k" if name == "SRC" else "0.45" if name in on_front else "white"
        style = dict(marker="s" if name == "SRC" else "o", markersize=8 if name == "SRC" else 5, linestyle="none")
        axis.plot(cost, error, **style, markerfacecolor=fill, markeredgecolor="k" if name == "SRC" else "0.35")
    judgements = {n: e for n, e in judged(results).items() if e["mae_shared"]}
    for i, entry in enumerate(judgements.values()):
        style = dict(marker=MARKERS[i % 6], markersize=9, capsize=3, linestyle="none", markeredgecolor="k")
        error, deviation = entry["mae_shared"], entry.get("std")
        axis.errorbar(entry["ms_per_time"], error, deviation, **style, color=trained_style(i)["color"], zorder=5)
    axis.set(xscale="log", yscale="log", xlabel="cost: ms per unit of simulated time")
    axis.set_ylabel(error_label.replace("MAE", f"MAE over {duration(results)}"))
    axis.axvline(reference, color="0.3", linewidth=1.4, linestyle=":")
    axis.margins(0.12)
    axis.grid(color="0.92", which="both")
    axis.set_axisbelow(True)
    left, right = axis.get_xlim()
    axis.set_xlim(left, max(right, 1.3 * reference))
    lines = [[(reference, y) for y in axis.get_ylim()]]
    if front:
        lines.append(_steps([(e["ms_per_time"], e["mae"]) for e in front], reference))
        axis.plot(*zip(*lines[-1], strict=True), color="0.45", linewidth=1.4, zorder=1, label="envelope")
    text = dict(xycoords=("data", "axes fraction"), fontsize=8, rotation=90, color="0.25", ha="right", va="top")
    note = axis.annotate("cost of the reference ", (reference, 0.99), **text)
    axis.plot([], [], "o", markerfacecolor="white", markeredgecolor="0.35", markersize=5, label="plain numerics")
    legend = axis.legend(fontsize=8, loc="lower left")
    figure.suptitle(for_figure(f"{results['scene']}: accuracy and cost"), fontsize=10)
    trained = {n: (e["ms_per_time"], e["mae_shared"]) for n, e in judgements.items()}
    place_labels(axis, trained | plain, first=(*trained, "SRC"), lines=lines, artists=[legend, note])
    return figure


def _steps(front: list[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Corners of the step line through points in order: what is to be had for a cost, up to that of the reference."""
    corners = [front[0]]
    for cost, error in front[1:]:
        corners += [(cost, corners[-1][1]), (cost, error)]
    return [*corners, (end, corners[-1][1])]
