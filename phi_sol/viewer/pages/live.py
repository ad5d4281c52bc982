"""The live page: source, corrected and reference step while one watches."""

import inspect
import math

from dash import ALL, Input, Output, State, ctx, dcc, html, no_update
from plotly import graph_objects as go

from ...errors import InputError
from ...flows.base import SEED
from ..figures import curves, panels
from ..live import CORRECTED, REFERENCE, SOLVERS, SOURCE
from ..values import colour_range, is_signed, quantities
from ..views import DIFFERENCE, Ranges, default_quantity, make_view
from .parts import FIXED, GRAPH, clock, dropdown, labelled, steady_clock, view_controls

REFRESH = 400  # ms between two pictures
NO_CORRECTOR = "none"
BUTTONS = {
    "live-play": "Play",
    "live-pause": "Pause",
    "live-step": "Step",
    "live-reset": "Reset",
    "live-poke": "Poke",
    "live-save": "Save scene",
}


def register(site):
    """Adds the page `/live` and its callbacks."""
    site.app.add_page("/live", lambda _: page(site))
    if site.live is None:
        return
    dash, live, model = site.app.dash, site.live, site.model
    kept: dict[tuple, Ranges] = {}

    @dash.callback(Output("live-did", "data"), [Input(b, "n_clicks") for b in BUTTONS], prevent_initial_call=True)
    def act(*_):
        button = ctx.triggered_id
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            return no_update
        if button == "live-play":
            model.report("")
            site.app.play()
        elif button == "live-pause":
            site.app.pause()
        elif button == "live-step":
            if not site.app.play_status:
                model.report("")
                site.app.play(max_steps=1)
        else:
            if button == "live-reset":
                site.app.pause()
            model.run_action({"live-reset": "reset", "live-poke": "poke", "live-save": "save_scene"}[button])
        return live.version

    @dash.callback(
        Output("live-set", "data"),
        Input("live-gain", "value"),
        Input({"type": "live-parameter", "name": ALL}, "value"),
        Input("live-corrector", "value"),
        prevent_initial_call=True,
    )
    def control(gain, _values, corrector):
        trigger = ctx.triggered_id
        if trigger == "live-gain":
            model.set_control_value("gain", gain)
        elif trigger == "live-corrector":
            live.choose(corrector="" if corrector == NO_CORRECTOR else corrector)
        elif isinstance(trigger, dict) and ctx.triggered[0]["value"] is not None:
            name, value = trigger["name"], ctx.triggered[0]["value"]
            model.set_control_value(name, value if name == SEED else 10.0**value)
        return live.version

    @dash.callback(Output("live-parameters", "children"), Input("live-start", "value"), prevent_initial_call=True)
    def start(value):
        site.app.pause()
        model.in_background(lambda: model.safely("Start", lambda: live.choose(start="" if value == INITIAL else value)))
        return parameter_controls(site)

    @dash.callback(
        Output("live-quantity", "options"),
        Output("live-quantity", "value"),
        Input("live-field", "value"),
        State("live-quantity", "value"),
    )
    def choose_field(field, quantity):
        names = quantities(site.example(field))
        return names, default_quantity(names, quantity)

    steady_clock(dash, "live")

    @dash.callback(
        Output("live-panels", "figure"),
        Output("live-curves", "figure"),
        Output("live-status", "children"),
        Output("live-error", "children"),
        Output("live-shown", "data"),
        Output("live-tock", "data"),
        [Input(f"live-{n}", "value") for n in ("field", "quantity", "show", "scale", "across", "position", "full")],
        Input("live-tick", "data"),
        State("live-shown", "data"),
    )
    def draw(field, quantity, show, scale, across, share, full, tick, before):
        status, error = _status(site)
        settings = [field, quantity, show, scale, across, share, full, live.version, live.message]
        tock = tick["n"] if tick else None
        if settings == before:
            return no_update, no_update, status, error, no_update, tock
        try:
            shown = {s: live.values(s)[field] for s in SOLVERS}
            view = make_view(shown[SOURCE], field, quantity, site.drawn, show, across, share)
            ranges = _kept_ranges(kept, view, shown) if scale == FIXED else Ranges()
            figure = panels(shown, view, ranges, REFERENCE, site.flow)
            if full and show != DIFFERENCE:  # differences stay on the source grid
                _replace_reference(figure, view, live.values(REFERENCE, full=True)[field])
        except InputError as err:
            figure = _waiting(str(err))
        lines = {
            n: tuple(zip(*c, strict=True))
            for n, c in live.curves.items()
            if len(c) and (n == SOURCE or live.correctors)
        }
        return (
            figure,
            curves(lines, "step", "velocity MAE (length / time)", empty="not started"),
            status,
            error,
            settings,
            tock,
        )


