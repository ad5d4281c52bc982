"""What the site is made of fits the package; `make docs` checks the built site itself (website/check.py)."""

import json
import re
import sys
import zlib
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
    pulled = ["benchmarks.md", "changelog.md", "contributing.md"]
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


@pytest.fixture
def check(sources):
    sys.modules.pop("check", None)
    import check

    return check


def site_of(folder, **pages):
    for name, text in pages.items():
        (folder / name).mkdir()
        (folder / name / "index.html").write_text(text)
    return folder


def test_links_of_a_built_site(check, tmp_path):
    found = check.broken(
        site_of(
            tmp_path,
            a='<h2 id="one">One</h2><a href="../b/#two">fine</a><a href="#one">fine</a><a href="https://x.org/">out</a>'
            '<a href="../c/">gone</a><a href="../b/#three">moved</a><img src="lost.png">',
            b='<h2 id="two">Two</h2><a href="../a/index.html#one">fine</a><script src="https://x.org/a.js"></script>',
        )
    )
    assert found == [
        "a/index.html leads to ../c/, which is not there",
        "a/index.html leads to ../b/#three, whose anchor is not there",
        "a/index.html leads to lost.png, which is not there",
        "b/index.html loads https://x.org/a.js from elsewhere",
    ]


def test_what_a_search_finds(check, tmp_path):
    (tmp_path / "search").mkdir()
    docs = [
        {
            "location": "a/#x",
            "title": "Restarts",
            "text": "<p>A rollout goes on after a kill: <code>restart</code>.</p>",
        },
        {"location": "b/", "title": "Networks", "text": "<p>Your own.</p>"},
        {"location": "c/", "title": "Others", "text": "<p>An own network, a <em>restart</em>.</p>"},
    ]
    (tmp_path / "search" / "search_index.json").write_text(json.dumps({"docs": docs}))
    assert check.search(tmp_path, "restart") == ["a/", "c/"]
    assert check.search(tmp_path, "own network") == ["b/", "c/"]
    assert check.search(tmp_path, "own GPU") == []
    assert "a search for 'GPU' does not lead to install/" in check.not_found(tmp_path)


def test_names_in_an_inventory(check, tmp_path):
    """In the format that Sphinx writes: four lines of text, then one line a name, compressed."""
    names = "phi_sol.State py:class 1 api/solvers/#$ -\nphi_sol.State.save py:method 1 api/solvers/#$ -\n"
    head = "# Sphinx inventory version 2\n# Project: x\n# Version: 0\n# The remainder is compressed.\n"
    (tmp_path / "objects.inv").write_bytes(head.encode() + zlib.compress(names.encode()))
    assert check.inventory(tmp_path) == {"phi_sol.State", "phi_sol.State.save"}
