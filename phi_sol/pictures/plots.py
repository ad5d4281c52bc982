"""`phi_sol.plot`: figures for notebooks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, count, product
from typing import Any, NamedTuple

import numpy as np
from phi.math import EMPTY_SHAPE, Shape

from ..arguments import checked
from ..errors import InputError, quoted
from ..flows import Flow
from ..grids.layout import native_of
from ..metrics import arrays_of, step_pressure
from ..stepping.rollout import Rollout
from ..stepping.state import State
from .drawing import Drawing
from .panels import BOTH, FIELDS, Choice, Row, View, drawn_axes, in_lines, in_one_scale, make_rows
from .values import HIDDEN, MAGNITUDE, PRESSURE, Values, meant, quantities, simulation_titles

SHOWN = 4  # frames of a rollout
LONGEST = 60.0  # inches of a figure


class Panel(NamedTuple):
    """What is drawn in one panel, and what it belongs to."""

    title: str  # of what is compared with others
    time: str  # of a rollout
    simulation: tuple  # its indices in the batch
    label: str  # what tells it from the others of the batch
    field: str
    values: Values


@checked
def plot(
    *what,
    field: str | None = None,
    quantity: str | None = None,
    reference: str | None = None,
    across: str | None = None,
    position: float = 0.5,
    flow: Flow | None = None,
):
    """
    Fields side by side in one figure, with one colour scale for all. What has different titles stands side by side, its
    simulations and times below each other; of one rollout times, and of one state simulations, stand side by side.

    Args:
        what: States, rollouts (of which four frames are drawn), PhiFlow grids, dictionaries of such by title, or lists
            of such. A batch is taken apart.
        field: Which field of states; default: `velocity`, or the first.
        quantity: A component (`x`), `magnitude`, `vorticity`; `speed`, or the name of a field of states, such as
            `marker`; `pressure`, where the flow is known (`phi_sol.metrics.step_pressure`); default: the magnitude of
            vectors.
        reference: Title of what the others are compared with, in rows of their own.
        across: In 3D the axis that is sliced; default: the last.
        position: Where, from 0 to 1.
        flow: Draws its obstacles and bodies, and in its directions: streams to the right, plumes upwards. Rollouts know
            theirs. Bodies are drawn where they are the same in all that is shown.

    Returns:
        A Matplotlib figure, which notebooks show and `savefig` writes.

    Raises:
        InputError: for what can't be drawn, or grids of different dimension.

    Examples:
        >>> ps.plot(frames, quantity="vorticity").savefig("frames.png")
    """
    if not 0 <= position <= 1:
        raise InputError(f"The position of a slice must be between 0 and 1, not {position!r}.")
    leaves = list(_leaves(what))
    known: Any = flow or next((item.flow for item in leaves if isinstance(item, Rollout)), None)
    names = next((_field_names(item, known) for item in leaves if isinstance(item, State | Rollout)), [])
    field, quantity = meant(quantity, field, names)
    panels = _collected(what, field, known)
    if not panels:
        raise InputError("There is nothing to plot.")
    first = panels[0].values
    if any(p.values.axes != first.axes for p in panels):
        axes = "; ".join(f"{p.title}: {', '.join(p.values.axes)}" for p in panels)
        raise InputError(f"Only fields with the same axes can share a figure: {axes}")
    if len(first.axes) == 1:
        raise InputError("1D fields can't be plotted here: use phi.vis.plot.")
    wanted = quantity or (MAGNITUDE if first.is_vector else None)
    if wanted and wanted not in quantities(first):
        raise InputError(f"There is no quantity {quoted(wanted)}. Known: {', '.join([*quantities(first), *names])}.")
    if across is not None and across not in first.axes:
        raise InputError(f"There is no axis {quoted(across)}. Axes: {', '.join(first.axes)}.")
    choice = Choice(field or panels[0].field, wanted, BOTH if reference else FIELDS, across, position)
    if known is not None and {d: (0.0, s) for d, s in known.size.items()} != first.bounds:
        raise InputError(f"The fields do not lie in the domain of {known}: {first.bounds}.")
    view = choice.view(first, drawn_axes(first.axes, () if known is None else known.drawn))
    rows = _rows(panels, view, reference, known, _common(leaves))
    title = panels[0].title if len({p.title for p in panels}) == 1 < len(panels) and isinstance(what[0], dict) else ""
    size = min(4.0, LONGEST / len(rows), LONGEST / max(len(r.panels) for r in rows))
    return Drawing(rows, size, title=title).figure


def _common(leaves: Sequence) -> dict[str, float]:
    """Numbers that all states have, and all simulations and frames of them: where controls set them they may differ."""
    found: dict[str, set] = {}
    for item in leaves:
        if not isinstance(item, State | Rollout):
            continue
        given = _parameters(item) if isinstance(item, State) else item.parameters | item.diagnostics
        for name, values in given.items():
            found.setdefault(name, set()).update(np.unique(np.asarray(values)).tolist())
    return {n: values.pop() for n, values in found.items() if len(values) == 1}


def _rows(
    panels: list[Panel], view: View, reference: str | None, flow: Flow | None, numbers: Mapping[str, float]
) -> list[Row]:
    """Titles in columns, simulations and times in rows; with one title times, or else simulations, in columns."""
    titles, times = list(dict.fromkeys(p.title for p in panels)), list(dict.fromkeys(p.time for p in panels))
    # what has no batch, or no time, stands beside all simulations, or times
    several = dict.fromkeys(p.simulation for p in panels if p.simulation) or {(): None}
    moments, there = [t for t in times if t] or [""], {(p.title, p.time, p.simulation): p.values for p in panels}

    def called(simulation: tuple) -> str:
        labels = {p.label for p in panels if p.simulation == simulation}
        return labels.pop() if len(labels) == 1 else _numbers(simulation)

    def cell(title: str, time: str, simulation: tuple) -> Values | str:
        keys = product([title], [time, ""], [simulation, ()])
        return next((there[k] for k in keys if k in there), "not there")

    table: list[tuple[str, dict[str, Values | str]]]
    if len(titles) > 1:
        places = [(s, t, "\n".join(filter(None, [called(s), t]))) for s, t in product(several, moments)]
        table = [(name, {title: cell(title, t, s) for title in titles}) for s, t, name in places]
    elif len(moments) > 1:
        table = [(called(s), {t: cell(titles[0], t, s) for t in moments}) for s in several]
    else:
        single = {called(s) or titles[0]: cell(titles[0], moments[0], s) for s in several}
        table = [("", line) for line in ([single] if reference else in_lines(single))]
    columns = dict.fromkeys(c for _, cells in table for c in cells)
    if reference is not None and reference not in columns:
        raise InputError(f"There is no panel {quoted(reference)} to compare with. Panels: {', '.join(columns)}.")
    made = [make_rows(cells, view, reference=reference or "", flow=flow, numbers=numbers) for _, cells in table]
    named = [[replace(row, name=name) for row in rows] for (name, _), rows in zip(table, made, strict=True)]
    return [row for kind in zip(*named, strict=True) for row in in_one_scale(list(kind))]


def _leaves(what) -> Iterator:
    """What is in nested lists and dictionaries."""
    for item in what:
        if isinstance(item, dict | list | tuple):
            yield from _leaves(item.values() if isinstance(item, dict) else item)
        else:
            yield item


def _field_names(item: State | Rollout, flow: Flow | None) -> list[str]:
    """What can be drawn of a state or rollout: with a known flow the pressure of its step, too."""
    names = list(item.fields if isinstance(item, State) else item.flow.fields)
    return names if flow is None or PRESSURE in names else [*names, PRESSURE]


def _collected(what, field: str | None, flow: Flow | None) -> list[Panel]:
    """The panels of anything that `plot` takes, with titles that are unique."""
    result: list[Panel] = []
    for item in what:
        for title, leaf in _named(item, ""):
            panels = list(_panels(leaf, field, flow))
            title = title or next((p.field for p in panels if p.field), "field")
            titles = chain([title], (f"{title} ({i})" for i in count(2)))
            unique = next(t for t in titles if t not in {p.title for p in result})
            result += [p._replace(title=unique) for p in panels]
    return result


def _named(item, title: str) -> Iterator[tuple[str, Any]]:
    """(title, state, rollout or grid)."""
    if isinstance(item, dict | list | tuple):
        for name, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield from _named(value, f"{title} {name}".strip())
    else:
        yield title, item


def _panels(item, field: str | None, flow: Flow | None) -> Iterator[Panel]:
    """Without their title: those of some frames of a rollout, and of all simulations of a batch."""
    if isinstance(item, Rollout):
        last = len(item) - 1
        for i in sorted({round(last * share / (SHOWN - 1)) for share in range(SHOWN)} if len(item) else ()):
            yield from (p._replace(time=f"t = {item.times[i]:g}") for p in _panels(item[i], field, flow))
    elif isinstance(item, Values):
        yield Panel("", "", (), "", "", item)
    elif isinstance(item, State):
        names = [n for n in item.fields if n not in HIDDEN]
        name = field or ("velocity" if "velocity" in names else names[0])
        if name == PRESSURE and name not in names and flow is not None:
            values = _pressure(flow, item)
        elif name in names:
            values = _taken_apart(item.fields[name], item.batch_shape)
        else:
            raise InputError(f"This state has no field {quoted(name)}. It has {', '.join(names)}.")
        labels = simulation_titles(_parameters(item), item.batch_shape.volume)
        for (index, one), label in zip(values.items(), labels, strict=True):
            yield Panel("", "", index, label if index else "", name, one)
    else:
        for index, one in _taken_apart(item, getattr(getattr(item, "shape", None), "batch", EMPTY_SHAPE)).items():
            yield Panel("", "", index, _numbers(index), "", one)


def _taken_apart(field: Any, batch: Shape) -> dict[tuple, Values]:
    """The values of a grid by its indices in a batch."""
    return {tuple(index.values()): Values.of_field(field, index) for index in (batch.meshgrid() if batch else [{}])}


def _numbers(index: tuple) -> str:
    """A simulation by its indices in the batch."""
    return f"batch {', '.join(map(str, index))}" if index else ""


def _parameters(state: State) -> dict[str, np.ndarray]:
    """By name, shape (simulations,), and of profiles (simulations, faces)."""
    shape, given = state.batch_shape, state.parameters.items()
    return {n: np.asarray(native_of(p, shape, p.shape.without(shape).names)) for n, p in given}


def _pressure(flow: Flow, state: State) -> dict[tuple, Values]:
    """That of the step which the flow takes from each simulation, by its indices in the batch."""
    found = step_pressure(flow, arrays_of(flow, state), _parameters(state))
    if found is None:
        raise InputError(f"The steps of {flow} have no pressure.")
    bounds, shape = {d: (0.0, size) for d, size in flow.size.items()}, state.batch_shape
    indices = shape.meshgrid() if shape else [{}]
    return {tuple(i.values()): Values(bounds, {"": p}) for i, p in zip(indices, found, strict=True)}
