"""The notebooks in docs/notebooks are committed without outputs, and run from beginning to end on synthetic cells."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import TOP

NOTEBOOKS = sorted((TOP / "docs" / "notebooks").glob("*.ipynb"))
SECONDS = 1200
"""Longest that a cell may take."""


def names() -> list[str]:
    return [path.name for path in NOTEBOOKS]


def test_what_there_is() -> None:
    assert names() == ["from-vgg16-to-0.2-mb.ipynb", "your-own-cells-in-ten-minutes.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=names())
def test_no_outputs_are_committed(path: Path) -> None:
    """Cells have no outputs and no execution numbers, and their code compiles."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"], cell["metadata"]) == ([], None, {})
            compile("".join(cell["source"]), path.name, "exec")


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("EDGEWBC_NOTEBOOKS"), reason="takes minutes: `make notebooks`, and the docs job")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=names())
def test_it_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs in a kernel of its own, in an empty folder; the file is not changed."""
    nbformat: Any = pytest.importorskip("nbformat")
    client: Any = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("EDGEWBC_NOTEBOOK_WORK", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(TOP), os.environ.get("PYTHONPATH")])))
    before = path.read_bytes()
    book = nbformat.read(path, as_version=4)
    client.NotebookClient(book, timeout=SECONDS, kernel_name="python3").execute()
    texts = [output.get("text", "") for cell in book.cells for output in cell.get("outputs", [])]
    assert any("$ edgewbc export" in text for text in texts)
    assert path.read_bytes() == before
