"""Which pictures an evaluation makes, of which solvers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from .figures import (
    Pictures,
    cost_figure,
    drawn_totals,
    energy_figure,
    error_figure,
    error_pictures,
    fields_figure,
    film_figure,
    force_figure,
    profile_figure,
    spectrum_figure,
)
from .figures.style import IMPORTED
from .groups import Group
from .measures import Measures
from .milestones import time_key
from .records import Record

FILM_FRAMES = 50
MOST_PANELS = 6  # solvers in a picture: beyond, the first ones, which are SRC and the numerics without a network


def shown_frames(frames: int) -> list[int]:
    """Frames whose fields are shown: a fifth, and the end."""
    return sorted({max(1, frames // 5), frames})


def film_frames(frames: int) -> list[int]:
    return sorted({round(float(f)) for f in np.linspace(1, frames, min(frames, FILM_FRAMES))})


def kept_frames(frames: int) -> list[int]:
    """All frames that pictures need."""
    return sorted({*shown_frames(frames), *film_frames(frames)})


def write_pictures(
    groups: list[Group],
    measures: Measures,
    results: dict,
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """
    Writes all PNG files and the film into `out`; returns them in the order in which a report shows them.

    Args:
        groups: Solvers of which all is known, `SRC` first.
        measures: What was measured, with the data.
        results: The content of `results.json`, for the name of the scene, and for cost and accuracy of all solvers.
        progress: Called with (files written, files in all).
    """
    title = results["scene"]
    simulation, frames, pictures = len(measures.data) // 2, shown_frames(measures.frames), Pictures.of_errors(measures)
    panels = {g.label: g.first for g in groups[:MOST_PANELS]}
    fields = {n: [_arrays(r, measures, f, simulation) for f in frames] for n, r in panels.items()}
    recorded = [_recorded(measures, f, simulation) for f in frames]
    parameters = ", ".join(f"{n} {v:g}" for n, v in measures.data.simulations[simulation].items())
    shown, times = (fields, recorded), [_time(measures, f) for f in frames]
    jobs: dict[str, Callable[[Path], None]] = {"cost.png": lambda p: cost_figure(results, measures.error_label, p)}
    jobs["error_curves.png"] = lambda p: error_figure(groups, measures, p, title)
    drawn, wrong = f"{pictures.quantity.capitalize()}, {parameters}", f"Error of the {pictures.field}, {parameters}"
    jobs["fields.png"] = lambda p: fields_figure(pictures, *shown, p, times, drawn)
    jobs["field_errors.png"] = lambda p: error_pictures(pictures, *shown, p, times, wrong)
    if "marker" in measures.fields and pictures.quantity != "marker":
        marker = Pictures(measures.flow, "marker", pictures.reference)
        jobs["marker.png"] = lambda p: fields_figure(marker, *shown, p, times, f"Marker, {parameters}")
    jobs["film.gif"] = lambda p: _film(pictures, panels, measures, simulation, p, f"{title}, {parameters}")
    if "spectrum" in measures.reference:
        jobs["spectra.png"] = lambda p: spectrum_figure(groups, measures, p, title)
    if drawn_totals(measures):
        jobs["energy.png"] = lambda p: energy_figure(groups, measures, p, title)
    if measures.wake is not None:
        jobs["profiles.png"] = lambda p: profile_figure(groups, measures, p, title)
        jobs["forces.png"] = lambda p: force_figure(groups, measures, p, title, simulation)
    for done, (name, job) in enumerate(jobs.items(), 1):
        job(out / name)
        progress(done, len(jobs))
    return [out / name for name in jobs]


def _time(measures: Measures, frame: int) -> str:
    return f"t = {time_key(frame * measures.flow.dt)}"


def _recorded(measures: Measures, frame: int, simulation: int) -> dict[str, np.ndarray]:
    return {n: a[simulation : simulation + 1] for n, a in measures.data.frame(frame).items()}


def _arrays(run: Record, measures: Measures, frame: int, simulation: int) -> dict[str, np.ndarray]:
    """What a solver made of one simulation; nothing but NaN once it blew up."""
    blew_up = run.blew_up_at[simulation]
    if blew_up is not None and frame >= blew_up:
        return {n: np.full_like(a[:1, 0], np.nan) for n, a in measures.data.arrays.items() if n in measures.names}
    return {n: a[simulation : simulation + 1] for n, a in run.kept[frame].items()}


def _film(pictures: Pictures, panels: dict[str, Record], measures: Measures, simulation: int, path: Path, title: str):
    frames = film_frames(measures.frames)
    content = {n: {f: pictures.of(_arrays(r, measures, f, simulation)) for f in frames} for n, r in panels.items()}
    title_of = IMPORTED if measures.data.imported else "reference"
    content[title_of] = {f: pictures.of(_recorded(measures, f, simulation)) for f in frames}
    film_figure(pictures, content, title_of, path, {f: f"{title}, {_time(measures, f)}" for f in frames})
