"""What the site is made of fits the package; `make docs` checks the built site itself (website/check.py)."""

import json
import re
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def sources(monkeypatch):
    monkeypatch.syspath_prepend(REPOSITORY / "website")
    sys.modules.pop("sources", None)
    import sources

    return sources


def test_every_public_name_is_on_one_page_of_the_api(sources):
    import phi_sol

    listed = [name for names in sources.api_pages().values() for name in names]
    assert sorted(listed) == sorted(sources.public_names())
    assert set(phi_sol.__all__) - {"__version__"} == set(listed)


def test_every_page_has_one_place_in_the_navigation(sources):
    places = re.findall(r"[-:] ([\w/-]+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.M)
    pages = [p.relative_to(sources.DOCS).as_posix() for p in sources.DOCS.rglob("*.md")]
    pulled = ["benchmarks/index.md", "changelog.md", "contributing.md"]
    assert sorted(places) == sorted(pages + pulled)


def test_every_notebook_is_in_the_gallery(sources):
    found = sources.notebooks()
    assert {n.file for n in found} == {p.name for p in (sources.DOCS / "notebooks").glob("*.ipynb")}
    for notebook in found:
        assert f"| [{notebook.title}]({notebook.file}) | {notebook.line.rstrip(':')} |" in sources.gallery()


@pytest.mark.parametrize(
    ("cell", "metadata", "message"),
    [
        ("Without a heading.", {"phi_sol": {"minutes": 1}}, "heading"),
        ("# Without a sentence", {"phi_sol": {"minutes": 1}}, "heading"),
        ("# A wake\n\nIt is corrected.", {}, "minutes"),
        ("# A wake\n\nIt is corrected.", {"phi_sol": {"minutes": 0}}, "minutes"),
    ],
)
def test_notebooks_that_say_too_little_are_refused(sources, tmp_path, cell, metadata, message):
    content = {"cells": [{"cell_type": "markdown", "source": [cell]}], "metadata": metadata}
    (tmp_path / "one.ipynb").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        sources.Notebook.read(tmp_path / "one.ipynb")


def test_what_the_gallery_says_of_a_notebook(sources, tmp_path):
    cell = {"cell_type": "markdown", "source": ["# A wake\n", "\n", "It is corrected\n", "by a network. More of it.\n"]}
    content = {"cells": [cell], "metadata": {"phi_sol": {"minutes": 2.5}}}
    (tmp_path / "one.ipynb").write_text(json.dumps(content))
    assert sources.Notebook.read(tmp_path / "one.ipynb") == sources.Notebook(
        "one.ipynb", "A wake", "It is corrected by a network.", 2.5
    )
