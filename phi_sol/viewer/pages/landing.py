"""The first page: what was found in the given folders."""

from urllib.parse import quote

from dash import dcc, html
from dash.development.base_component import Component

from ...errors import InputError, is_real
from ...storage.files import read_json
from ...storage.frames import DESCRIPTION
from ...tasks import task_of_results
from ...texts import printable
from ..catalogue import RESULTS, Run
from ..reading import check_file, reason
from .parts import page_of

CELL = 200  # characters

RUNS = ["run", "scene", "method", "network", "training", "loss", ""]
SIMULATIONS = ["simulation", "parameters", "frames", "fields"]


def page(site) -> html.Div:
    """Tables of runs, simulations and evaluations; looked up anew whenever the page is opened."""
    site.catalogue.scan()
    catalogue = site.catalogue
    folders = ", ".join(catalogue.root_names()) or "no folders"
    live = f" Live: {site.live_title}." if site.live is not None else ""
    problems = dict(catalogue.problems)
    runs = [_run_cells(site, k, r, problems) for k, r in catalogue.runs.items()]
    simulations = [
        [dcc.Link(k, href=f"/compare?sim={quote(k)}"), _parameters(r), r.state, ", ".join(r.fields)]
        for k, r in catalogue.recordings.items()
        if not r.full_resolution
    ]
    sections = [html.H1("What there is to see"), html.P(f"Read from {folders}.{live}", className="note")]
    if runs:
        sections += [html.H2("Runs"), _table(RUNS, runs, id="runs")]
    for key in catalogue.evaluations:
        sections += [html.H2(f"Evaluation: {key}"), _evaluation(site, key)]
    if simulations:
        sections += [html.H2("Simulations"), _table(SIMULATIONS, simulations, id="simulations")]
    if problems:
        wrong = [[k, p] for k, p in problems.items()]
        sections += [html.H2("What can't be read"), _table(["where", "what is wrong"], wrong, id="problems")]
    if not (runs or catalogue.recordings):
        known = ", ".join(catalogue.experiments)
        text = f"No runs and no simulations of {known} yet: 'phi-sol generate {known}' makes some."
        sections.append(html.P(f"{text} The live page needs none.", className="empty"))
    return page_of(*sections)


def _run_cells(site, key: str, run: Run, problems: dict[str, str]) -> list:
    config = run.config
    try:
        losses = run.curves().get("loss", [])
    except (InputError, OSError) as err:
        problems[key] = reason(err)
        losses = []
    method, loss = config.get("label") or config.get("method", "?"), f"{losses[-1]:.2e}" if losses else "none yet"
    facts = [config.get("scene", "?"), method, config.get("network", "?"), run.state, loss]
    shown = [printable(f)[:CELL] for f in facts]
    return [dcc.Link(key, href=f"/training?run={quote(key)}"), *shown, _compare_link(site, key, run)]


def _compare_link(site, key: str, run: Run):
    if not run.is_trained:
        return "no corrector yet"
    for name, recording in site.catalogue.recordings.items():
        if key in site.comparison.runs(recording):
            return dcc.Link("compare", href=f"/compare?sim={quote(name)}&run={quote(key)}")
    return "no simulations of its pair"


def _parameters(recording) -> str:
    shown = [f"{n} {v:g}" if is_real(v) else f"{n} {v!s:.{CELL}}" for n, v in recording.parameters.items()]
    return printable(", ".join(shown)) or ("" if (recording.folder / DESCRIPTION).is_file() else f"no {DESCRIPTION}")


def _evaluation(site, key: str):
    try:
        check_file(site.catalogue.evaluations[key] / RESULTS)
        results = read_json(site.catalogue.evaluations[key] / RESULTS)
        tables = task_of_results(results).tables(results)
        return html.Div([p for t in tables for p in (html.P(t.title, className="note"), _table(t.columns, t.rows))])
    except Exception as err:  # whatever damaged results raise
        return html.P(f"{RESULTS} can't be shown: {printable(reason(err))}", className="error")


def _table(head: list, rows: list[list], **options) -> html.Table:
    cell = lambda c: c if isinstance(c, Component) else printable(c)  # noqa: E731
    body = html.Tbody([html.Tr([html.Td(cell(c)) for c in row]) for row in rows])
    return html.Table([html.Thead(html.Tr([html.Th(h) for h in head])), body], **options)
