"""Pieces that several pages share: view controls, labels, clocks, the header."""

from typing import Any
from urllib.parse import parse_qs

from dash import Input, Output, State, dcc, html, no_update

from ...errors import InputError
from ...pictures.panels import BOTH, DIFFERENCE, FIELDS, VOLUME, default_quantity
from ...pictures.values import Values, quantities

OWN = {"/": "Runs", "/compare": "Compare", "/live": "Live", "/training": "Training"}
PHIFLOW = {"/fields": "Fields", "/side-by-side": "Side by side", "/quad": "Quad"}
PHIFLOW |= {"/info": "Info", "/log": "Log", "/board": "Board"}
SHOW = {FIELDS: "fields", DIFFERENCE: "differences", BOTH: "both"}
PER_FRAME, FIXED = "frame", "fixed"
VIEW = "field.value quantity.value show.value scale.value across.value position.value"  # see `controls`


def at(kind: type[Input | Output | State], prefix: str, names: str) -> list:
    """Inputs, outputs or states of components, `NAME.PROPERTY` each."""
    return [kind(f"{prefix}-{n}", p) for n, p in (name.split(".") for name in names.split())]


def page_of(*children) -> html.Div:
    return html.Div(list(children), className="page")


def asked(search: str | None, name: str) -> str | None:
    """A value in the address of a page."""
    return parse_qs((search or "").lstrip("?")).get(name, [None])[0]


def nothing(title: str, text: str, **options) -> html.Div:
    """A page that only says why it is empty."""
    return page_of(html.H1(title), html.P(text, className="empty", **options))


def row(*children, player: bool = False) -> html.Div:
    return html.Div(list(children), className="row player" if player else "row")


def graph(id: str) -> dcc.Graph:
    return dcc.Graph(id=id, config={"displaylogo": False, "responsive": True})


def slider(id, lower: float, upper: float, step: float, value: float, marks: dict, mode: Any = "drag", **options):
    return dcc.Slider(id=id, min=lower, max=upper, step=step, value=value, marks=marks, updatemode=mode, **options)


def header(own: dict[str, str] = OWN, others: dict[str, str] = PHIFLOW) -> html.Div:
    """Links to all pages: those of phi_sol, and those of PhiFlow."""
    links: list = [dcc.Link(name, href=path, className="own") for path, name in own.items()]
    links += [html.Span("PhiFlow:", className="note")] * bool(others)
    links += [dcc.Link(name, href=path) for path, name in others.items()]
    return html.Div([html.Span("phi_sol", className="brand"), *links], className="header")


def labelled(name: str, child, width: int | None = None, hidden: bool = False, **options) -> html.Div:
    """A control with its name above."""
    style = ({"width": width} if width else {"flex": 1}) | ({"display": "none"} if hidden else {})
    return html.Div([html.Label(name), child], className="control", style=style, **options)


def dropdown(id: str, options: list | dict, value, **kwargs) -> dcc.Dropdown:
    given = [{"label": v, "value": k} for k, v in options.items()] if isinstance(options, dict) else options
    return dcc.Dropdown(id=id, options=given, value=value, clearable=False, **kwargs)


def controls(prefix: str, fields: list[str], values: Values | None, drawn: tuple[str, ...], fixed: bool):
    """Field, quantity, what is shown, colours, and in 3D the slice."""
    names = quantities(values) if values is not None else []
    flat = values is None or len(values.axes) < 3
    colours = {FIXED: "fixed", PER_FRAME: "of this frame"} if fixed else {PER_FRAME: "of this frame", FIXED: "kept"}
    across = dropdown(f"{prefix}-across", across_options(drawn), None if flat else max(drawn))
    position = slider(f"{prefix}-position", 0, 1, 0.01, 0.5, {0: "0", 0.5: "½", 1: "1"})
    return row(
        labelled("field", dropdown(f"{prefix}-field", fields, fields[0]), width=130),
        labelled("quantity", dropdown(f"{prefix}-quantity", names, default_quantity(names)), width=190),
        labelled("show", dropdown(f"{prefix}-show", SHOW, BOTH), width=140),
        labelled("colour scale", dropdown(f"{prefix}-scale", colours, next(iter(colours))), width=150),
        labelled("3D", across, width=180, hidden=flat, id=f"{prefix}-across-box"),
        labelled("position of the slice", position, hidden=flat, id=f"{prefix}-position-box"),
    )


def steady_clock(dash, prefix: str):
    """`tick` changes with the interval `clock`, but not before `tock` answered, so that requests never pile up."""
    dash.clientside_callback(
        """function(interval, tick, tock) {
            const now = Date.now();
            if (tick && tick.n !== tock && now - tick.at < 20000) return dash_clientside.no_update;
            return {n: tick ? tick.n + 1 : 1, at: now};
        }""",
        *at(Output, prefix, "tick.data"),
        *at(Input, prefix, "clock.n_intervals"),
        *at(State, prefix, "tick.data tock.data"),
    )


def clock(prefix: str, milliseconds: int, *names: str) -> list:
    """The components of a steady clock, and stores of these names."""
    stores = [dcc.Store(id=f"{prefix}-{n}") for n in ("tick", "tock", *names)]
    return [dcc.Interval(id=f"{prefix}-clock", interval=milliseconds), *stores]


def choose_quantity(dash, prefix: str, inputs: str, example):
    """Keeps the quantities to those of a field, of which `example` gives values for the inputs."""

    @dash.callback(
        *at(Output, prefix, "quantity.options quantity.value"),
        *at(Input, prefix, inputs),
        *at(State, prefix, "quantity.value"),
    )
    def choose(*given):
        try:
            names = quantities(example(*given[:-1]))
        except (InputError, AttributeError):
            return no_update, no_update
        return names, default_quantity(names, given[-1])


def across_options(drawn: tuple[str, ...]) -> list[dict]:
    """Choices of the 3D dropdown."""
    if len(drawn) < 3:
        return []
    slices = [{"label": f"slice across {d}", "value": d} for d in sorted(drawn, reverse=True)]
    return [*slices, {"label": "volume", "value": VOLUME}]
