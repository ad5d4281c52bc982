"""Measures over time, over wave numbers, across the wake, and against cost."""

from pathlib import Path

import numpy as np

from ... import metrics
from ...metrics.vortices import THRESHOLDS
from ...texts import for_figure
from ..groups import Group
from ..measures import Measures
from .style import line_styles, new_figure, reference_style, save

TIME = "time since start (domain units)"
DECADES = 1e4  # of errors that are shown
BAND = "bands: standard deviation over training seeds"


def _styled(groups: list[Group]) -> list[tuple[Group, dict]]:
    return [(g, s | {"label": for_figure(g.label)}) for g, s in zip(groups, line_styles(groups).values(), strict=True)]


def _times(measures: Measures) -> np.ndarray:
    return measures.flow.dt * np.arange(1, measures.frames + 1)


def _banded(axis, x: np.ndarray, mean: np.ndarray, deviation: np.ndarray | None, style: dict, positive: bool):
    (line,) = axis.plot(x, mean, **style)
    if deviation is not None:
        lower = mean - deviation
        lower = np.maximum(lower, 0.2 * mean) if positive else lower  # a logarithmic axis knows no zero
        axis.fill_between(x, lower, mean + deviation, color=line.get_color(), alpha=0.22, linewidth=0)


def _over_time(groups: list[Group], measures: Measures, labels: dict[str, str], height: float, reference: bool):
    """Panels of measures: means over simulations and seeds, and bands of the deviation over seeds."""
    figure, axes = new_figure(5.4 * len(labels), height, 1, len(labels), sharex=True)
    times = _times(measures)
    for axis, (measure, label) in zip(axes[0], labels.items(), strict=True):
        if reference:
            axis.plot(times, measures.reference[measure].mean(1), **reference_style(measures.data.imported))
        for group, style in _styled(groups):
            _banded(axis, times, group.mean(measure), group.deviation(measure), style, measure.startswith("mae"))
        axis.set(xlabel=TIME, ylabel=label, xlim=(0, times[-1]))
        axis.grid(color="0.9")
    axes[0, 0].legend(fontsize=8)
    return figure, axes[0]


def error_figure(groups: list[Group], measures: Measures, path: Path, title: str):
    """MAE of what is compared (and of single fields) over time, and the correlation of the vorticity."""
    others = [n for n in measures.names if n not in measures.compared] or (measures.names[1:] and measures.names)
    labels = {"mae": measures.error_label} | {f"mae {n}": f"{n} MAE" for n in others}
    labels |= {"correlation": "vorticity correlation"} if "correlation" in groups[0].first.series else {}
    figure, axes = _over_time(groups, measures, labels, 4.1, False)
    for axis, measure in zip(axes, labels, strict=True):
        if measure != "correlation":
            axis.set_yscale("log")
            top = max(np.nan_to_num(g.mean(measure)).max() for g in groups)
            # a start without any error would take up the axis
            axis.set_ylim(bottom=max(axis.get_ylim()[0], top / DECADES))
            continue
        for threshold in THRESHOLDS:
            axis.axhline(threshold, color="0.5", linewidth=0.8, linestyle=":")
            style = dict(xycoords=("axes fraction", "data"), fontsize=8, va="bottom", ha="right", color="0.35")
            axis.annotate(f"{threshold:g}", (1, threshold), **style)
    seeds = f"; {BAND}" if any(len(g.runs) > 1 for g in groups) else ""
    save(figure, path, f"{title}, mean over {len(measures.data)} test simulations{seeds}")


def drawn_totals(measures: Measures) -> dict[str, str]:
    """Labels of kinetic energy, enstrophy and a compared marker's mass, of those that are measured."""
    names = {"kinetic_energy": "kinetic energy ½<u²> (length² / time²)", "enstrophy": "enstrophy ½<ω²> (1 / time²)"}
    names |= {"marker_mass": "mass of the marker"} if "marker" in measures.fields else {}
    return {n: label for n, label in names.items() if n in measures.reference}


