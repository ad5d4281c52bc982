"""The notebooks of the documentation, executed as Jupyter does."""

import re
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NAMES = sorted(p.name for p in FOLDER.glob("*.ipynb"))
LONGEST = 180  # seconds, each

nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed: pip install phi-sol[dev]")


def read(name):
    notebook = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    return notebook


def test_there_are_a_dozen():
    assert len(NAMES) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_begins_with_a_heading_and_a_sentence_and_has_no_outputs(name):
    notebook = read(name)
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S[^\n]*\n\n[A-Z][^#:?]*\.(\s|$)", first.source), "a title, and a sentence below it"
    assert not any(c.get("outputs") or c.get("execution_count") for c in notebook.cells), "it is kept without outputs"
    assert notebook.metadata["phi_sol"]["minutes"] * 60 <= LONGEST


@pytest.mark.parametrize("name", NAMES)
def test_what_a_notebook_links_to_is_there(name):
    texts = [c.source for c in read(name).cells if c.cell_type == "markdown"]
    links = [link for text in texts for link in re.findall(r"\]\((?!https?:)([^)#]+)", text)]
    assert links, "what to read next"
    assert not [link for link in links if not (FOLDER / link).is_file()]


@pytest.mark.parametrize("name", NAMES)
def test_notebook_runs_and_shows_pictures(name, tmp_path, monkeypatch):
    executor = pytest.importorskip("nbconvert.preprocessors", reason="nbconvert is not installed")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = read(name)
    end = time.monotonic() + LONGEST
    executed = executor.ExecutePreprocessor(timeout_func=lambda cell: max(1, int(end - time.monotonic())))
    executed.preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert any("image/png" in o.get("data", {}) for o in outputs)
    assert not [o.text for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    assert not list(tmp_path.iterdir()), "what it writes goes to a temporary folder"
    (tmp_path / name).write_text(nbformat.writes(notebook))
