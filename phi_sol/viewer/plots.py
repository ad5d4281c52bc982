"""Matplotlib figures whose panels share their colour scales, for notebooks and films."""

import numpy as np

from ..errors import InputError
from ..flows import Flow
from ..stepping.state import State
from .recording import HIDDEN, drawn_order
from .values import MAGNITUDE, Picture, Values, colour_range, is_signed, label, quantities
from .views import BOTH, DIFFERENCE, FIELDS, Ranges, View, make_view, obstacle_mask

PANEL = 4.0  # inches
PLAIN, SIGNED = "viridis", "RdBu_r"


def values_of(field, index: dict | None = None) -> Values:
    """
    Values of a PhiFlow grid.

    Args:
        field: Centred or staggered grid.
        index: Picks one of a batch.

    Raises:
        InputError: if it is no uniform grid, or has more dimensions than can be drawn.
    """
    from phi.field import Field

    if not isinstance(field, Field) or not field.is_grid:
        raise InputError(f"Only PhiFlow grids can be shown, not {type(field).__name__}.")
    field = field[index or {}]
    axes = list(field.resolution.names)
    lower, upper = (b.vector[axes].numpy("vector") for b in (field.bounds.lower, field.bounds.upper))
    bounds = {d: (float(a), float(b)) for d, a, b in zip(axes, lower, upper, strict=True)}
    if field.shape.batch:
        raise InputError(
            f"One simulation at a time can be shown, but there are the batch dimensions {field.shape.batch}."
        )
    if field.is_staggered:
        padded = field.staggered_tensor().numpy([*axes, "vector"])
        return Values(
            bounds,
            {
                c: padded[tuple(slice(None) if d == c else slice(0, -1) for d in axes)][..., i]
                for i, c in enumerate(axes)
            },
            True,
        )
    if "vector" in field.values.shape:
        names = field.values.shape.get_item_names("vector") or axes
        return Values(bounds, {n: field.values.vector[i].numpy(axes) for i, n in enumerate(names)})
    return Values(bounds, {"": field.values.numpy(axes)})


