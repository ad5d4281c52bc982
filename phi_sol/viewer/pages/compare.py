"""Recorded simulations: source, corrected and reference side by side, over time."""

from functools import partial

from dash import ctx, dcc, html, no_update

from ...errors import InputError
from ...pictures.panels import Choice, make_rows
from ..comparison import RECORDED, example
from ..figures import curves, notice, panels
from ..live import CORRECTED, REFERENCE
from ..rollouts import OUTSIDE
from . import parts
from .parts import FIXED, PER_FRAME

PAGE = parts.Page("cmp")
POLL = 700  # ms between looks at what is being computed
NO_RUN = "none"


def register(site):
    """Adds the callbacks."""
    dash, comparison = site.app.dash, site.comparison
    on = partial(PAGE.on, dash)

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

    PAGE.choose_quantity(dash, "sim.value field.value", first_values)

    outputs = "panels.figure errors.figure message.children drawn.data shown.data status.children label.children"

    @PAGE.on_clock(dash, f"sim.value run.value frame.value {parts.VIEW}", outputs, "drawn.data")
    def draw(sim, run, index, *given):
        *given, scale, before = given
        choice = Choice(*given)
        try:
            recording = comparison.recording(sim)
            if recording.is_growing and ctx.triggered_id == "cmp-tick":
                recording.refresh()
                recording = comparison.recording(sim)
        except InputError as err:
            return notice(""), curves({}, "frame", ""), str(err), None, index, "", ""
        frame, flow = recording.frames[min(index or 0, len(recording.frames) - 1)], comparison.flow(recording)
        status, rollouts = comparison.progress(recording, run), comparison.requested(recording, run)
        text = f"frame {frame} of {recording.frames[-1]}" + (f", time {frame * flow.dt:g}" if flow is not None else "")
        if CORRECTED in rollouts and frame:
            said = list(rollouts[CORRECTED].diagnostics.items())  # more may be computed meanwhile
            text += "".join(f", {numbers[frame - 1]} {n}" for n, numbers in said if frame <= len(numbers))
        remark = rollouts[CORRECTED].remark if CORRECTED in rollouts else ""
        lines = index, (f"Computing: {status}" if status else remark), text
        ready = [[len(r.frames) > frame, -1 if r.done else len(r.frames) // 50, r.error] for r in rollouts.values()]
        drawn = [sim, run, frame, given, scale, ready]
        if drawn == before:
            return *[no_update] * 4, *lines
        try:
            if choice.field not in (fields := comparison.fields(recording)):
                choice = choice._replace(field=fields[0])
            shown = comparison.values(recording, run, choice.field, frame)
            look = comparison.look(recording, run, shown, choice, scale == FIXED)
            figure = panels(make_rows(shown, *look))
            stored = (REFERENCE, RECORDED) if choice.field != OUTSIDE else ()
            said = [v for t, v in shown.items() if isinstance(v, str) and t in stored]
        except InputError as err:
            figure, said = notice(""), str(err)
        axis, dt = ("frame", 1.0) if flow is None else ("time", flow.dt)
        mae = {name: ([dt * i for i in range(len(mae))], mae) for name, mae in comparison.errors(recording).items()}
        unknown = "no solver pair is known for these simulations: there are no errors to show"
        empty = "computing ..." if comparison.is_compared(recording) else unknown
        errors = curves(mae, axis, comparison.error_label(recording), dt * frame, empty=empty)
        return figure, errors.update_xaxes(range=[0, dt * max(1, recording.frames[-1])]), said, drawn, *lines

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
        *PAGE.clock(POLL, "shown", "drawn", "wanted-run"),
        dcc.Interval(id="cmp-beat", interval=200, disabled=True),
        dcc.Store(id="cmp-playing", data="paused"),
    )
