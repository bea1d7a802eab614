"""`edgewbc explain`: the folder and what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from edgewbc.bundle.bundle import Bundle
from tests.conftest import Ran
from tests.lab.test_run_microscope import fields, write
from tests.lab.tinted import write_cells

Run = Callable[..., Ran]


def test_a_folder_of_maps(edgewbc: Run, bundle: Bundle, tmp_path: Path) -> None:
    smear = write_cells(tmp_path / "smear", {"neutrophil": 2})
    arguments = ("explain", smear, "--model", bundle.path, "--threads", 1, "--to", tmp_path / "to")
    ran = edgewbc(*arguments, "--cells", 1)
    assert ran.code == 0, ran.err
    assert "1 cell is explained" in ran.out
    assert "stopped after 1 cell:" in ran.err
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["maps", "maps.json", "sheet.html"]
    again = edgewbc(*arguments)
    assert again.code == 2
    assert "exists already" in again.err


def test_json_and_a_class_that_there_is_not(edgewbc: Run, bundle: Bundle, tmp_path: Path) -> None:
    smear = write_cells(tmp_path / "smear", {"neutrophil": 2})
    arguments = ("explain", smear, "--model", bundle.path, "--threads", 1, "--to", tmp_path / "to")
    ran = edgewbc(*arguments, "--similar", smear, "--json")
    assert json.loads(ran.out) == {"folder": str(tmp_path / "to"), "cells": 2, "left_out": 0, "coarse": ""}
    wrong = edgewbc("explain", smear, "--model", bundle.path, "--to", tmp_path / "other", "--label", "blast")
    assert (wrong.code, wrong.out) == (2, "")
    assert "the bundle has no class 'blast'; it has neutrophil" in wrong.err


def test_fields_are_explained_cell_by_cell(edgewbc: Run, tmp_path: Path) -> None:
    """Without --model, by the shipped bundle that locates their cells."""
    write(tmp_path / "slide", fields(3))
    ran = edgewbc("explain", tmp_path / "slide", "--threads", 1, "--to", tmp_path / "to", "--cells", 4)
    assert ran.code == 0, ran.err
    assert "wbc5-travel (it locates the cells of fields" in ran.err
    values = json.loads((tmp_path / "to" / "maps.json").read_text(encoding="utf-8"))
    assert sum(cell["cell"] > 0 for cell in values["cells"]) >= 3
