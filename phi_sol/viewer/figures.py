"""Plotly figures: panels that share one colour scale, and curves."""

import math
from dataclasses import replace

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from ..flows import Flow
from .values import Picture, Values, colour_range, is_signed, label
from .views import DIFFERENCE, FIELDS, Ranges, View, cached_mask

PLAIN, SIGNED = "Viridis", "RdBu_r"  # both read in greyscale; diverging colours only around zero
WIDTH = 1180  # pixels that a row of panels is laid out for
DASHES = ("solid", "dash", "dashdot", "dot")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by colour-blind readers


def panels(
    shown: dict[str, Values | str],
    view: View,
    ranges: Ranges = Ranges(),  # noqa: B008
    reference: str = "",
    flow: Flow | None = None,
) -> go.Figure:
    """
    Panels side by side with one colour scale, and below their differences to the reference with another.

    Args:
        shown: Values, or the reason why there are none, by title.
        view: What is drawn.
        ranges: Fixed colour ranges.
        reference: Title of the panel that the others are compared with.
        flow: Gives obstacles.
    """
    wholes = {t: view.whole(v) for t, v in shown.items() if isinstance(v, Values)}
    flat = {t: view.flat(w) for t, w in wholes.items()}
    base = wholes.get(reference)
    comparable = {
        t: w for t, w in wholes.items() if base is not None and t != reference and w.values.shape == base.values.shape
    }
    rows: list[tuple[dict[str, Picture | str], str]] = []
    if view.show != DIFFERENCE or not reference:
        rows.append(({t: flat.get(t, v) for t, v in shown.items()}, "coloraxis"))
    if view.show != FIELDS and reference:
        row = {
            f"{t} − {reference}": view.flat(comparable[t] - base) if t in comparable else _why_not(v)
            for t, v in shown.items()
            if t != reference
        }
        rows.append((row, "coloraxis2"))
    dimensions = next((len(w.coordinates) for w in wholes.values()), 2)
    figure = _grid(rows, view, len(shown))
    drawn = {name: [p for p in row.values() if isinstance(p, Picture)] for row, name in rows}
    signed = is_signed(view.quantity, dimensions)
    name = label(view.field, view.quantity)
    bars = {
        "coloraxis": (ranges.fields, signed, name),
        "coloraxis2": (ranges.difference, True, f"difference{name[name.rfind(' (') :] if '(' in name else ''}"),
    }
    for i, (_, axis) in enumerate(rows):
        given, is_diverging, title = bars[axis]
        lower, upper = given or colour_range(drawn[axis], is_diverging)
        height = 1 / len(rows)
        bar = dict(
            title=dict(text=title, side="right", font_size=11),
            len=height * 0.95,
            y=1 - (i + 0.5) * height,
            thickness=14,
            x=1.01,
            tickformat=".3~g",
        )
        figure.layout[axis] = dict(cmin=lower, cmax=upper, colorscale=SIGNED if is_diverging else PLAIN, colorbar=bar)
    if flow is not None and not view.is_volume:
        _draw_obstacles(figure, view, flow, [[isinstance(p, Picture) for p in row.values()] for row, _ in rows])
    return figure


def _why_not(value: Values | str) -> str:
    return value if isinstance(value, str) else "no reference on this grid"


def _grid(rows: list, view: View, columns: int) -> go.Figure:
    """Subplots with the pictures of each row, reasons where there is none."""
    kind = "scene" if view.is_volume else "xy"
    specs = [[{"type": kind} if i < len(row) else None for i in range(columns)] for row, _ in rows]
    titles = [t for row, _ in rows for t in row]
    some = next((p for row, _ in rows for p in row.values() if isinstance(p, Picture)), None)
    aspect = 0.5
    if some is not None and not view.is_volume and some.values.ndim == 2:
        vertical, horizontal = (_extent(c) for c in some.coordinates.values())
        aspect = vertical / horizontal
    panel_height = 280 if view.is_volume else min(440.0, max(150.0, aspect * (WIDTH - 150) / columns))
    gap = 58 / (panel_height * len(rows) + 58) if len(rows) > 1 else 0
    figure = make_subplots(
        len(rows), columns, specs=specs, subplot_titles=titles, vertical_spacing=gap, horizontal_spacing=0.045
    )
    for i, (row, axis) in enumerate(rows, 1):
        for j, (title, content) in enumerate(row.items(), 1):
            if isinstance(content, str):
                _note(figure, i, j, content, view)
            else:
                figure.add_trace(_trace(content, title, axis, view), i, j)
    if view.is_volume and some is not None:
        extents = [_extent(c) for c in some.coordinates.values()]
        aspect = dict(zip("xyz", (1.1 * e / max(extents) for e in extents), strict=True))
        # names beside the first tick: titles of 3D axes stand so far away that small panels cut them off
        marks = dict(title_text="", nticks=4, tickfont_size=10, showtickprefix="first")
        axes = {f"{a}axis": marks | dict(tickprefix=f"{n} = ") for a, n in zip("xyz", some.coordinates, strict=True)}
        figure.update_scenes(aspectmode="manual", aspectratio=aspect, camera_eye=dict(x=0.55, y=-1.55, z=0.7), **axes)
    elif not view.is_volume:
        _label_axes(figure, rows, view, some)
    figure.update_layout(
        height=panel_height * len(rows) + 58 * (len(rows) - 1) + 96,
        margin=dict(l=50, r=110, t=36, b=44),
        uirevision=str(some and list(some.coordinates)),
        template="simple_white",
    )
    figure.update_annotations(font_size=13)
    return figure


