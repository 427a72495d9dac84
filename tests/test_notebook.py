"""The notebook runs as it stands, and the docs show what it prints."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "examples" / "first_steps.ipynb"


def texts(cell) -> list[str]:
    """Return what a cell printed and answered, but for the pictures."""
    found = [output.get("text", "") for output in cell.get("outputs", ())]
    return found + [output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ())]


def test_it_goes_from_a_mammogram_to_a_training(monkeypatch, tmp_path):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.metadata.kernelspec.name = "python3"
    manager = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}})
    manager.create_kernel_manager()
    manager.km.kernel_spec.argv[0] = sys.executable
    manager.execute()
    said = ["".join(texts(cell)) for cell in notebook.cells if cell.cell_type == "code"]
    assert "malignant mass in the box" in said[0]
    assert "'decision': 'malignant'" in said[1]
    assert "'fold':" in said[3]
    assert "model.pt" in said[4]
    assert "'decision'" in said[5]


def test_the_docs_show_it_with_its_answers_and_it_is_the_same_file():
    shown = nbformat.read(ROOT / "docs" / "first_steps.ipynb", as_version=4)
    assert (ROOT / "docs" / "first_steps.ipynb").resolve() == NOTEBOOK
    nbformat.validate(shown)
    assert all(cell.outputs for cell in shown.cells if cell.cell_type == "code")
    assert sum("image/png" in output.get("data", {}) for cell in shown.cells for output in cell.get("outputs", ())) == 2
