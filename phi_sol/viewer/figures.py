"""Plotly figures: rows of panels (see `phi_sol.pictures.panels`), one field, and curves."""

import math
from dataclasses import replace
from textwrap import wrap

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from ..pictures.panels import PLAIN, Row, View
from ..pictures.values import Picture, Values, label
from ..texts import for_plotly

WIDTH = 1180  # pixels that a row of panels is laid out for
GAP = 58  # pixels between rows
DASHES = ("solid", "dash", "dashdot", "dot")
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by colour-blind readers
ARROWS = 36  # per axis
FRAME = dict(ticks="outside", showline=True, mirror=True, title_standoff=4)
NO_TICKS = dict(showticklabels=False, ticks="")


def notice(text: str, height: int = 420) -> go.Figure:
    """A figure that only says something."""
    figure = go.Figure(layout=dict(height=height, template="simple_white", xaxis_visible=False, yaxis_visible=False))
    return _note(figure, text, xref="paper", yref="paper", font=dict(size=16, color="#555"))


def _note(figure: go.Figure, *lines: str, **where) -> go.Figure:
    return figure.add_annotation(
        **(dict(text="<br>".join(map(for_plotly, lines)), x=0.5, y=0.5, showarrow=False) | where)
    )


def panels(rows: list[Row]) -> go.Figure:
    """Panels side by side, in the colours of their rows, and reasons where there is no picture."""
    columns, some = max(len(r.panels) for r in rows), next((p for r in rows for p in r.pictures), None)
    extents = [b - a for a, b in some.extents.values()] if some is not None else [1.0, 2.0]
    volume = len(extents) == 3
    aspect = extents[0] / extents[1] if len(extents) == 2 else 0.5
    height = 280.0 if volume else min(440.0, max(150.0, aspect * (WIDTH - 150) / columns))
    kind = {"type": "scene" if volume else "xy"}
    specs = [[kind if i < len(row.panels) else None for i in range(columns)] for row in rows]
    gaps = dict(vertical_spacing=GAP / (height * len(rows) + GAP) if len(rows) > 1 else 0, horizontal_spacing=0.045)
    titles = [for_plotly(t) for row in rows for t in row.panels]
    figure = make_subplots(len(rows), columns, specs=specs, subplot_titles=titles, **gaps)
    for i, row in enumerate(rows, 1):
        axis, share = f"coloraxis{i if i > 1 else ''}", 1 / len(rows)
        for j, (title, content) in enumerate(row.panels.items(), 1):
            if isinstance(content, Picture):
                figure.add_trace(_trace(content, title, axis, row.scale.colours != PLAIN), i, j)
                if row.outline is not None:
                    figure.add_trace(_solids(row.outline), i, j)
                continue
            place = figure.get_subplot(i, j)
            (x0, x1), (y0, y1) = (a.domain for a in place) if not volume else (place.domain.x, place.domain.y)
            where: dict = dict(x=(x0 + x1) / 2, y=(y0 + y1) / 2, xref="paper", yref="paper")
            _note(figure, *wrap(content, 44), **where, font=dict(size=12, color="#a33"))
            if not volume:  # or there would be no frame
                figure.add_trace(go.Scatter(x=[None], y=[None], showlegend=False, hoverinfo="skip"), i, j)
        bar: dict = dict(len=share * 0.95, y=1 - (i - 0.5) * share, thickness=14, x=1.01, tickformat=".3~g")
        bar |= dict(title=dict(text=for_plotly(row.scale.label), side="right", font_size=11))
        cmin, cmax = row.scale.limits
        figure.layout[axis] = dict(cmin=cmin, cmax=cmax, colorscale=row.scale.colours, colorbar=bar)
    if volume and some is not None:
        shape = dict(zip("xyz", (1.1 * e / max(extents) for e in extents), strict=True))
        # names beside the first tick: titles of 3D axes stand so far away that small panels cut them off
        marks = dict(title_text="", nticks=4, tickfont_size=10, showtickprefix="first")
        axes = {
            f"{a}axis": marks | dict(tickprefix=f"{for_plotly(n)} = ")
            for a, n in zip("xyz", some.coordinates, strict=True)
        }
        figure.update_scenes(aspectmode="manual", aspectratio=shape, camera_eye=dict(x=0.55, y=-1.55, z=0.7), **axes)
    else:
        _label_axes(figure, rows, some)
    size = dict(height=height * len(rows) + GAP * (len(rows) - 1) + 96, margin=dict(l=50, r=110, t=36, b=44))
    figure.update_layout(**size, uirevision=str(some and list(some.coordinates)), template="simple_white")
    return figure.update_annotations(font_size=13)


def _label_axes(figure: go.Figure, rows: list[Row], some: Picture | None):
    """Names of the axes; panels of pictures zoom together and keep their shape."""
    flat, names = some is None or some.values.ndim == 2, list(some.coordinates) if some is not None else ["", ""]
    style: dict = FRAME | (dict(constrain="domain") if flat else {}) | (NO_TICKS if some is None else {})
    figure.update_xaxes(title_text=for_plotly(names[-1]), matches="x" if flat else None, **style)
    figure.update_yaxes(matches="y" if flat else None, **style)
    for i, row in enumerate(rows, 1):
        for j in range(1, len(row.panels) + 1):
            plot = figure.get_subplot(i, j)
            if flat:
                plot.yaxis.update(scaleanchor=plot.yaxis.anchor, scaleratio=1)
            if j == 1:
                plot.yaxis.title.text = for_plotly(names[0] if flat else row.scale.label)