def _extent(positions: np.ndarray) -> float:
    step = positions[1] - positions[0] if len(positions) > 1 else 1.0
    return float(positions[-1] - positions[0] + step)


def _trace(content: Picture, title: str, axis: str, view: View):
    if view.is_volume:
        positions = np.meshgrid(*content.coordinates.values(), indexing="ij")
        where = dict(zip("xyz", (p.ravel() for p in positions), strict=True))
        # a value with small magnitude is transparent, so that structures show
        signed = [[0, 1], [0.3, 0.6], [0.45, 0.1], [0.5, 0], [0.55, 0.1], [0.7, 0.6], [1, 1]]
        opacity = signed if axis == "coloraxis2" else [[0, 0], [0.1, 0.05], [0.3, 0.5], [1, 1]]
        values = content.values.ravel().astype(np.float32)
        return go.Volume(
            **where, value=values, coloraxis=axis, opacity=0.6, opacityscale=opacity, surface_count=16, name=title
        )
    if content.values.ndim == 1:
        (positions,) = content.coordinates.values()
        return go.Scatter(x=positions, y=content.values, name=title, showlegend=False, line=dict(color="black"))
    vertical, horizontal = content.coordinates.values()
    names = list(content.coordinates)
    text = f"{names[1]} %{{x:.4g}}<br>{names[0]} %{{y:.4g}}<br>%{{z:.4g}}<extra>{title}</extra>"
    return go.Heatmap(
        x=horizontal, y=vertical, z=content.values.astype(np.float32), coloraxis=axis, name=title, hovertemplate=text
    )


def _note(figure: go.Figure, row: int, column: int, text: str, view: View):
    """A reason in the place of a picture."""
    place = figure.get_subplot(row, column)
    (x0, x1), (y0, y1) = (
        (place.domain.x, place.domain.y) if view.is_volume else (place.xaxis.domain, place.yaxis.domain)
    )
    middle = dict(x=(x0 + x1) / 2, y=(y0 + y1) / 2, xref="paper", yref="paper")
    figure.add_annotation(text=_wrapped(text), showarrow=False, font=dict(size=12, color="#a33"), **middle)
    if not view.is_volume:
        figure.add_trace(
            go.Scatter(x=[None], y=[None], showlegend=False, hoverinfo="skip"), row, column
        )  # or there would be no frame


def _wrapped(text: str, width: int = 44) -> str:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)


def _label_axes(figure: go.Figure, rows: list, view: View, some: Picture | None):
    flat = some is None or some.values.ndim == 2
    names = list(some.coordinates) if some is not None else ["", ""]
    figure.update_xaxes(
        title_text=names[-1],
        title_standoff=4,
        ticks="outside",
        showline=True,
        mirror=True,
        matches="x" if flat else None,
    )
    figure.update_yaxes(title_standoff=4, ticks="outside", showline=True, mirror=True, matches="y" if flat else None)
    if flat:
        figure.update_yaxes(constrain="domain")
        figure.update_xaxes(constrain="domain")
    for i, (row, _) in enumerate(rows, 1):
        for j in range(1, len(row) + 1):
            plot = figure.get_subplot(i, j)
            if flat:
                plot.yaxis.update(scaleanchor=plot.yaxis.anchor, scaleratio=1)
            if j == 1:
                plot.yaxis.title.text = names[0] if flat else view.field
    if some is None:
        figure.update_xaxes(showticklabels=False, ticks="")
        figure.update_yaxes(showticklabels=False, ticks="")


def _draw_obstacles(figure: go.Figure, view: View, flow: Flow, rows: list[list[bool]]):
    """
    Solid bodies in grey over the panels that have a picture, as the cut of the body itself on a raster finer
    than the grid.
    """
    mask = cached_mask(flow, view)
    if mask is None:
        return
    vertical, horizontal = mask.coordinates.values()
    grey = dict(colorscale=[[0, "#8c8c8c"], [1, "#8c8c8c"]], showscale=False, hoverinfo="skip", name="obstacle")
    for i, row in enumerate(rows, 1):
        for j in [j for j, has_picture in enumerate(row, 1) if has_picture]:
            figure.add_trace(go.Heatmap(x=horizontal, y=vertical, z=mask.values, **grey), i, j)


