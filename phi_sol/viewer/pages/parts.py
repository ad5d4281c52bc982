"""Pieces that several pages share: view controls, labels, the header."""

from dash import Input, Output, State, dcc, html

from ..values import Values, quantities
from ..views import BOTH, DIFFERENCE, FIELDS, VOLUME, default_quantity

OWN = {"/": "Runs", "/compare": "Compare", "/live": "Live", "/training": "Training"}
PHIFLOW = {
    "/fields": "Fields",
    "/side-by-side": "Side by side",
    "/quad": "Quad",
    "/info": "Info",
    "/log": "Log",
    "/board": "Board",
}
SHOW = {FIELDS: "fields", DIFFERENCE: "differences", BOTH: "both"}
PER_FRAME, FIXED = "frame", "fixed"
GRAPH = {"displaylogo": False, "responsive": True}


def header(own: dict[str, str] = OWN, others: dict[str, str] = PHIFLOW) -> html.Div:
    """Links to all pages: those of phi_sol, and those of PhiFlow."""
    links = [dcc.Link(name, href=path, className="own") for path, name in own.items()]
    links += [html.Span("PhiFlow:", className="note")] * bool(others) + [
        dcc.Link(name, href=path) for path, name in others.items()
    ]
    return html.Div([html.Span("phi_sol", className="brand"), *links], className="header")


def labelled(name: str, *children, width: int | None = None, hidden: bool = False, id: str = "") -> html.Div:
    """A control with its name above."""
    style = {"width": width} if width else {"flex": 1}
    identity = {"id": id} if id else {}
    return html.Div(
        [html.Label(name), *children],
        className="control",
        style=style | ({"display": "none"} if hidden else {}),
        **identity,
    )


def dropdown(id: str, options: list | dict, value, **kwargs) -> dcc.Dropdown:
    given = [{"label": v, "value": k} for k, v in options.items()] if isinstance(options, dict) else options
    return dcc.Dropdown(id=id, options=given, value=value, clearable=False, **kwargs)


def view_controls(
    prefix: str, fields: list[str], values: Values | None, drawn: tuple[str, ...], fixed: bool
) -> html.Div:
    """Field, quantity, what is shown, colours, and in 3D the slice."""
    field = fields[0] if fields else None
    names = quantities(values) if values is not None else []
    three_d = values is not None and len(values.axes) == 3
    axis = max(drawn) if three_d else ""
    colours = {FIXED: "fixed", PER_FRAME: "of this frame"} if fixed else {PER_FRAME: "of this frame", FIXED: "kept"}
    return html.Div(
        [
            labelled("field", dropdown(f"{prefix}-field", fields, field), width=130),
            labelled("quantity", dropdown(f"{prefix}-quantity", names, default_quantity(names)), width=190),
            labelled("show", dropdown(f"{prefix}-show", SHOW, BOTH), width=140),
            labelled("colour scale", dropdown(f"{prefix}-scale", colours, next(iter(colours))), width=150),
            labelled(
                "3D",
                dropdown(f"{prefix}-across", across_options(drawn), axis or None),
                width=180,
                hidden=not three_d,
                id=f"{prefix}-across-box",
            ),
            labelled(
                "position of the slice",
                dcc.Slider(
                    id=f"{prefix}-position",
                    min=0,
                    max=1,
                    step=0.01,
                    value=0.5,
                    marks={0: "0", 0.5: "½", 1: "1"},
                    updatemode="drag",
                ),
                hidden=not three_d,
                id=f"{prefix}-position-box",
            ),
        ],
        className="row",
    )


def steady_clock(dash, prefix: str):
    """
    A clock for updates: `PREFIX-tick` changes with the interval `PREFIX-clock`, but not before the last update
        was answered by
    `PREFIX-tock`, so that requests never pile up however slow the machine is.
    """
    dash.clientside_callback(
        """function(interval, tick, tock) {
            const now = Date.now();
            if (tick && tick.n !== tock && now - tick.at < 20000) return dash_clientside.no_update;
            return {n: tick ? tick.n + 1 : 1, at: now};
        }""",
        Output(f"{prefix}-tick", "data"),
        Input(f"{prefix}-clock", "n_intervals"),
        State(f"{prefix}-tick", "data"),
        State(f"{prefix}-tock", "data"),
    )


def clock(prefix: str, milliseconds: int) -> list:
    """The components of a steady clock."""
    return [
        dcc.Interval(id=f"{prefix}-clock", interval=milliseconds),
        dcc.Store(id=f"{prefix}-tick"),
        dcc.Store(id=f"{prefix}-tock"),
    ]


def across_options(drawn: tuple[str, ...]) -> list[dict]:
    """Choices of the 3D dropdown."""
    if len(drawn) < 3:
        return []
    return [{"label": f"slice across {d}", "value": d} for d in sorted(drawn, reverse=True)] + [
        {"label": "volume", "value": VOLUME}
    ]
