"""Curves of trainings, also of running ones."""

from dash import dcc, html

from ...errors import InputError
from ..catalogue import POSITIONS
from ..figures import curves
from ..reading import reason
from .parts import Page, asked, labelled, nothing, page_of

PAGE = Page("train")
REFRESH = 2000  # ms
VALIDATION = "val_"
POINTS = 2000  # per curve


def register(site):
    """Adds the callbacks."""
    dash = site.app.dash

    @PAGE.on(dash, "url.search", "runs.value", "runs.value")
    def from_address(search, chosen):
        run = asked(search, "run")
        return [run] if run in site.catalogue.runs else chosen

    @PAGE.on_clock(dash, "runs.value", "loss.figure validation.figure rate.figure state.children")
    def draw(keys):
        site.catalogue.scan()
        runs = {k: site.catalogue.runs[k] for k in keys or [] if k in site.catalogue.runs}
        columns, wrong = {}, {}
        for key, run in runs.items():
            try:
                columns[key] = run.curves()
            except (InputError, OSError) as err:
                columns[key], wrong[key] = {}, f": {reason(err)}"
        done = {k: f", {100 * c['progress'][-1]:.0f} % done" if c.get("progress") else "" for k, c in columns.items()}
        states = [html.Div([html.B(k), run.state, done[k], wrong.get(k, "")]) for k, run in runs.items()]
        time = "iteration" if any("step" in c for c in columns.values()) else "epoch"
        empty = "nothing is logged yet" if runs else "choose a run"
        loss = curves(lines(columns, ["loss"]), "iteration", "loss per unrolled step", logarithmic=True, empty=empty)
        names = sorted({n for c in columns.values() for n in c if n.startswith(VALIDATION)})
        empty = "the log has no validation columns"
        validation = curves(lines(columns, names), time, "validation error", logarithmic=True, empty=empty)
        rate = curves(lines(columns, ["unroll"]), time, "unrolled steps", empty="nothing is logged yet")
        return loss, validation, rate, states


def lines(columns: dict[str, dict[str, list[float]]], names: list[str]) -> dict[str, tuple[list, list]]:
    """Curves of columns over iterations (or epochs), named after the run, and the column where there are several."""
    result = {}
    for run, content in columns.items():
        position = next((content[p] for p in POSITIONS if p in content), [])
        for name in (n for n in names if n in content):
            points = [(x, v) for x, v in zip(position, content[name], strict=True) if v == v]
            points = points[:: max(1, len(points) // POINTS)]
            if points:
                named = [run] * (len(columns) > 1) + [name] * (len(names) > 1 or len(columns) == 1)
                result[" ".join(named)] = ([x for x, _ in points], [y for _, y in points])
    return result


def page(site) -> html.Div:
    """The page, with all runs chosen if they are few."""
    site.catalogue.scan()
    keys = [k for k, run in site.catalogue.runs.items() if run.has_training]
    if not keys:
        return nothing("Training", "There are no runs in the given folders.")
    figures = {"Loss": "loss", "Validation": "validation", "Unrolled steps": "rate"}
    return page_of(
        labelled("runs", dcc.Dropdown(id="train-runs", options=keys, value=keys[:3], multi=True)),
        PAGE.text("state", "status"),
        *[part for title, name in figures.items() for part in (html.H2(title), PAGE.graph(name))],
        *PAGE.clock(REFRESH),
    )
