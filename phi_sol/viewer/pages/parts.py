"""Pieces that several pages share: components and callbacks, view controls, clocks, the header."""

from collections.abc import Callable, Sequence
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
PER_FRAME, FIXED = "frame", "fixed"  # colour scales
VIEW = "field.value quantity.value show.value across.value position.value scale.value"  # a `Choice`, and the scale


def asked(search: str | None, name: str) -> str | None:
    """A value in the address of a page."""
    return parse_qs((search or "").lstrip("?")).get(name, [None])[0]


def page_of(*children) -> html.Div:
    return html.Div(list(children), className="page")


def nothing(title: str, text: str, **options) -> html.Div:
    """A page that only says why it is empty."""
    return page_of(html.H1(title), html.P(text, className="empty", **options))


def row(*children, player: bool = False) -> html.Div:
    return html.Div(list(children), className="row player" if player else "row")


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


def slider(id, lower: float, upper: float, step: float, value: float, marks: dict, mode: Any = "drag"):
    return dcc.Slider(lower, upper, step, marks, value, id=id, updatemode=mode)


def across_options(drawn: Sequence[str]) -> list[dict]:
    """Choices of the 3D dropdown."""
    slices = [{"label": f"slice across {d}", "value": d} for d in sorted(drawn, reverse=True)]
    return [*slices, {"label": "volume", "value": VOLUME}] if len(drawn) == 3 else []


class Page:
    """
    Components and callbacks of a page. Ids begin with its prefix, and callbacks name what they read and write
    `NAME.PROPERTY`, separated by blanks; the component `url` is that of all pages.
    """

    def __init__(self, prefix: str):
        self.prefix = prefix

    # --- components ---

    def id(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def text(self, name: str, kind: str, **options) -> html.Div:
        return html.Div(id=self.id(name), className=kind, **options)

    def graph(self, name: str) -> dcc.Graph:
        return dcc.Graph(id=self.id(name), config={"displaylogo": False, "responsive": True})

    def choice(self, name: str, title: str, options: Sequence | dict, width: int | None = None, **kwargs) -> html.Div:
        """A dropdown of values, or of titles by value, with its name above; at first the first of them is chosen."""
        given = [{"label": v, "value": k} for k, v in options.items()] if isinstance(options, dict) else options
        value = kwargs.pop("value", next(iter(options), None))
        return labelled(title, dcc.Dropdown(given, value, id=self.id(name), clearable=False), width, **kwargs)

    def slider(self, name: str, title: str, *given, **options) -> html.Div:
        """As `slider`, with its name above."""
        return labelled(title, slider(self.id(name), *given), **options)

    def controls(self, colours: dict[str, str], fields: Sequence[str] = (), drawn: Sequence[str] = ()) -> html.Div:
        """Field, quantity, what is shown, colours, and in 3D the slice."""
        flat = len(drawn) < 3
        box: dict = dict(hidden=flat, id=self.id("across-box"), value=None if flat else max(drawn))
        marks, place = {0: "0", 0.5: "½", 1: "1"}, self.id("position-box")
        return row(
            self.choice("field", "field", fields, 130),
            self.choice("quantity", "quantity", [], 190),
            self.choice("show", "show", SHOW, 140, value=BOTH),
            self.choice("scale", "colour scale", colours, 150),
            self.choice("across", "3D", across_options(drawn), 180, **box),
            self.slider("position", "position of the slice", 0, 1, 0.01, 0.5, marks, hidden=flat, id=place),
        )

    def clock(self, milliseconds: int, *names: str) -> list:
        """The components of `on_clock`, and stores of these names."""
        stores = [dcc.Store(id=self.id(n)) for n in ("tick", "tock", *names)]
        return [dcc.Interval(id=self.id("clock"), interval=milliseconds), *stores]

    # --- callbacks ---

    def on(self, dash, inputs: str, outputs: str, states: str = "", others: Sequence[Input] = (), **options):
        """Decorates a callback, or takes JavaScript instead as `script`; options are those of Dash."""

        def at(kind, names: str, **more):
            pairs = (name.split(".") for name in names.split())
            return [kind(n if n == "url" else self.id(n), p, **more) for n, p in pairs]

        script, duplicate = options.pop("script", None), options.pop("allow_duplicate", False)
        given = (*at(Output, outputs, allow_duplicate=duplicate), *at(Input, inputs), *others, *at(State, states))
        return dash.clientside_callback(script, *given, **options) if script else dash.callback(*given, **options)

    def on_clock(self, dash, inputs: str, outputs: str, states: str = ""):
        """
        Decorates a callback that the clock calls, too: `tick` changes with the interval `clock`, but not before `tock`
        answered, so that requests never pile up.
        """
        script = """function(interval, tick, tock) {
            const now = Date.now();
            if (tick && tick.n !== tock && now - tick.at < 20000) return dash_clientside.no_update;
            return {n: tick ? tick.n + 1 : 1, at: now};
        }"""
        self.on(dash, "clock.n_intervals", "tick.data", "tick.data tock.data", script=script)

        def decorate(call: Callable[..., Sequence]):
            @self.on(dash, f"tick.data {inputs}", f"tock.data {outputs}", states)
            def answer(tick, *given):
                return [tick["n"] if tick else None, *call(*given)]

        return decorate

    def choose_quantity(self, dash, inputs: str, example: Callable[..., Values]):
        """Keeps the quantities to those of a field, of which `example` gives values for the inputs."""

        @self.on(dash, inputs, "quantity.options quantity.value", "quantity.value")
        def choose(*given):
            try:
                names = quantities(example(*given[:-1]))
            except (InputError, KeyError):
                return no_update, no_update
            return names, default_quantity(names, given[-1])