ARROWS = 36  # per axis


def single(values: Values, view: View, limits: tuple[float, float], arrows: bool = False) -> go.Figure:
    """
    One field, as wide as its place.

    Args:
        values: The field.
        view: What is drawn.
        limits: Colour range.
        arrows: Whether the direction of a 2D vector field, or of a slice, is drawn, too: arrows as long as one
            and a half cells at most.
    """
    content = view.flat(view.whole(values))
    figure = go.Figure(_trace(content, view.field, "coloraxis", view))
    bar = dict(title=dict(text=label(view.field.rpartition(" ")[2], view.quantity), side="right"), thickness=14)
    figure.update_layout(
        coloraxis=dict(cmin=limits[0], cmax=limits[1], colorscale=PLAIN, colorbar=bar),
        template="simple_white",
        uirevision="kept",
    )
    figure.update_layout(margin=dict(l=50, r=20, t=20, b=44))
    if content.values.ndim == 2:
        vertical, horizontal = content.coordinates
        figure.update_xaxes(title_text=horizontal, constrain="domain")
        figure.update_yaxes(title_text=vertical, scaleanchor="x", scaleratio=1, constrain="domain")
        if arrows and {vertical, horizontal} <= set(values.parts):
            figure.add_trace(_arrows(values, view, horizontal, vertical))
    return figure


def _arrows(values: Values, view: View, horizontal: str, vertical: str) -> go.Scatter:
    """Lines with a dot at their tail."""
    parts = [view.flat(replace(view, quantity=d).whole(values)).coarsened(ARROWS) for d in (horizontal, vertical)]
    y, x = np.meshgrid(*parts[0].coordinates.values(), indexing="ij")
    u, v = (p.values for p in parts)
    longest = float(np.nanmax(np.hypot(u, v))) or 1.0
    cell = min(float(c[1] - c[0]) for c in parts[0].coordinates.values() if len(c) > 1)
    scale, gap = 1.5 * cell / longest, np.full(x.size, np.nan)
    lines = [
        np.stack([c.ravel(), (c + scale * w).ravel(), gap], 1).ravel().astype(np.float32) for c, w in ((x, u), (y, v))
    ]
    marker = dict(size=np.tile([4, 0, 0], x.size), color="white", line_width=0)
    return go.Scatter(
        x=lines[0],
        y=lines[1],
        mode="lines+markers",
        line=dict(color="white", width=1.2),
        marker=marker,
        hoverinfo="skip",
        showlegend=False,
    )


def curves(
    lines: dict[str, tuple[list, list]],
    x_title: str,
    y_title: str,
    mark: float | None = None,
    logarithmic: bool = False,
    empty: str = "",
) -> go.Figure:
    """
    Curves by name, told apart by colour and dash.

    Args:
        lines: (x, y) by name.
        x_title, y_title: Labels.
        mark: Position of a vertical line, such as the current frame.
        logarithmic: Whether y is.
        empty: What to say if there are no curves.
    """
    figure = go.Figure()
    for i, (name, (x, y)) in enumerate(lines.items()):
        colour = "black" if name == "source" else COLOURS[i % len(COLOURS)]
        mode = "lines+markers" if len(x) < 3 else "lines"
        figure.add_trace(
            go.Scatter(
                x=list(x),
                y=list(y),
                name=name,
                mode=mode,
                line=dict(color=colour, dash=DASHES[i % len(DASHES)], width=2),
            )
        )
    if mark is not None:
        figure.add_vline(x=mark, line=dict(color="#555", width=1, dash="dot"))
    if not lines and empty:
        figure.add_annotation(
            text=empty, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font=dict(size=13, color="#555")
        )
        figure.update_xaxes(showticklabels=False, ticks="")
        figure.update_yaxes(showticklabels=False, ticks="")
    figure.update_layout(
        height=280, margin=dict(l=60, r=20, t=16, b=44), template="simple_white", uirevision="kept", showlegend=True
    )
    figure.update_xaxes(title_text=x_title)
    figure.update_yaxes(
        title_text=y_title, type="log" if logarithmic else "linear", rangemode="normal" if logarithmic else "tozero"
    )
    if logarithmic:
        positive = [v for _, y in lines.values() for v in y if v is not None and math.isfinite(v) and v > 0]
        decades = math.log10(max(positive) / min(positive)) if positive else 0
        figure.update_yaxes(exponentformat="power", dtick=1) if decades > 1.5 else figure.update_yaxes(dtick="D1")
    return figure
