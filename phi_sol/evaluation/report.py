"""An evaluation as tables on the terminal, as Markdown, and as one self-contained page."""

import base64
from dataclasses import dataclass, field
from pathlib import Path

import rich.table

from ..storage.files import write_atomic
from ..texts import code_for_markdown, for_html, for_markdown, for_rich
from .milestones import duration
from .table import Table
from .tables import tables
from .verdicts import verdicts

CAPTIONS = {
    "cost.png": "Accuracy and cost.",
    "error_curves.png": "Error over time.",
    "fields.png": "Fields of source, correctors and reference, one colour scale.",
    "field_errors.png": "Magnitude of the error, one colour scale.",
    "marker.png": "Marker of source, correctors and reference, one colour scale.",
    "film.gif": "All of them over time.",
    "spectra.png": "Energy spectra.",
    "energy.png": "Energy and enstrophy over time.",
    "profiles.png": "Profiles across the wake.",
    "forces.png": "Forces and shedding.",
}
STYLE = """
body { font-family: system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a }
body { line-height: 1.45 } h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0.6rem 0 }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ccc; text-align: right }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #444 }
figure { margin: 1.6rem 0 } img { max-width: 100%; height: auto }
figcaption, .note { color: #555; font-size: 0.9rem }
code { background: #f0f0f0; padding: 0.1rem 0.3rem; overflow-wrap: anywhere }
"""


@dataclass(frozen=True)
class Report:
    """What a report shows, from top to bottom."""

    title: str
    lines: list[str]  # what the evaluation says, in a few sentences
    tables: list[Table]
    pictures: list[tuple[Path, str]]  # files and their captions
    facts: list[tuple[str, str]]  # what it was made of and with: names and texts; empty ones are not shown
    first: list[tuple[Path, str]] = field(default_factory=list)  # pictures before the tables


def flow_report(results: dict, pictures: list[Path]) -> Report:
    """The report of an evaluation of correctors."""
    title = f"{results['scene']}: evaluation over {duration(results)}"
    first, *others = [(p, CAPTIONS[p.name]) for p in pictures]
    return Report(title, verdicts(results), tables(results), others, facts(results), [first])


def rich_table(table: Table) -> rich.table.Table:
    """A table for a terminal."""
    printed = rich.table.Table(title=for_rich(table.title), title_justify="left", caption_justify="left")
    printed.caption = for_rich(table.note) if table.note else None
    for i, column in enumerate(table.columns):
        printed.add_column(for_rich(column), justify="right" if i else "left")
    for row in table.rows:
        printed.add_row(*map(for_rich, row))
    return printed


def facts(results: dict) -> list[tuple[str, str]]:
    """What the evaluation was made of and with."""
    parameters = "; ".join(", ".join(f"{n} {v:g}" for n, v in p.items()) for p in results["parameters"])
    grids = ", ".join(f"{n} {'x'.join(map(str, g.values()))}" for n, g in results["grids"].items())
    solvers, correctors = results["solvers"], results["correctors"].items()
    imported = results["data"].get("imported", [])
    low = [f"{n} {c['precision']}" for n, c in correctors if c.get("precision") not in (None, "float32")]
    return [
        ("Command", results["command"]),
        ("Test simulations", parameters),
        ("Data", f"{results['data']['folder']}, SHA-256 {results['data']['sha256'][:16]}"),
        *([("Imported", ", ".join(imported))] if imported else []),
        ("Grids", grids),
        ("Time steps", ", ".join(f"{n} {solvers[n]['dt']:g}" for n in ("SRC", "REF") if "dt" in solvers[n])),
        ("Training seeds", ", ".join(f"{n} {c['seed']}" for n, c in correctors)),
        *([("Precision of networks", ", ".join(low))] if low else []),
        ("Versions", ", ".join(f"{n} {v}" for n, v in results["versions"].items())),
    ]


def write_reports(report: Report, folder: Path) -> list[Path]:
    """Writes `report.html` and `report.md` into a folder; the pictures lie there."""
    texts = {folder / "report.html": page(report), folder / "report.md": markdown(report)}
    for path, text in texts.items():
        write_atomic(path, text.encode())
    return list(texts)


def markdown(report: Report) -> str:
    """A Markdown file, which shows the pictures beside it."""
    lines = [f"- {for_markdown(line)}" for line in report.lines]
    parts = [f"# {for_markdown(report.title)}", "", *lines, "", *_shown(report.first)]
    for table in report.tables:
        parts += [f"## {for_markdown(table.title)}", "", *_markdown(table), ""]
        parts += [for_markdown(table.note), ""] if table.note else []
    parts += _shown(report.pictures)
    made = [(n, (code_for_markdown if n == "Command" else for_markdown)(text)) for n, text in report.facts if text]
    parts += ["## Made from", "", *(f"- {n}: {text}" for n, text in made)]
    return "\n".join(parts) + "\n"


def _shown(pictures: list[tuple[Path, str]]) -> list[str]:
    return [line for picture, caption in pictures for line in (f"![{for_markdown(caption)}]({picture.name})", "")]


def _markdown(table: Table) -> list[str]:
    rows = [table.columns, ["---", *["---:"] * (len(table.columns) - 1)], *table.rows]
    return ["| " + " | ".join(for_markdown(cell) for cell in row) + " |" for row in rows]


def page(report: Report) -> str:
    """One file that holds its pictures and asks no server for anything."""
    title = for_html(report.title)
    parts = [f"<h1>{title}</h1>", "<ul>", *(f"<li>{for_html(line)}</li>" for line in report.lines), "</ul>"]
    parts += [_figure(*shown) for shown in report.first]
    for table in report.tables:
        parts += [f"<h2>{for_html(table.title)}</h2>", table._repr_html_()]
    parts += [_figure(*shown) for shown in report.pictures]
    cell = "<td style='text-align:left'><code>"
    made = [f"<tr><th>{n}</th>{cell}{for_html(text)}</code></td></tr>" for n, text in report.facts if text]
    parts += ["<h2>Made from</h2>", f"<table>{''.join(made)}</table>"]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    head += f'<link rel="icon" href="data:,"><style>{STYLE}</style>'
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _figure(picture: Path, text: str) -> str:
    caption, data = for_html(text), base64.b64encode(picture.read_bytes()).decode()
    image = f'<img alt="{caption}" src="data:image/{picture.suffix[1:]};base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
