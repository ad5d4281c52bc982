"""The notebooks of the documentation, executed as Jupyter does."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"


@pytest.mark.parametrize("name", sorted(p.name for p in FOLDER.glob("*.ipynb")))
def test_notebook_runs_and_shows_pictures(name, tmp_path, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="nbconvert is not installed: pip install phi_sol[dev]")
    executor = pytest.importorskip("nbconvert.preprocessors", reason="nbconvert is not installed")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(FOLDER / name, as_version=4)
    nbformat.validate(notebook)
    assert not any(c.get("outputs") or c.get("execution_count") for c in notebook.cells), "it is kept without outputs"
    executor.ExecutePreprocessor(timeout=300).preprocess(notebook, {"metadata": {"path": str(tmp_path)}})
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert any("image/png" in o.get("data", {}) for o in outputs)
    (tmp_path / name).write_text(nbformat.writes(notebook))
