"""Small pictures of states, rollouts and flows, as notebooks show them beside their tables."""

from dataclasses import replace
from functools import singledispatch
from typing import Any

import numpy as np
from phi.field import Field

from ..errors import InputError
from ..flows import Flow
from ..grids.layout import native_of
from ..stepping.rollout import Rollout
from ..stepping.state import State
from ..texts import for_figure
from .drawing import Drawing
from .notebook import NotebookFigure
from .panels import ACROSS, FIELDS, Choice, Row, View, drawn_axes, make_rows, outline_of
from .values import HIDDEN, MAGNITUDE, VALUE, Picture, Values, picture, simulation_titles

PANEL, NARROWEST = 1.7, 1.1  # inches of a panel's longer side, and of its width where this makes it no giant
MOST_FIELDS = 3
LARGEST = 2**25  # values of a field, beyond which nothing is drawn of it: to look at them takes seconds
Panels = dict[str, dict[str, Values]]
"""By field and title."""


@singledispatch
def figure_of(item: Any, flow: Any = None) -> Any:
    """A Matplotlib figure that belongs to no window system; None of what can't be drawn."""
    return None


@figure_of.register
def _(item: State, flow: Any = None):
    names = [n for n, f in item.fields.items() if n not in HIDDEN and _can_be_drawn(f)][:MOST_FIELDS]
    indices = item.batch_shape.meshgrid() if item.batch_shape else [{}]
    numbers = {n: np.asarray(native_of(p, item.batch_shape)) for n, p in item.parameters.items() if not p.shape.spatial}
    titles = simulation_titles(numbers, item.batch_shape.volume)
    shown = list(zip(titles, indices, strict=False))[:ACROSS]
    return _figure({n: {t: Values.of_field(item.fields[n], i) for t, i in shown} for n in names}, flow)


@figure_of.register
def _(item: Rollout, flow: Any = None):
    """Some frames of the first simulation."""
    last, first = len(item) - 1, dict.fromkeys(item.batch_shape.names, 0)
    panels: Panels = {}
    for i in sorted({round(last * share / (ACROSS - 1)) for share in range(ACROSS)} if len(item) else ()):
        state = item[i][first] if first else item[i]
        for name in [n for n, f in state.fields.items() if n not in HIDDEN and _can_be_drawn(f)][:MOST_FIELDS]:
            panels.setdefault(name, {})[f"t = {item.times[i]:g}"] = Values.of_field(state.fields[name])
    return _figure(panels, item.flow if flow is None else flow)


@figure_of.register
def _(item: Flow, flow: Any = None):
    """Its domain with the obstacles in it; nothing of one without."""
    axes = drawn_axes(list(item.size), item.drawn)
    across = max(axes) if len(axes) == 3 else ""
    view = View("", VALUE, axes, across=across, position=item.size.get(across, 0.0) / 2)
    outline = outline_of(item, view) if len(axes) > 1 else None
    if outline is None:
        return None
    horizontal, vertical = [d for d in axes if d != across]
    width, height = item.size[horizontal], item.size[vertical]
    scale = 1.5 * PANEL / max(width, height)
    figure = NotebookFigure(figsize=(width * scale + 0.9, height * scale + 0.6), dpi=100, layout="constrained")
    axis = figure.subplots()
    drawn = (*(outline.coordinates[d] for d in (horizontal, vertical)), outline.values)
    axis.contourf(*drawn, levels=[-np.inf, 0], colors="0.75")
    axis.contour(*drawn, levels=[0], colors="k", linewidths=0.8)
    axis.set(xlim=(0, width), ylim=(0, height), aspect="equal", xlabel=horizontal, ylabel=vertical)
    return figure


def _can_be_drawn(field: Field) -> bool:
    return field.is_grid and field.values.available and field.values.shape.volume <= LARGEST


def _figure(panels: Panels, flow: Any):
    panels = {n: p for n, p in panels.items() if p}
    if not panels:
        return None
    axes = next(iter(next(iter(panels.values())).values())).axes
    panels = {n: p for n, p in panels.items() if next(iter(p.values())).axes == axes}
    if len(axes) == 1:
        return _curves(panels)
    rows = [_row(name, shown, flow) for name, shown in panels.items()]
    vertical, horizontal = (b - a for a, b in rows[0].pictures[0].extents.values())
    wide = max(PANEL, min(1.4 * PANEL, NARROWEST * max(vertical, horizontal) / horizontal))
    return Drawing(rows, wide).figure


def _row(name: str, shown: dict[str, Values], flow: Any) -> Row:
    """One field in some panels, with its colours."""
    first = next(iter(shown.values()))
    fits = isinstance(flow, Flow) and {d: (0.0, s) for d, s in flow.size.items()} == first.bounds
    choice = Choice(name, MAGNITUDE if first.is_vector else None, FIELDS)
    view = choice.view(first, drawn_axes(first.axes, flow.drawn if fits else ()))
    row = make_rows(shown, view, flow=flow if fits else None)[0]
    return replace(row, scale=replace(row.scale, label=name))  # there is no room for more


def _curves(panels: Panels):
    """Fields of one axis as lines over it."""
    figure = NotebookFigure(figsize=(2.6 * PANEL * len(panels), 1.4 * PANEL), dpi=100, layout="constrained")
    for axis, (name, shown) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for title, values in shown.items():
            line = _line(values)
            axis.plot(*line.coordinates.values(), line.values, label=for_figure(title))
        axis.set(xlabel=values.axes[0], title=for_figure(name))
        axis.tick_params(labelsize=8)
        if len(shown) > 1:
            axis.legend(fontsize=7)
    return figure


def _line(values: Values) -> Picture:
    """What is drawn of a field of one axis: its only component, or its magnitude."""
    if len(values.axes) != 1:
        raise InputError("A line has one axis.")
    return picture(values, VALUE if not values.is_vector else values.axes[0])
