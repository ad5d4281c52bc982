"""What the site is made of: public names, pages of the API, notebooks. Needs no more than the standard library."""

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
DIRECTIVE = re.compile(r"^::: phi_sol\.(\w+)$", re.M)


def public_names() -> list[str]:
    """The names of `phi_sol/__init__.pyi`, as they stand there."""
    tree = ast.parse((ROOT / "phi_sol" / "__init__.pyi").read_text())
    return [a.asname or a.name for node in tree.body if isinstance(node, ast.ImportFrom) for a in node.names]


def api_pages() -> dict[str, list[str]]:
    """The names on each page of the API, by its path within docs/."""
    pages = sorted((DOCS / "api").glob("*.md"))
    return {p.relative_to(DOCS).as_posix(): DIRECTIVE.findall(p.read_text()) for p in pages}


@dataclass(frozen=True)
class Notebook:
    """
    What the gallery says of a notebook.

    Its first cell has the title and the line: a heading, and the first sentence below it. Its metadata have
    `"phi_sol": {"minutes": ..., "order": ...}`, how long it takes on two cores, and its place in the gallery.
    """

    file: str
    title: str
    line: str
    minutes: float
    order: float = float("inf")

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        """Raises ValueError where one of them is missing."""
        content = json.loads(path.read_text())
        first = next(("".join(c["source"]) for c in content["cells"] if c["cell_type"] == "markdown"), "")
        found = re.match(r"# ([^\n]+)\n+([^#\n].*?[.:])(?:\s|$)", first, re.S)
        if not found:
            raise ValueError(f"{path}: the first cell has to be a heading (`# ...`) and a sentence")
        said = content["metadata"].get("phi_sol", {})
        minutes = said.get("minutes")
        if not isinstance(minutes, int | float) or minutes <= 0:
            raise ValueError(
                f'{path}: its metadata lack `"phi_sol": {{"minutes": ...}}`, how long it takes on two cores'
            )
        return cls(path.name, found[1].strip(), " ".join(found[2].split()), minutes, said.get("order", float("inf")))


def notebooks() -> list[Notebook]:
    """All of docs/notebooks in the order of their places, and then the short ones first."""
    found = [Notebook.read(p) for p in sorted((DOCS / "notebooks").glob("*.ipynb"))]
    return sorted(found, key=lambda n: (n.order, n.minutes, n.title))


def gallery() -> str:
    """A table of them in Markdown."""
    rows = ["| notebook | what it shows | minutes on two cores |", "| --- | --- | --- |"]
    rows += [f"| [{n.title}]({n.file}) | {n.line.rstrip(':')} | {n.minutes:g} |" for n in notebooks()]
    return "\n".join(rows)
