"""Recorded simulations: source, corrected and reference side by side, over time."""

from functools import partial

from dash import ctx, dcc, html, no_update

from ...errors import InputError
from ...pictures.panels import make_rows
from ..comparison import FIXED, PER_FRAME, RECORDED, Chosen, example
from ..figures import curves, notice, panels
from ..live import CORRECTED, REFERENCE
from ..recording import Recording
from . import parts

PAGE = parts.Page("cmp")
POLL = 700  # ms between looks at what is being computed
NO_RUN = "none"


def register(site):
    """Adds the callbacks."""
    comparison, on = site.comparison, partial(PAGE.on, site.app.dash)

    def at_frame(sim, index) -> tuple[Recording, int]:
        """The recording, and the number of the frame at a position of the slider."""
        recording = comparison.recording(sim)
        return recording, recording.frames[min(index or 0, len(recording.frames) - 1)]

    @on("url.search", "sim.value wanted-run.data", "sim.value")
    def from_address(search, chosen):
        sim = parts.asked(search, "sim")
        return (sim if sim in site.catalogue.recordings else chosen), parts.asked(search, "run")

    @on(
        "sim.value wanted-run.data",
        "run.options run.value field.options field.value frame.max frame.marks frame.value "
        "across-box.style position-box.style across.options across.value",
        "run.value field.value frame.value across.value",
    )
    def choose_simulation(sim, wanted, run, field, frame, across):
        try:
            recording = comparison.recording(sim)
            drawn = comparison.drawn(recording)
        except InputError:
            return [no_update] * 11
        runs, fields, last = comparison.runs(recording), comparison.fields(recording), len(recording.frames) - 1
        options = [{"label": k, "value": k} for k in runs] + [{"label": "no corrector", "value": NO_RUN}]
        run = wanted if wanted in runs else run if run in runs else next(iter(runs), NO_RUN)
        box = {"flex": 1} if len(drawn) == 3 else {"display": "none"}
        across = across if across in (*drawn, "volume") else max(drawn) if len(drawn) == 3 else None
        chosen = [fields, field if field in fields else fields[0]]
        frames = [last, frame_marks(recording.frames), min(frame or 0, last)]
        return [options, run, *chosen, *frames, box, box, parts.across_options(drawn), across]

    def first_values(sim, field):
        recording = comparison.recording(sim)
        return example(comparison.values(recording, None, field, recording.frames[0]))

    PAGE.choose_quantity(site.app.dash, "sim.value field.value", first_values)

    @on(f"sim.value run.value frame.value ready.data {parts.VIEW}", "panels.figure message.children shown.data")
    def draw(sim, run, index, _ready, *given):
        try:
            (recording, frame), chosen = at_frame(sim, index), Chosen(*given)
            if chosen.field not in (fields := comparison.fields(recording)):
                chosen = chosen._replace(field=fields[0])
            shown = comparison.values(recording, run, chosen.field, frame)
            figure = panels(make_rows(shown, *comparison.look(recording, run, shown, chosen)))
        except InputError as err:
            return notice(""), str(err), index
        return figure, [v for t, v in shown.items() if isinstance(v, str) and t in (REFERENCE, RECORDED)], index

    @on("sim.value frame.value ready.data", "errors.figure")
    def draw_errors(sim, index, _ready):
        try:
            recording, frame = at_frame(sim, index)
        except InputError:
            return curves({}, "frame", "")
        lines = {name: (list(range(len(mae))), mae) for name, mae in comparison.errors(recording).items()}
        unknown = "no solver pair is known for these simulations: there are no errors to show"
        empty = "computing ..." if comparison.is_compared(recording) else unknown
        figure = curves(lines, "frame", comparison.error_label(recording), frame, empty=empty)
        return figure.update_xaxes(range=[0, max(1, recording.frames[-1])])

    @PAGE.on_clock(
        site.app.dash, "sim.value run.value frame.value", "status.children ready.data label.children", "ready.data"
    )
    def poll(sim, run, index, before):
        try:
            recording, frame = at_frame(sim, index)
        except InputError as err:
            return str(err), no_update, ""
        if recording.is_growing and ctx.triggered_id == "cmp-tick":
            recording.refresh()
        status, rollouts = comparison.progress(recording, run), comparison.requested(recording, run)
        ready = [[len(r.frames) > frame, -1 if r.done else len(r.frames) // 50, r.error] for r in rollouts.values()]
        ready, flow = [sim, run, *ready], comparison.flow(recording)
        text = f"frame {frame} of {recording.frames[-1]}" + (f", time {frame * flow.dt:g}" if flow is not None else "")
        if CORRECTED in rollouts and frame:
            said = rollouts[CORRECTED].diagnostics.items()
            text += "".join(f", {numbers[frame - 1]} {n}" for n, numbers in said if frame <= len(numbers))
        return (f"Computing: {status}" if status else ""), (no_update if ready == before else ready), text

    # the player runs in the browser and goes on only when the last frame was drawn, so that requests never pile up
    step = """function(beat, back, next, playing, frame, last, shown) {
        const who = dash_clientside.callback_context.triggered.map(t => t.prop_id.split('.')[0]);
        const none = dash_clientside.no_update;
        if (who.includes('cmp-back')) return Math.max(0, frame - 1);
        if (who.includes('cmp-next')) return Math.min(last, frame + 1);
        if (!who.includes('cmp-beat') || playing !== 'playing' || shown !== frame) return none;
        return frame >= last ? 0 : frame + 1;
    }"""
    toggle = """function(n, playing) {
        const now = playing === 'playing' ? 'paused' : 'playing';
        return [now, now === 'playing' ? 'Pause' : 'Play', now !== 'playing'];
    }"""
    later, state = partial(on, prevent_initial_call=True), "playing.data frame.value frame.max shown.data"
    later("beat.n_intervals back.n_clicks next.n_clicks", "frame.value", state, script=step, allow_duplicate=True)
    later("play.n_clicks", "playing.data play.children beat.disabled", "playing.data", script=toggle)
    later("speed.value", "beat.interval", script="function(speed) { return 1000 / speed; }")


def frame_marks(frames: list[int]) -> dict[int, str]:
    """At most eleven labels for a slider over the positions of frames."""
    step = max(1, -(-(len(frames) - 1) // 10))
    return {i: str(frames[i]) for i in range(0, len(frames), step)}


def page(site) -> html.Div:
    """The page for the first simulation; the address chooses another, and callbacks fill in what belongs to it."""
    site.catalogue.scan()
    names = {k: f"{k} ({r.state})" for k, r in site.catalogue.recordings.items() if r.frames}
    if not names:
        return parts.nothing("Compare", "There are no recorded simulations in the given folders.", id="cmp-empty")
    return parts.page_of(
        parts.row(PAGE.choice("sim", "simulation", names), PAGE.choice("run", "corrector", [NO_RUN], 330)),
        PAGE.controls({FIXED: "fixed", PER_FRAME: "of this frame"}),
        PAGE.text("message", "error"),
        dcc.Loading(PAGE.graph("panels"), delay_show=1500),
        parts.row(
            html.Button("Play", id="cmp-play"),
            html.Button("‹", id="cmp-back", title="one frame back"),
            html.Button("›", id="cmp-next", title="one frame on"),
            PAGE.choice("speed", "frames per second", [1, 2, 5, 10], 130, value=5),
            PAGE.slider("frame", "", 0, 1, 1, 0, {}),
            PAGE.text("label", "note", style={"width": 190}),
            player=True,
        ),
        PAGE.text("status", "status"),
        PAGE.graph("errors"),
        *PAGE.clock(POLL, "shown", "ready", "wanted-run"),
        dcc.Interval(id="cmp-beat", interval=200, disabled=True),
        dcc.Store(id="cmp-playing", data="paused"),
    )
