"""`phi_sol.plot`: figures for notebooks."""

from collections.abc import Iterator
from itertools import chain, count

from ..errors import InputError
from ..stepping.state import State
from .drawing import Drawing
from .panels import BOTH, FIELDS, Choice, drawn_axes, make_rows
from .values import HIDDEN, MAGNITUDE, Values, quantities


def plot(
    *what,
    field: str | None = None,
    quantity: str | None = None,
    reference: str | None = None,
    across: str | None = None,
    position: float = 0.5,
):
    """
    Fields side by side in one figure, with one colour scale for all.

    Args:
        what: States, PhiFlow grids, dictionaries of such by title, or lists of such. A batch is taken apart.
        field: Which field of states; default: `velocity`, or the first.
        quantity: A component (`x`), `magnitude`, `vorticity`; default: the magnitude of vectors.
        reference: Title of the panel that the others are compared with, in a second row.
        across: In 3D the axis that is sliced; default: the last.
        position: Where, from 0 to 1.

    Returns:
        A Matplotlib figure, which notebooks show and `savefig` writes.

    Raises:
        InputError: for what can't be drawn, or grids of different dimension.
    """
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
    view = choice.view(first, drawn_axes(first.axes))
    return Drawing(make_rows(values, view, reference=reference or "")).figure


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