class Panels:
    """
    A figure of panels in a row that share one colour scale, and below, if wanted, their differences to one of them.

    Attributes:
        figure: The Matplotlib figure.
    """

    def __init__(
        self,
        titles: list[str],
        view: View,
        shape: tuple[float, float],
        reference: str = "",
        flow: Flow | None = None,
        curves: bool = False,
    ):
        """
        Args:
            titles: Titles of the panels, in order.
            view: What is drawn.
            shape: Extent of a panel along the horizontal and vertical axis.
            reference: Title of the panel that the others are compared with.
            flow: Gives obstacles.
            curves: Whether there is a row for error curves.
        """
        from matplotlib.figure import Figure

        self.titles, self.view, self.reference, self.flow = titles, view, reference, flow
        others = [t for t in titles if t != reference]
        self.rows = ([titles] if view.show != DIFFERENCE or not reference else []) + (
            [others] if view.show != FIELDS and reference else []
        )
        width, height = (
            (PANEL, PANEL * shape[1] / shape[0]) if shape[0] >= shape[1] else (PANEL * shape[0] / shape[1], PANEL)
        )
        size = [width * len(titles) + 1.6, (height + 0.65) * len(self.rows) + (2.1 if curves else 0) + 0.4]
        self.figure = Figure(
            figsize=[2 * round(50 * s) / 100 for s in size], dpi=100, layout="constrained"
        )  # even numbers of pixels, for videos
        ratios = [height + 0.5] * len(self.rows) + ([1.9] if curves else [])
        grid = self.figure.add_gridspec(len(ratios), len(titles), height_ratios=ratios)
        self.axes = [[self.figure.add_subplot(grid[i, j]) for j in range(len(row))] for i, row in enumerate(self.rows)]
        self.curve_axis = self.figure.add_subplot(grid[-1, :]) if curves else None
        self._images = [[None] * len(row) for row in self.rows]
        self._notes = [[None] * len(row) for row in self.rows]
        self._bars = [False] * len(self.rows)

    def draw(self, shown: dict[str, Values | str], ranges: Ranges = Ranges()):  # noqa: B008
        """Draws values, or the reason why there are none, by title; called again it replaces them."""
        wholes = {t: self.view.whole(v) for t, v in shown.items() if isinstance(v, Values)}
        base = wholes.get(self.reference)
        dimensions = next((len(w.coordinates) for w in wholes.values()), 2)
        name = label(self.view.field, self.view.quantity)
        unit = name[name.rfind(" (") :] if "(" in name else ""
        for i, row in enumerate(self.rows):
            difference = i == 1 or self.view.show == DIFFERENCE
            if difference:
                contents = [
                    self.view.flat(wholes[t] - base)
                    if base is not None and t in wholes
                    else _reason(shown[t], shown[self.reference])
                    for t in row
                ]
            else:
                contents = [self.view.flat(wholes[t]) if t in wholes else shown[t] for t in row]
            signed = difference or is_signed(self.view.quantity, dimensions)
            limits = (ranges.difference if difference else ranges.fields) or colour_range(
                [c for c in contents if isinstance(c, Picture)], signed
            )
            for j, content in enumerate(contents):
                self._place(i, j, content, limits, signed, f"{row[j]} − {self.reference}" if difference else row[j])
            drawn = [image for image in self._images[i] if image is not None]
            if drawn and not self._bars[i]:
                bar = self.figure.colorbar(drawn[0], ax=self.axes[i], aspect=18, pad=0.01)
                bar.set_label(f"difference{unit}" if difference else name, fontsize=8)
                bar.ax.tick_params(labelsize=8)
                self._bars[i] = True

    def _place(self, i: int, j: int, content: Picture | str, limits: tuple[float, float], signed: bool, title: str):
        axis, image, note = self.axes[i][j], self._images[i][j], self._notes[i][j]
        if note is not None:
            note.remove()
            self._notes[i][j] = None
        if isinstance(content, str):
            if image is not None:
                image.set_visible(False)
            self._notes[i][j] = axis.text(
                0.5,
                0.5,
                content,
                transform=axis.transAxes,
                ha="center",
                va="center",
                wrap=True,
                fontsize=8,
                color="firebrick",
            )
            axis.set_title(title, fontsize=10)
            return
        if image is None:
            self._images[i][j] = image = self._first(axis, content, signed, title)
            vertical, horizontal = content.coordinates
            axis.set_xlabel(horizontal, fontsize=9)
            if j == 0:
                axis.set_ylabel(vertical, fontsize=9)
        image.set_data(content.values)
        image.set_clim(*limits)
        image.set_visible(True)

    def _first(self, axis, content: Picture, signed: bool, title: str):
        vertical, horizontal = content.coordinates.values()
        half = [(c[1] - c[0]) / 2 if len(c) > 1 else 0.5 for c in (horizontal, vertical)]
        extent = (horizontal[0] - half[0], horizontal[-1] + half[0], vertical[0] - half[1], vertical[-1] + half[1])
        image = axis.imshow(
            content.values, origin="lower", extent=extent, cmap=SIGNED if signed else PLAIN, interpolation="nearest"
        )
        mask = obstacle_mask(self.flow, self.view) if self.flow is not None else None
        if mask is not None:
            v, h = mask.coordinates.values()
            axis.imshow(
                np.where(mask.values == 1, 0.55, np.nan),
                origin="lower",
                extent=(h[0], h[-1], v[0], v[-1]),
                cmap="gray",
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
            axis.set(xlim=extent[:2], ylim=extent[2:])
        axis.set_title(title, fontsize=10)
        axis.tick_params(labelsize=8)
        return image


def _reason(value: Values | str, reference: Values | str) -> str:
    return value if isinstance(value, str) else reference if isinstance(reference, str) else "no reference on this grid"


def panel_shape(values: Values, view: View) -> tuple[float, float]:
    """Horizontal and vertical extent of what is drawn."""
    across = view.across if len(values.axes) == 3 else ""
    return tuple(values.bounds[d][1] - values.bounds[d][0] for d in view.drawn if d != across)[:2]


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
        raise InputError(
            "Only fields with the same axes can share a figure: "
            + "; ".join(f"{t}: {', '.join(v.axes)}" for t, v in values.items())
        )
    if len(first.axes) == 1:
        raise InputError("1D fields can't be plotted here: use phi.vis.plot.")
    if reference is not None and reference not in values:
        raise InputError(f"There is no panel {reference!r} to compare with. Panels: {', '.join(values)}.")
    wanted = quantity or (MAGNITUDE if first.is_vector else None)
    if wanted and wanted not in quantities(first):
        raise InputError(f"There is no quantity {wanted!r}. Known: {', '.join(quantities(first))}.")
    if across is not None and across not in first.axes:
        raise InputError(f"There is no axis {across!r}. Axes: {', '.join(first.axes)}.")
    drawn = drawn_order(first.axes, None)
    view = make_view(first, name, wanted, drawn, BOTH if reference else FIELDS, across, position)
    panels = Panels(list(values), view, panel_shape(first, view), reference or "")
    panels.draw(values)
    return panels.figure


def _collected(what, field: str | None) -> dict[str, tuple[str, Values]]:
    """(field name, values) by title, from anything that `plot` takes."""
    result: dict[str, tuple[str, Values]] = {}

    def add(title: str, item):
        if isinstance(item, dict):
            for name, value in item.items():
                add(f"{title} {name}".strip(), value)
        elif isinstance(item, list | tuple):
            for i, value in enumerate(item):
                add(f"{title} {i}".strip(), value)
        elif isinstance(item, State):
            names = [n for n in item.fields if n not in HIDDEN]
            name = field or ("velocity" if "velocity" in names else names[0])
            if name not in names:
                raise InputError(f"This state has no field {name!r}. It has {', '.join(names)}.")
            add_field(title, name, item.fields[name])
        elif isinstance(item, Values):
            put(title, "", item)
        else:
            add_field(title, "", item)

    def add_field(title: str, name: str, grid):
        shape = getattr(getattr(grid, "shape", None), "batch", ())
        indices = list(shape.meshgrid()) if shape else [{}]
        for index in indices:
            suffix = ", ".join(f"{d} {i}" for d, i in index.items())
            put(f"{title} {suffix}".strip() or name, name, values_of(grid, index))

    def put(title: str, name: str, values: Values):
        unique, count = title or "field", 2
        while unique in result:
            unique, count = f"{title or 'field'} ({count})", count + 1
        result[unique] = (name, values)

    for item in what:
        add("", item)
    return result
