"""The live page: source, corrected and reference step while one watches."""

import math
from functools import partial

from dash import ALL, Input, ctx, dcc, html, no_update

from ...errors import InputError
from ...flows.base import SEED
from ...metrics.metric import compared_arrays, error_label
from ...pictures.panels import Choice, Ranges, View, colour_range, make_rows
from ...pictures.values import Values
from ..figures import curves, notice, panels
from ..live import CORRECTED, REFERENCE, SOLVERS, SOURCE
from ..phiflow.compat import hide_number
from . import parts
from .parts import FIXED, PER_FRAME

PAGE = parts.Page("live")
REFRESH = 400  # ms between two pictures
NO_CORRECTOR = "none"
BUTTONS = {"play": "Play", "pause": "Pause", "step": "Step", "reset": "Reset", "poke": "Poke", "save": "Save scene"}


def register(site):
    """Adds the callbacks."""
    if site.live is None:
        return
    live, model, kept = site.live, site.model, {}
    on = partial(PAGE.on, site.app.dash)

    @on(" ".join(f"{b}.n_clicks" for b in BUTTONS), "did.data", prevent_initial_call=True)
    def act(*_):
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            return no_update
        button = ctx.triggered_id.removeprefix("live-")
        if button in ("play", "step") and not site.app.play_status:
            model.report("")
            site.app.play(max_steps=1 if button == "step" else None)
        if button in ("pause", "reset"):
            site.app.pause()
        if button in ("reset", "poke", "save"):
            model.run_action("save_scene" if button == "save" else button)
        return live.version

    parameters = [Input({"type": "live-parameter", "name": ALL}, "value")]

    @on("gain.value corrector.value", "set.data", others=parameters, prevent_initial_call=True)
    def control(gain, corrector, _values):
        trigger = ctx.triggered_id
        if trigger == "live-gain":
            model.set_control_value("gain", gain)
        elif trigger == "live-corrector":
            live.choose(corrector="" if corrector == NO_CORRECTOR else corrector)
        elif isinstance(trigger, dict) and ctx.triggered[0]["value"] is not None:
            name, value = trigger["name"], ctx.triggered[0]["value"]
            model.set_control_value(name, value if name == SEED else 10.0**value)
        return live.version

    @on("start.value", "parameters.children", prevent_initial_call=True)
    def start(value):
        site.app.pause()
        model.in_background("Start", lambda: live.choose(start=value))
        return parameter_controls(site)

    PAGE.choose_quantity(site.app.dash, "field.value", lambda field: live.examples[field])
    outputs = "panels.figure curves.figure status.children error.children shown.data"

    @PAGE.on_clock(site.app.dash, f"full.value {parts.VIEW}", outputs, "shown.data")
    def draw(full, *given):
        (*given, scale, before), (status, error) = given, _status(site)
        settings = [full, *given, scale, live.version, live.message]
        if settings == before:
            return no_update, no_update, status, error, no_update
        choice = Choice(*given)
        if choice.field not in live.examples:
            raise InputError(f"There is no field {choice.field!r}. Fields: {', '.join(live.examples)}.")
        try:
            shown = {s: live.values(s)[choice.field] for s in SOLVERS}
            view = choice.view(shown[SOURCE], live.drawn)
            ranges = _kept_ranges(kept, view, shown) if scale == FIXED else Ranges()
            finer = {REFERENCE: live.values(REFERENCE, full=True)[choice.field]} if full else {}
            figure = panels(make_rows(shown, view, ranges, REFERENCE, live.flow, finer))
        except InputError as err:
            figure = notice(str(err))
        drawn = {n: c for n, c in live.curves.items() if len(c) and (n == SOURCE or live.correctors)}
        lines = {n: ([live.flow.dt * step for step, _ in c], [error for _, error in c]) for n, c in drawn.items()}
        errors = curves(lines, "time", error_label(compared_arrays(live.flow)), empty="not started")
        return figure, errors, status, error, settings


