"""Recorded simulations: source, corrected and reference side by side, over time."""

from urllib.parse import parse_qs

from dash import Input, Output, State, ctx, dcc, html, no_update
from plotly import graph_objects as go

from ...errors import InputError
from ..figures import curves, panels
from ..live import CORRECTED, REFERENCE
from ..values import Values, quantities
from ..views import FIELDS, Ranges, default_quantity, make_view
from .parts import FIXED, GRAPH, across_options, clock, dropdown, labelled, steady_clock, view_controls

POLL = 700  # ms between looks at what is being computed
NO_RUN = "none"


def register(site):
    """Adds the page `/compare` and its callbacks."""
    site.app.add_page("/compare", lambda _: page(site))
    dash = site.app.dash
    comparison = site.comparison
    view_inputs = [
        Input(f"cmp-{n}", "value")
        for n in ("sim", "run", "field", "quantity", "show", "scale", "across", "position", "frame")
    ]

    @dash.callback(
        Output("cmp-sim", "value"), Output("cmp-wanted-run", "data"), Input("url", "search"), State("cmp-sim", "value")
    )
    def from_address(search, chosen):
        query = parse_qs((search or "").lstrip("?"))
        sim, run = (query.get(n, [None])[0] for n in ("sim", "run"))
        return (sim if sim in site.catalogue.recordings else chosen), run

    @dash.callback(
        Output("cmp-run", "options"),
        Output("cmp-run", "value"),
        Output("cmp-field", "options"),
        Output("cmp-field", "value"),
        Output("cmp-frame", "max"),
        Output("cmp-frame", "marks"),
        Output("cmp-frame", "value"),
        Output("cmp-across-box", "style"),
        Output("cmp-position-box", "style"),
        Output("cmp-across", "options"),
        Output("cmp-across", "value"),
        Input("cmp-sim", "value"),
        Input("cmp-wanted-run", "data"),
        State("cmp-run", "value"),
        State("cmp-field", "value"),
        State("cmp-frame", "value"),
        State("cmp-across", "value"),
    )
    def choose_simulation(sim, wanted, run, field, frame, across):
        try:
            recording = comparison.recording(sim)
            runs, fields, last = comparison.runs(recording), comparison.fields(recording), len(recording.frames) - 1
            drawn = recording.drawn()
        except InputError:
            return [no_update] * 11
        options = [{"label": k, "value": k} for k in runs] + [{"label": "no corrector", "value": NO_RUN}]
        run = wanted if wanted in runs else run if run in runs else next(iter(runs), NO_RUN)
        field = field if field in fields else fields[0]
        box = {"flex": 1} if len(drawn) == 3 else {"display": "none"}
        across = across if across in (*drawn, "volume") else max(drawn) if len(drawn) == 3 else None
        return (
            options,
            run,
            fields,
            field,
            last,
            frame_marks(recording.frames),
            min(frame or 0, last),
            box,
            box,
            across_options(drawn),
            across,
        )

    @dash.callback(
        Output("cmp-quantity", "options"),
        Output("cmp-quantity", "value"),
        Input("cmp-sim", "value"),
        Input("cmp-field", "value"),
        State("cmp-quantity", "value"),
    )
    def choose_field(sim, field, quantity):
        try:
            recording = comparison.recording(sim)
            values = next(
                v
                for v in comparison.values(recording, None, field, recording.frames[0]).values()
                if isinstance(v, Values)
            )
        except (InputError, StopIteration, KeyError):
            return no_update, no_update
        return quantities(values), default_quantity(quantities(values), quantity)

    @dash.callback(
        Output("cmp-panels", "figure"),
        Output("cmp-message", "children"),
        Output("cmp-shown", "data"),
        view_inputs,
        Input("cmp-ready", "data"),
    )
    def draw(sim, run, field, quantity, show, scale, across, share, index, _ready):
        try:
            recording = comparison.recording(sim)
            frame = recording.frames[min(index or 0, len(recording.frames) - 1)]
            if field not in comparison.fields(recording):
                field = comparison.fields(recording)[0]
            shown = comparison.values(recording, run, field, frame)
            values = [v for v in shown.values() if isinstance(v, Values)]
            if not values:
                return go.Figure(), next(iter(shown.values())), index
            reference = REFERENCE if REFERENCE in shown else ""
            view = make_view(
                values[-1], field, quantity, recording.drawn(), show if reference else FIELDS, across, share
            )
            ranges = comparison.fixed_ranges(recording, run, view) if scale == FIXED else Ranges()
            figure = panels(shown, view, ranges, reference, comparison.flow(recording))
        except InputError as err:
            return go.Figure(), str(err), index
        damaged = [v for t, v in shown.items() if isinstance(v, str) and t in (reference, "recorded")]
        return figure, damaged, index

    @dash.callback(
        Output("cmp-errors", "figure"),
        Input("cmp-sim", "value"),
        Input("cmp-frame", "value"),
        Input("cmp-ready", "data"),
    )
    def draw_errors(sim, index, _ready):
        try:
            recording = comparison.recording(sim)
            errors = comparison.errors(recording)
        except InputError:
            return curves({}, "frame", "")
        frame = recording.frames[min(index or 0, len(recording.frames) - 1)]
        lines = {name: (list(range(len(mae))), mae) for name, mae in errors.items()}
        empty = (
            "no solver pair is known for these simulations: there are no errors to show"
            if not comparison.is_compared(recording)
            else "computing ..."
        )
        figure = curves(lines, "frame", "velocity MAE (length / time)", frame, empty=empty)
        figure.update_xaxes(range=[0, max(1, recording.frames[-1])])
        return figure

    @dash.callback(
        Output("cmp-status", "children"),
        Output("cmp-ready", "data"),
        Output("cmp-label", "children"),
        Output("cmp-tock", "data"),
        Input("cmp-tick", "data"),
        Input("cmp-sim", "value"),
        Input("cmp-run", "value"),
        Input("cmp-frame", "value"),
        State("cmp-ready", "data"),
    )
    def poll(tick, sim, run, index, before):
        tock = tick["n"] if tick else None
        try:
            recording = comparison.recording(sim)
        except InputError as err:
            return str(err), no_update, "", tock
        if recording.description.get("complete") is False and ctx.triggered_id == "cmp-tick":
            recording.refresh()
        frame = recording.frames[min(index or 0, len(recording.frames) - 1)]
        status = comparison.progress(recording, run)
        rollouts = comparison.requested(recording, run) if comparison.is_compared(recording) else {}
        ready = [
            sim,
            run,
            *[[len(r.frames) > frame, len(r.frames) // 50 if not r.done else -1, r.error] for r in rollouts.values()],
        ]
        dt = recording.flow_config.get("dt")
        at = f"frame {frame} of {recording.frames[-1]}" + (
            f", time {frame * dt:g}" if isinstance(dt, int | float) else ""
        )
        guessed = rollouts[CORRECTED].iterations[frame - 1 : frame] if CORRECTED in rollouts and frame else []
        at += f", {guessed[0]} iterations from the guess" if guessed else ""
        return (f"Computing: {status}" if status else ""), (no_update if ready == before else ready), at, tock

    steady_clock(dash, "cmp")
    play(dash)


def play(dash):
    """The player runs in the browser and goes on only when the last frame was drawn, so that requests never pile up."""
    dash.clientside_callback(
        """function(beat, back, next, playing, frame, last, shown) {
            const who = dash_clientside.callback_context.triggered.map(t => t.prop_id.split('.')[0]);
            const none = dash_clientside.no_update;
            if (who.includes('cmp-back')) return Math.max(0, frame - 1);
            if (who.includes('cmp-next')) return Math.min(last, frame + 1);
            if (!who.includes('cmp-beat') || playing !== 'playing' || shown !== frame) return none;
            return frame >= last ? 0 : frame + 1;
        }""",
        Output("cmp-frame", "value", allow_duplicate=True),
        Input("cmp-beat", "n_intervals"),
        Input("cmp-back", "n_clicks"),
        Input("cmp-next", "n_clicks"),
        State("cmp-playing", "data"),
        State("cmp-frame", "value"),
        State("cmp-frame", "max"),
        State("cmp-shown", "data"),
        prevent_initial_call=True,
    )
    dash.clientside_callback(
        """function(n, playing) {
            const now = playing === 'playing' ? 'paused' : 'playing';
            return [now, now === 'playing' ? 'Pause' : 'Play', now !== 'playing'];
        }""",
        Output("cmp-playing", "data"),
        Output("cmp-play", "children"),
        Output("cmp-beat", "disabled"),
        Input("cmp-play", "n_clicks"),
        State("cmp-playing", "data"),
        prevent_initial_call=True,
    )
    dash.clientside_callback(
        "function(speed) { return 1000 / speed; }",
        Output("cmp-beat", "interval"),
        Input("cmp-speed", "value"),
        prevent_initial_call=True,
    )


def frame_marks(frames: list[int]) -> dict[int, str]:
    """At most eleven labels for a slider over the positions of frames."""
    step = max(1, -(-(len(frames) - 1) // 10))
    return {i: str(frames[i]) for i in range(0, len(frames), step)}


def page(site) -> html.Div:
    """The page for the first simulation; the address chooses another."""
    site.catalogue.scan()
    recordings = {k: r for k, r in site.catalogue.recordings.items() if r.frames}
    if not recordings:
        return html.Div(
            [
                html.H1("Compare"),
                html.P("There are no recorded simulations in the given folders.", className="empty", id="cmp-empty"),
            ],
            className="page",
        )
    names = {k: f"{k} ({r.state})" for k, r in recordings.items()}
    key, recording = next(iter(recordings.items()))
    fields = site.comparison.fields(recording)
    first = [
        v
        for v in site.comparison.values(recording, None, fields[0], recording.frames[0]).values()
        if isinstance(v, Values)
    ]
    runs = site.comparison.runs(recording)
    drawn = recording.drawn() if first else ()
    return html.Div(
        [
            html.Div(
                [
                    labelled("simulation", dropdown("cmp-sim", names, key)),
                    labelled("corrector", dropdown("cmp-run", [*runs, NO_RUN], next(iter(runs), NO_RUN)), width=330),
                ],
                className="row",
            ),
            view_controls("cmp", fields, first[-1] if first else None, drawn, fixed=True),
            html.Div(id="cmp-message", className="error"),
            dcc.Loading(dcc.Graph(id="cmp-panels", config=GRAPH), delay_show=1500),
            html.Div(
                [
                    html.Button("Play", id="cmp-play"),
                    html.Button("‹", id="cmp-back", title="one frame back"),
                    html.Button("›", id="cmp-next", title="one frame on"),
                    labelled("frames per second", dropdown("cmp-speed", [1, 2, 5, 10], 5), width=130),
                    labelled(
                        "",
                        dcc.Slider(
                            id="cmp-frame",
                            min=0,
                            max=len(recording.frames) - 1,
                            step=1,
                            value=0,
                            marks=frame_marks(recording.frames),
                            updatemode="drag",
                        ),
                    ),
                    html.Div(id="cmp-label", className="note", style={"width": 190}),
                ],
                className="row player",
            ),
            html.Div(id="cmp-status", className="status"),
            dcc.Graph(id="cmp-errors", config=GRAPH),
            *clock("cmp", POLL),
            dcc.Interval(id="cmp-beat", interval=200, disabled=True),
            dcc.Store(id="cmp-playing", data="paused"),
            dcc.Store(id="cmp-shown"),
            dcc.Store(id="cmp-ready"),
            dcc.Store(id="cmp-wanted-run"),
        ],
        className="page",
    )