def _trace(content: Picture, title: str, axis: str, signed: bool = False):
    names, positions = [for_plotly(n) for n in content.coordinates], list(content.coordinates.values())
    title = for_plotly(title)
    if len(names) == 3:
        where = dict(zip("xyz", (p.ravel() for p in np.meshgrid(*positions, indexing="ij")), strict=True))
        # a value with small magnitude is transparent, so that structures show
        plain = [[0, 0], [0.1, 0.05], [0.3, 0.5], [1, 1]]
        diverging = [[0, 1], [0.3, 0.6], [0.45, 0.1], [0.5, 0], [0.55, 0.1], [0.7, 0.6], [1, 1]]
        style = dict(opacity=0.6, opacityscale=diverging if signed else plain, surface_count=16)
        return go.Volume(**where, value=content.values.ravel().astype(np.float32), coloraxis=axis, name=title, **style)
    if len(names) == 1:
        return go.Scatter(x=positions[0], y=content.values, name=title, showlegend=False, line=dict(color="black"))
    text = f"{names[1]} %{{x:.4g}}<br>{names[0]} %{{y:.4g}}<br>%{{z:.4g}}<extra>%{{fullData.name}}</extra>"
    z = content.values.astype(np.float32)
    return go.Heatmap(x=positions[1], y=positions[0], z=z, coloraxis=axis, name=title, hovertemplate=text)


def _solids(outline: Picture) -> go.Heatmap:
    """Solid bodies in grey."""
    vertical, horizontal = outline.coordinates.values()
    style = dict(colorscale=[[0, "#8c8c8c"], [1, "#8c8c8c"]], showscale=False, hoverinfo="skip", name="obstacle")
    inside = np.where(outline.values <= 0, np.float32(1), np.float32(np.nan))
    return go.Heatmap(x=horizontal, y=vertical, z=inside, **style)


def single(values: Values, view: View, limits: tuple[float, float], arrows: bool = False) -> go.Figure:
    """One field, as wide as its place; with arrows in the plane, as long as one and a half cells at most."""
    content = view.flat(view.whole(values))
    figure = go.Figure(_trace(content, view.field, "coloraxis"))
    bar = dict(
        title=dict(text=for_plotly(label(view.field.rpartition(" ")[2], view.quantity)), side="right"), thickness=14
    )
    colours = dict(cmin=limits[0], cmax=limits[1], colorscale=PLAIN, colorbar=bar)
    margin = dict(l=50, r=20, t=20, b=44)
    figure.update_layout(coloraxis=colours, template="simple_white", uirevision="kept", margin=margin)
    if content.values.ndim == 2:
        vertical, horizontal = content.coordinates
        figure.update_xaxes(title_text=for_plotly(horizontal), constrain="domain")
        figure.update_yaxes(title_text=for_plotly(vertical), scaleanchor="x", scaleratio=1, constrain="domain")
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
    xs, ys = (
        np.stack([c.ravel(), (c + scale * w).ravel(), gap], 1).ravel().astype(np.float32) for c, w in ((x, u), (y, v))
    )
    style = dict(line=dict(color="white", width=1.2), hoverinfo="skip", showlegend=False)
    marker = dict(size=np.tile([4, 0, 0], x.size), color="white", line_width=0)
    return go.Scatter(x=xs, y=ys, mode="lines+markers", marker=marker, **style)


def curves(
    lines: dict[str, tuple], x_title: str, y_title: str, mark: float | None = None, logarithmic=False, empty: str = ""
) -> go.Figure:
    """Curves (x, y) by name, with a vertical line at `mark`; `empty` is said if there are none."""
    figure = go.Figure()
    for i, (name, (x, y)) in enumerate(lines.items()):
        style = dict(color="black" if name == "source" else COLOURS[i % len(COLOURS)], dash=DASHES[i % len(DASHES)])
        mode = "lines+markers" if len(x) < 3 else "lines"
        figure.add_trace(go.Scatter(x=list(x), y=list(y), name=for_plotly(name), mode=mode, line=style | dict(width=2)))
    if mark is not None:
        figure.add_vline(x=mark, line=dict(color="#555", width=1, dash="dot"))
    margin = dict(l=60, r=20, t=16, b=44)
    figure.update_layout(height=280, margin=margin, template="simple_white", uirevision="kept", showlegend=True)
    figure.update_xaxes(title_text=x_title)
    figure.update_yaxes(title_text=y_title, rangemode="normal" if logarithmic else "tozero")
    if not lines and empty:
        _note(figure, empty, xref="paper", yref="paper", font=dict(size=13, color="#555"))
        figure.update_xaxes(**NO_TICKS)
        figure.update_yaxes(**NO_TICKS)
    if logarithmic:
        positive = [v for _, y in lines.values() for v in y if v is not None and math.isfinite(v) and v > 0]
        decades = math.log10(max(positive) / min(positive)) if positive else 0
        ticks = dict(exponentformat="power", dtick=1) if decades > 1.5 else dict(dtick="D1")
        figure.update_yaxes(type="log", **ticks)
    return figure