def _status(site) -> tuple[list, str]:
    """The line on what runs how fast, and what went wrong."""
    live = site.live
    speeds, message = live.speeds(), live.message or site.model.message or ""
    doing = "Running" if site.app.play_status else "Paused"
    line = [html.B(f"{doing}, step {live.steps}, time {live.steps * live.flow.dt:g}")]
    said = [f"{n} {v:.4g}" for n, v in live.parameters.items()]
    said += [f"{n}: {speeds[n]:.{0 if speeds[n] >= 10 else 1}f} steps/s" for n in SOLVERS if n in speeds]
    said += [f"{CORRECTED}: {v} {n}" for n, v in live.diagnostics.items()]
    said += [live.remark] if live.remark else []
    failed = "failed" in message
    return [*line, *map(html.Span, said if failed else [*said, message])], message if failed else ""


def _kept_ranges(kept: dict[tuple, Ranges], view: View, shown: dict[str, Values]) -> Ranges:
    """Ranges of the first picture of a quantity, widened when values leave them."""
    key, wholes = (view.field, view.quantity, view.across), {s: view.whole(v) for s, v in shown.items()}
    fields = colour_range(list(wholes.values()), view.is_signed)
    difference = colour_range([wholes[s] - wholes[REFERENCE] for s in (SOURCE, CORRECTED)], True)
    old = kept.get(key, Ranges(fields, difference))
    pairs: tuple = ((old.fields, fields), (old.difference, difference))
    kept[key] = Ranges(*((min(a[0], b[0]), max(a[1], b[1])) for a, b in pairs))
    return kept[key]


def parameter_controls(site) -> list:
    """A slider per parameter, at its current value; a field for a seed."""
    result = []
    for name, value in site.live.parameters.items():
        id = {"type": "live-parameter", "name": name}
        if name == SEED:
            entry = dcc.Input(id=id, type="number", value=int(value), min=0, step=1, debounce=True)
            result.append(parts.labelled("seed (starts anew)", entry, width=140))
            continue
        if name in site.live.flow.signed:  # no logarithm: it keeps its value
            continue
        lower, upper = (math.log10(v) for v in site.ranges[name])
        marks = {m: f"{10**m:.4g}" for m in (lower, (lower + upper) / 2, upper)}
        entry = parts.slider(id, lower, upper, (upper - lower) / 200, math.log10(value), marks, "mouseup")
        hide_number(entry)  # the status line has the value
        result.append(parts.labelled(f"{name} (logarithmic)", entry))
    return result


def page(site) -> html.Div:
    """The page of the live simulation."""
    live = site.live
    if live is None:
        return parts.nothing("Live", f"No live simulation: {site.no_live}", id="live-empty")
    hidden = {} if live.can_poke else {"poke": {"display": "none"}}
    buttons = [html.Button(text, id=f"live-{b}", style=hidden.get(b, {})) for b, text in BUTTONS.items()]
    corrector = live.corrector or NO_CORRECTOR
    full = [{"label": " reference at full resolution", "value": "full"}]
    return parts.page_of(
        parts.row(
            *buttons,
            PAGE.choice("start", "start from", live.starts, value=live.start),
            PAGE.choice("corrector", "corrector", [*live.correctors, NO_CORRECTOR], 260, value=corrector),
            player=True,
        ),
        parts.row(
            html.Div(parameter_controls(site), id="live-parameters", className="row", style={"flex": 2}),
            PAGE.slider("gain", "correction gain", 0, 1, 0.05, live.gain, {0: "0", 0.5: "0.5", 1: "1"}),
        ),
        parts.row(
            PAGE.controls({PER_FRAME: "of this frame", FIXED: "kept"}, list(live.examples), live.drawn),
            dcc.Checklist(id="live-full", options=full, value=[], className="check"),
        ),
        PAGE.text("status", "status"),
        PAGE.text("error", "error"),
        PAGE.graph("panels"),
        PAGE.graph("curves"),
        *PAGE.clock(REFRESH, "did", "set", "shown"),
    )