def energy_figure(groups: list[Group], measures: Measures, path: Path, title: str):
    """Totals (`drawn_totals`) over time."""
    figure, _ = _over_time(groups, measures, drawn_totals(measures), 3.9, True)
    save(figure, path, f"{title}, mean over {len(measures.data)} test simulations")


def spectrum_figure(groups: list[Group], measures: Measures, path: Path, title: str):
    """Energy by wave number, averaged over time, simulations and seeds."""
    whole, k = metrics.resolved(measures.flow, measures.wave_numbers), measures.wave_numbers
    figure, axes = new_figure(6.2, 4.3)
    axis = axes[0, 0]
    axis.loglog(
        k[whole], measures.reference["spectrum"].mean((0, 1))[whole] / k[1], **reference_style(measures.data.imported)
    )
    for group, style in _styled(groups):
        spectra = [r.series["spectrum"].mean((0, 1))[whole] / k[1] for r in group.runs.values()]
        deviation = np.std(spectra, 0, ddof=1) if len(spectra) > 1 else None
        _banded(axis, k[whole], np.mean(spectra, 0), deviation, style, True)
    axis.xaxis.set_minor_formatter("")
    axis.set(xlabel="wave number k (radians / length)", ylabel="E(k) (length³ / time²)")
    axis.grid(color="0.92", which="both")
    axis.legend(fontsize=8)
    save(figure, path, f"{title}, mean over time and test simulations")


def profile_figure(groups: list[Group], measures: Measures, path: Path, title: str):
    """Streamwise velocity and its fluctuation across the wake, at three stations; means of simulations and seeds."""
    assert measures.wake is not None
    places = measures.wake.profiles(measures.flow, measures.data.frame(0))
    stations = measures.wake.stations
    figure, axes = new_figure(4.1 * len(stations), 6.4, 2, len(stations), sharex=True, sharey="row")
    solvers = [([measures.reference["profiles"]], reference_style(measures.data.imported))]
    solvers += [([r.series["profiles"] for r in g.runs.values()], style) for g, style in _styled(groups)]
    first = 0
    for (component, station), (positions, _) in places.items():
        part = slice(first, first + len(positions))
        first += len(positions)
        if component != "y":
            continue
        j = stations.index(station)
        for samples, style in solvers:
            moments = [metrics.mean_and_fluctuation(s[..., part]) for s in samples]
            for i in range(2):
                axes[i, j].plot(positions, np.mean([m[i].mean(0) for m in moments], 0), **style)
        axes[0, j].set_title(f"{station:g} radii behind the centre", fontsize=10)
        axes[1, j].set_xlabel("x (length)")
    axes[0, 0].set_ylabel("mean of u_y (length / time)")
    axes[1, 0].set_ylabel("fluctuation of u_y, r.m.s.")
    axes[0, 0].legend(fontsize=8)
    for axis in axes.flat:
        axis.grid(color="0.9")
    save(figure, path, f"{title}, mean over time and test simulations")


def force_figure(groups: list[Group], measures: Measures, path: Path, title: str, simulation: int):
    """Drag, lift and the velocity at the probe over time, of one simulation and the first run of each group."""
    assert measures.wake is not None
    labels = {"drag": "drag coefficient", "lift": "lift coefficient"}
    labels |= {"probe": f"cross-stream velocity\n{measures.wake.probe:g} radii behind (length / time)"}
    figure, axes = new_figure(8.5, 7.2, 3, 1, sharex=True)
    times = _times(measures)
    for axis, (measure, label) in zip(axes[:, 0], labels.items(), strict=True):
        axis.plot(times, measures.reference[measure][:, simulation], **reference_style(measures.data.imported))
        for group, style in _styled(groups):
            axis.plot(times, group.first.series[measure][:, simulation], **style)
        axis.set(ylabel=label, xlim=(0, times[-1]))
        axis.grid(color="0.9")
    axes[0, 0].legend(fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    axes[-1, 0].set_xlabel(TIME)
    parameters = ", ".join(f"{n} {v:g}" for n, v in measures.data.simulations[simulation].items())
    save(figure, path, f"{title}: {parameters}")
