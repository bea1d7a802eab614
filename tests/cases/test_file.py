"""The files of a case: `case.json` and `cells.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgewbc.cases.cells import Exclusion
from edgewbc.cases.file import CASE, CELLS, CaseInfo, CellIndex, IndexedCell, check_text
from edgewbc.errors import UserError

INFO = CaseInfo("S-1", "2026-11-28T09:00:00Z", by="Ada", wbc=7.2, images=("/x",), settings={"a": [1]})
INDEX = CellIndex(
    (IndexedCell(2, Exclusion.OVERLAP, 1, "2.jpg", "ab", (0.0, 1.0, 2.0, 3.0)), IndexedCell(1)), "unlike", 2, 1
)


def test_both_files_are_read_back(tmp_path: Path) -> None:
    """All attributes survive."""
    INFO.write(tmp_path)
    INDEX.write(tmp_path)
    assert CaseInfo.read(tmp_path) == INFO
    assert CellIndex.read(tmp_path) == INDEX


@pytest.mark.parametrize(
    ("name", "change", "problem"),
    [
        (CASE, {"format": 2}, "of format 2, and this edgewbc reads up to 1: upgrade edgewbc"),
        (CASE, {"format": None}, "it has no format"),
        (CASE, {"case": 7}, "7 is not a text"),
        (CASE, {"wbc": -1}, "-1 is not a WBC"),
        (CASE, {"versions": []}, "is damaged"),
        (CELLS, {"cells": [{"id": 1}]}, "'crop' is missing"),
    ],
)
def test_damage_names_the_file_and_what_to_do(name: str, change: dict[str, Any], problem: str, tmp_path: Path) -> None:
    """One line, whatever is wrong."""
    INFO.write(tmp_path)
    INDEX.write(tmp_path)
    values = json.loads((tmp_path / name).read_text(encoding="utf-8"))
    (tmp_path / name).write_text(json.dumps({**values, **change}), encoding="utf-8")
    with pytest.raises(UserError, match=problem) as raised:
        (CaseInfo if name == CASE else CellIndex).read(tmp_path)
    assert str(raised.value).startswith(str(tmp_path / name))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("crop", ["../1.jpg", "a/1.jpg", "..", "a\\1.jpg"])
def test_a_crop_outside_of_its_folder_is_damage(crop: str, tmp_path: Path) -> None:
    """A case may come from another computer."""
    CellIndex((IndexedCell(1, crop=crop),)).write(tmp_path)
    with pytest.raises(UserError, match="is outside of its folder"):
        CellIndex.read(tmp_path)


def test_a_cell_occurs_once(tmp_path: Path) -> None:
    """It would be counted twice."""
    CellIndex((IndexedCell(1), IndexedCell(1))).write(tmp_path)
    with pytest.raises(UserError, match="a cell occurs twice"):
        CellIndex.read(tmp_path)


def test_details_are_replaced_one_by_one() -> None:
    """None keeps what is there; blanks at the ends are removed; what cannot be used is refused."""
    found = INFO.with_details(wbc=4.5, accession=" A-1 ")
    assert (found.case, found.wbc, found.accession, found.by) == ("S-1", 4.5, "A-1", "Ada")
    assert INFO.with_details() == INFO
    for details, problem in (
        ({"case": " "}, "case id is empty"),
        ({"wbc": 0.0}, "a WBC of 0"),
        ({"by": "a\n"}, "name"),
    ):
        with pytest.raises(UserError, match=problem):
            INFO.with_details(**details)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="too long or has control characters"):
        check_text("x" * 201, "name")
