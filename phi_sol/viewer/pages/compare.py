"""Recorded simulations: source, corrected and reference side by side, over time."""

from dash import Input, Output, State, ctx, dcc, html, no_update

from ...errors import InputError
from ...pictures.panels import FIELDS, Ranges, make_rows, make_view
from ...pictures.values import Values
from ..comparison import RECORDED
from ..figures import curves, notice, panels
from ..live import CORRECTED, REFERENCE
from ..recording import Recording
from ..solvers import error_axis
from . import parts
from .parts import FIXED, VIEW, at

POLL = 700  # ms between looks at what is being computed
NO_RUN = "none"


def register(site):
    """Adds the callbacks."""
    dash, comparison = site.app.dash, site.comparison

    @dash.callback(
        *at(Output, "cmp", "sim.value wanted-run.data"), Input("url", "search"), *at(State, "cmp", "sim.value")
    )
    def from_address(search, chosen):
        sim = parts.asked(search, "sim")
        return (sim if sim in site.catalogue.recordings else chosen), parts.asked(search, "run")

    @dash.callback(
        *at(Output, "cmp", "run.options run.value field.options field.value frame.max frame.marks frame.value"),
        *at(Output, "cmp", "across-box.style position-box.style across.options across.value"),
        *at(Input, "cmp", "sim.value wanted-run.data"),
        *at(State, "cmp", "run.value field.value frame.value across.value"),
    )
    def choose_simulation(sim, wanted, run, field, frame, across):
        try:
            recording = comparison.recording(sim)
            runs, fields, last = comparison.runs(recording), comparison.fields(recording), len(recording.frames) - 1
            drawn = comparison.drawn(recording)
        except InputError:
            return [no_update] * 11
        options = [{"label": k, "value": k} for k in runs] + [{"label": "no corrector", "value": NO_RUN}]
        run = wanted if wanted in runs else run if run in runs else next(iter(runs), NO_RUN)
        box = {"flex": 1} if len(drawn) == 3 else {"display": "none"}
        across = across if across in (*drawn, "volume") else max(drawn) if len(drawn) == 3 else None
        chosen = [fields, field if field in fields else fields[0]]
        frames = [last, frame_marks(recording.frames), min(frame or 0, last)]
        return [options, run, *chosen, *frames, box, box, parts.across_options(drawn), across]

    example = lambda sim, field: comparison.example(comparison.recording(sim), field)  # noqa: E731
    parts.choose_quantity(dash, "cmp", "sim.value field.value", example)

    @dash.callback(
        *at(Output, "cmp", "panels.figure message.children shown.data"),
        *at(Input, "cmp", f"sim.value run.value {VIEW} frame.value ready.data"),
    )
    def draw(sim, run, field, quantity, show, scale, across, share, index, _ready):
        try:
            recording, frame = at_frame(sim, index)
            if field not in comparison.fields(recording):
                field = comparison.fields(recording)[0]
            shown = comparison.values(recording, run, field, frame)
            values = [v for v in shown.values() if isinstance(v, Values)]
            if not values:
                raise InputError(next(iter(shown.values())))
            reference = REFERENCE if REFERENCE in shown else ""
            drawn = comparison.drawn(recording)
            view = make_view(values[-1], field, quantity, drawn, show if reference else FIELDS, across, share)
            ranges = comparison.fixed_ranges(recording, run, view) if scale == FIXED else Ranges()
            figure = panels(make_rows(shown, view, ranges, reference, comparison.flow(recording)))
        except InputError as err:
            return notice(""), str(err), index
        return figure, [v for t, v in shown.items() if isinstance(v, str) and t in (reference, RECORDED)], index

    @dash.callback(*at(Output, "cmp", "errors.figure"), *at(Input, "cmp", "sim.value frame.value ready.data"))
    def draw_errors(sim, index, _ready):
        try:
            recording, frame = at_frame(sim, index)
        except InputError:
            return curves({}, "frame", "")
        lines = {name: (list(range(len(mae))), mae) for name, mae in comparison.errors(recording).items()}
        unknown = "no solver pair is known for these simulations: there are no errors to show"
        empty = "computing ..." if comparison.is_compared(recording) else unknown
        figure = curves(lines, "frame", error_axis(comparison.flow(recording)), frame, empty=empty)
        return figure.update_xaxes(range=[0, max(1, recording.frames[-1])])

    @dash.callback(
        *at(Output, "cmp", "status.children ready.data label.children tock.data"),
        *at(Input, "cmp", "tick.data sim.value run.value frame.value"),
        *at(State, "cmp", "ready.data"),
    )
    def poll(tick, sim, run, index, before):
        tock = tick["n"] if tick else None
        try:
            recording, frame = at_frame(sim, index)
        except InputError as err:
            return str(err), no_update, "", tock
        if recording.is_growing and ctx.triggered_id == "cmp-tick":
            recording.refresh()
        status, rollouts = comparison.progress(recording, run), comparison.requested(recording, run)
        ready = [[len(r.frames) > frame, -1 if r.done else len(r.frames) // 50, r.error] for r in rollouts.values()]
        ready, flow = [sim, run, *ready], comparison.flow(recording)
        text = f"frame {frame} of {recording.frames[-1]}" + (f", time {frame * flow.dt:g}" if flow is not None else "")
        if CORRECTED in rollouts and frame:
            said = rollouts[CORRECTED].diagnostics.items()
            text += "".join(f", {numbers[frame - 1]} {n}" for n, numbers in said if frame <= len(numbers))
        return (f"Computing: {status}" if status else ""), (no_update if ready == before else ready), text, tock

    def at_frame(sim, index) -> tuple[Recording, int]:
        """The recording, and the number of the frame at a position of the slider."""
        recording = comparison.recording(sim)
        return recording, recording.frames[min(index or 0, len(recording.frames) - 1)]

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
        *at(Input, "cmp", "beat.n_intervals back.n_clicks next.n_clicks"),
        *at(State, "cmp", "playing.data frame.value frame.max shown.data"),
        prevent_initial_call=True,
    )
    dash.clientside_callback(
        """function(n, playing) {
            const now = playing === 'playing' ? 'paused' : 'playing';
            return [now, now === 'playing' ? 'Pause' : 'Play', now !== 'playing'];
        }""",
        *at(Output, "cmp", "playing.data play.children beat.disabled"),
        *at(Input, "cmp", "play.n_clicks"),
        *at(State, "cmp", "playing.data"),
        prevent_initial_call=True,
    )
    interval, speed = Output("cmp-beat", "interval"), Input("cmp-speed", "value")
    dash.clientside_callback("function(speed) { return 1000 / speed; }", interval, speed, prevent_initial_call=True)


def frame_marks(frames: list[int]) -> dict[int, str]:
    """At most eleven labels for a slider over the positions of frames."""
    step = max(1, -(-(len(frames) - 1) // 10))
    return {i: str(frames[i]) for i in range(0, len(frames), step)}


def page(site) -> html.Div:
    """The page for the first simulation; the address chooses another."""
    site.catalogue.scan()
    recordings = {k: r for k, r in site.catalogue.recordings.items() if r.frames}
    if not recordings:
        return parts.nothing("Compare", "There are no recorded simulations in the given folders.", id="cmp-empty")
    names = {k: f"{k} ({r.state})" for k, r in recordings.items()}
    key, recording = next(iter(recordings.items()))
    fields, runs = site.comparison.fields(recording), site.comparison.runs(recording)
    values = site.comparison.example(recording, fields[0])
    drawn = site.comparison.drawn(recording) if values is not None else ()
    frames = parts.slider("cmp-frame", 0, len(recording.frames) - 1, 1, 0, frame_marks(recording.frames))
    player = [
        html.Button("Play", id="cmp-play"),
        html.Button("‹", id="cmp-back", title="one frame back"),
        html.Button("›", id="cmp-next", title="one frame on"),
        parts.labelled("frames per second", parts.dropdown("cmp-speed", [1, 2, 5, 10], 5), width=130),
        parts.labelled("", frames),
        html.Div(id="cmp-label", className="note", style={"width": 190}),
    ]
    simulation = parts.dropdown("cmp-sim", names, key)
    corrector = parts.dropdown("cmp-run", [*runs, NO_RUN], next(iter(runs), NO_RUN))
    return parts.page_of(
        parts.row(parts.labelled("simulation", simulation), parts.labelled("corrector", corrector, width=330)),
        parts.controls("cmp", fields, values, drawn, fixed=True),
        html.Div(id="cmp-message", className="error"),
        dcc.Loading(parts.graph("cmp-panels"), delay_show=1500),
        parts.row(*player, player=True),
        html.Div(id="cmp-status", className="status"),
        parts.graph("cmp-errors"),
        *parts.clock("cmp", POLL, "shown", "ready", "wanted-run"),
        dcc.Interval(id="cmp-beat", interval=200, disabled=True),
        dcc.Store(id="cmp-playing", data="paused"),
    )
