"""`edgewbc pick`: the folder to label and what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from edgewbc.bundle.bundle import Bundle
from tests.conftest import Ran
from tests.lab.tinted import write_cells

Run = Callable[..., Ran]


def test_a_folder_to_label(edgewbc: Run, bundle: Bundle, tmp_path: Path) -> None:
    smear = write_cells(tmp_path / "smear", {"neutrophil": 5, "monocyte": 4})
    to = tmp_path / "to-label"
    ran = edgewbc("pick", smear, "--n", 4, "--to", to, "--model", bundle.path, "--threads", 1)
    assert ran.code == 0, ran.err
    assert "4 of 9 cells" in ran.out
    assert f"next: edgewbc adapt {bundle.path} --cells {to}/labels.csv" in ran.err
    assert sorted(path.name for path in to.iterdir()) == [
        "cells", "label-studio.json", "label-studio.xml", "labels.csv", "sheet.html",
    ]  # fmt: skip
    again = edgewbc("pick", smear, "--n", 4, "--to", to, "--model", bundle.path)
    assert again.code == 2
    assert "exists already" in again.err


def test_json(edgewbc: Run, bundle: Bundle, tmp_path: Path) -> None:
    smear = write_cells(tmp_path / "smear", {"neutrophil": 3})
    ran = edgewbc("pick", smear, "--n", 5, "--to", tmp_path / "to", "--model", bundle.path, "--threads", 1, "--json")
    values = json.loads(ran.out)
    assert values["found"] == len(values["cells"]) == 3
