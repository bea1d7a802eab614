"""A cell of a case: open, counted, changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.cases.cells import CaseCell, Exclusion
from edgewbc.lab.results import Status

CELL = CaseCell(1, 1, Path("a.png"), 0, None, Status.OK, "monocyte", 0.9, label="monocyte")


@pytest.mark.parametrize("status", [Status.REVIEW, Status.UNFAMILIAR, Status.ERROR])
def test_a_doubtful_cell_is_open_until_a_person_decides(status: Status) -> None:
    """An excluded one is not, since it is not counted."""
    doubtful = replace(CELL, status=status, label="")
    assert (doubtful.open, doubtful.counted) == (True, False)
    assert not replace(doubtful, decided="blast", label="blast").open
    assert not replace(doubtful, excluded=Exclusion.OVERLAP).open


def test_a_sure_cell_is_open_only_if_the_slide_must_be_confirmed() -> None:
    """The label of the software then needs a person's confirmation."""
    assert not CELL.open
    assert replace(CELL, confirm=True).open
    assert not replace(CELL, confirm=True, decided="monocyte").open


@pytest.mark.parametrize(
    ("label", "counted"), [("blast", True), ("uncertain", True), ("erythroblast", False), ("not a cell", False)]
)
def test_white_cells_are_counted(label: str, counted: bool) -> None:
    """An uncertain white cell is one of the 100; an erythroblast and an artifact are not."""
    assert replace(CELL, label=label).counted == counted


def test_a_confirmed_label_is_not_a_change() -> None:
    """Only another label is."""
    assert not CELL.changed
    assert not replace(CELL, decided="monocyte").changed
    assert replace(CELL, decided="blast").changed