def _status(site) -> tuple[list, str]:
    """The line on what runs how fast, and what went wrong."""
    live = site.live
    speeds, message = live.speeds(), live.message or site.model.message or ""
    line = [
        html.B(
            f"{'Running' if site.app.play_status else 'Paused'}, step {live.steps}, time {live.steps * live.pair.source.dt:g}"
        )
    ]
    line += [html.Span(f"{n} {v:.4g}") for n, v in live.parameters.items()]
    line += [html.Span(f"{n}: {speeds[n]:.{0 if speeds[n] >= 10 else 1}f} steps/s") for n in SOLVERS if n in speeds]
    line += (
        [html.Span(f"{CORRECTED}: {live.iterations} iterations from the guess")] if live.iterations is not None else []
    )
    return (line, message) if "failed" in message else ([*line, html.Span(message)], "")


INITIAL = "initial state"


def _kept_ranges(kept: dict, view, shown) -> Ranges:
    """Ranges of the first picture of a quantity, widened when values leave them."""
    key = (view.field, view.quantity, view.across)
    wholes = {s: view.whole(v) for s, v in shown.items()}
    dimensions = len(view.drawn)
    new = Ranges(
        colour_range(list(wholes.values()), is_signed(view.quantity, dimensions)),
        colour_range([wholes[s] - wholes[REFERENCE] for s in (SOURCE, CORRECTED)], True),
    )
    old = kept.get(key, new)
    kept[key] = Ranges(
        *[(min(a[0], b[0]), max(a[1], b[1])) for a, b in ((old.fields, new.fields), (old.difference, new.difference))]
    )
    return kept[key]


def _replace_reference(figure: go.Figure, view, full):
    """Draws the reference panel at full resolution, in the colours of the others."""
    content = view.flat(view.whole(full))
    for trace in figure.data:
        if trace.name == REFERENCE and trace.type == "heatmap":
            vertical, horizontal = content.coordinates.values()
            trace.update(x=horizontal, y=vertical, z=content.values)


def _waiting(text: str) -> go.Figure:
    figure = go.Figure(layout=dict(height=420, template="simple_white", xaxis_visible=False, yaxis_visible=False))
    figure.add_annotation(
        text=text, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font=dict(size=16, color="#555")
    )
    return figure


def parameter_controls(site) -> list:
    """A slider per parameter, at its current value; a field for a seed."""
    result = []
    for name, value in site.live.parameters.items():
        id = {"type": "live-parameter", "name": name}
        if name == SEED:
            result.append(
                labelled(
                    "seed (starts anew)",
                    dcc.Input(id=id, type="number", value=int(value), min=0, step=1, debounce=True),
                    width=140,
                )
            )
            continue
        lower, upper = (math.log10(v) for v in site.ranges[name])
        marks = {m: f"{10**m:.4g}" for m in (lower, (lower + upper) / 2, upper)}
        # Dash 4 shows the number beside the slider, which would be the logarithm; the status line has the value
        plain = (
            {"allow_direct_input": False}
            if "allow_direct_input" in inspect.signature(dcc.Slider.__init__).parameters
            else {}
        )
        slider = dcc.Slider(
            id=id,
            min=lower,
            max=upper,
            step=(upper - lower) / 200,
            value=math.log10(value),
            marks=marks,
            updatemode="mouseup",
            **plain,
        )
        result.append(labelled(f"{name} (logarithmic)", slider))
    return result


def page(site) -> html.Div:
    """The page of the live simulation."""
    live = site.live
    if live is None:
        return html.Div(
            [html.H1("Live"), html.P(f"No live simulation: {site.no_live}", className="empty", id="live-empty")],
            className="page",
        )
    fields = [f for f in live.pair.source.fields if f != "time"]
    correctors = [*live.correctors, NO_CORRECTOR]
    can_poke = "velocity" in live.pair.source.staggered
    buttons = [
        html.Button(text, id=id, style={} if can_poke or id != "live-poke" else {"display": "none"})
        for id, text in BUTTONS.items()
    ]
    return html.Div(
        [
            html.Div(
                [
                    *buttons,
                    labelled("start from", dropdown("live-start", [INITIAL, *live.starts], live.start or INITIAL)),
                    labelled(
                        "corrector", dropdown("live-corrector", correctors, live.corrector or NO_CORRECTOR), width=260
                    ),
                ],
                className="row player",
            ),
            html.Div(
                [
                    html.Div(parameter_controls(site), id="live-parameters", className="row", style={"flex": 2}),
                    labelled(
                        "correction gain",
                        dcc.Slider(
                            id="live-gain",
                            min=0,
                            max=1,
                            step=0.05,
                            value=live.gain,
                            marks={0: "0", 0.5: "0.5", 1: "1"},
                            updatemode="drag",
                        ),
                    ),
                ],
                className="row",
            ),
            html.Div(
                [
                    view_controls("live", fields, site.example(fields[0]), site.drawn, fixed=False),
                    dcc.Checklist(
                        id="live-full",
                        options=[{"label": " reference at full resolution", "value": "full"}],
                        value=[],
                        className="check",
                    ),
                ],
                className="row",
            ),
            html.Div(id="live-status", className="status"),
            html.Div(id="live-error", className="error"),
            dcc.Graph(id="live-panels", config=GRAPH),
            dcc.Graph(id="live-curves", config=GRAPH),
            *clock("live", REFRESH),
            dcc.Store(id="live-did"),
            dcc.Store(id="live-set"),
            dcc.Store(id="live-shown"),
        ],
        className="page",
    )
