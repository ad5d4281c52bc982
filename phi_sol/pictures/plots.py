"""`phi_sol.plot`: figures for notebooks."""

from collections.abc import Iterator
from itertools import chain, count
from typing import Any

from ..errors import InputError
from ..flows import Flow
from ..stepping.rollout import Rollout
from ..stepping.state import State
from .drawing import Drawing
from .panels import BOTH, FIELDS, Choice, drawn_axes, make_rows
from .values import HIDDEN, MAGNITUDE, Values, meant, quantities

SHOWN = 4  # frames of a rollout


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
    Fields side by side in one figure, with one colour scale for all.

    Args:
        what: States, rollouts (of which four frames are drawn), PhiFlow grids, dictionaries of such by title, or lists
            of such. A batch is taken apart.
        field: Which field of states; default: `velocity`, or the first.
        quantity: A component (`x`), `magnitude`, `vorticity`; `speed`, or the name of a field of states, such as
            `marker`; default: the magnitude of vectors.
        reference: Title of the panel that the others are compared with, in a second row.
        across: In 3D the axis that is sliced; default: the last.
        position: Where, from 0 to 1.
        flow: Draws its obstacles, and in its directions: streams to the right, plumes upwards. Rollouts know theirs.

    Returns:
        A Matplotlib figure, which notebooks show and `savefig` writes.

    Raises:
        InputError: for what can't be drawn, or grids of different dimension.
    """
    field, quantity = meant(quantity, field, _field_names(what))
    known: Any = [item.flow for item in _leaves(what) if isinstance(item, Rollout)]
    flow = flow or next(iter(known), None)
    shown = _collected(what, field)
    if not shown:
        raise InputError("There is nothing to plot.")
    name = field or next((n for n, _ in shown.values() if n), "")
    values = {t: v for t, (_, v) in shown.items()}
    first = next(iter(values.values()))
    if any(v.axes != first.axes for v in values.values()):
        axes = "; ".join(f"{t}: {', '.join(v.axes)}" for t, v in values.items())
        raise InputError(f"Only fields with the same axes can share a figure: {axes}")
    if len(first.axes) == 1:
        raise InputError("1D fields can't be plotted here: use phi.vis.plot.")
    if reference is not None and reference not in values:
        raise InputError(f"There is no panel {reference!r} to compare with. Panels: {', '.join(values)}.")
    wanted = quantity or (MAGNITUDE if first.is_vector else None)
    if wanted and wanted not in quantities(first):
        raise InputError(f"There is no quantity {wanted!r}. Known: {', '.join(quantities(first))}.")
    if across is not None and across not in first.axes:
        raise InputError(f"There is no axis {across!r}. Axes: {', '.join(first.axes)}.")
    choice = Choice(name, wanted, BOTH if reference else FIELDS, across, position)
    if flow is not None and {d: (0.0, s) for d, s in flow.size.items()} != first.bounds:
        raise InputError(f"The fields do not lie in the domain of {flow}: {first.bounds}.")
    view = choice.view(first, drawn_axes(first.axes, () if flow is None else flow.drawn))
    return Drawing(make_rows(values, view, reference=reference or "", flow=flow)).figure


def _leaves(what) -> Iterator:
    """What is in nested lists and dictionaries."""
    for item in what:
        if isinstance(item, dict | list | tuple):
            yield from _leaves(item.values() if isinstance(item, dict) else item)
        else:
            yield item


def _field_names(what) -> list[str]:
    """Names of the fields of the first state or rollout."""
    for item in _leaves(what):
        if isinstance(item, State | Rollout):
            return list(item.fields if isinstance(item, State) else item.flow.fields)
    return []


def _collected(what, field: str | None) -> dict[str, tuple[str, Values]]:
    """(field name, values) by title, from anything that `plot` takes."""
    result: dict[str, tuple[str, Values]] = {}
    for item in what:
        for title, name, values in _named(item, "", field):
            titles = chain([title or "field"], (f"{title or 'field'} ({i})" for i in count(2)))
            result[next(t for t in titles if t not in result)] = (name, values)
    return result


def _named(item, title: str, field: str | None) -> Iterator[tuple[str, str, Values]]:
    if isinstance(item, dict | list | tuple):
        for name, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield from _named(value, f"{title} {name}".strip(), field)
    elif isinstance(item, Rollout):
        last = len(item) - 1
        for i in sorted({round(last * share / (SHOWN - 1)) for share in range(SHOWN)} if len(item) else ()):
            yield from _named(item[i], f"{title} t = {item.times[i]:g}".strip(), field)
    elif isinstance(item, Values):
        yield title, "", item
    else:
        name, grid = "", item
        if isinstance(item, State):
            names = [n for n in item.fields if n not in HIDDEN]
            name = field or ("velocity" if "velocity" in names else names[0])
            if name not in names:
                raise InputError(f"This state has no field {name!r}. It has {', '.join(names)}.")
            grid = item.fields[name]
        batch = getattr(getattr(grid, "shape", None), "batch", ())
        for index in list(batch.meshgrid()) if batch else [{}]:
            suffix = ", ".join(f"{d} {i}" for d, i in index.items())
            yield f"{title} {suffix}".strip() or name, name, Values.of_field(grid, index)
