"""The differential of a case: what is counted, shares, limits, absolute counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgewbc.cases import differential
from edgewbc.cases.cells import CaseCell, Exclusion
from edgewbc.cells import CLASSES
from edgewbc.lab.results import Status

SURE = CaseCell(1, 1, Path("a.png"), 0, None, Status.OK, "neutrophil", 0.9, label="neutrophil")


def counted(label: str, n: int) -> list[CaseCell]:
    """Return cells with a label that counts."""
    return [replace(SURE, machine=label, label=label)] * n


def test_shares_limits_and_absolute_counts() -> None:
    """Percentages are whole and add up to 100; limits are Clopper and Pearson's; a WBC gives absolute counts."""
    found = differential.of_cells([*counted("neutrophil", 60), *counted("monocyte", 40)], CLASSES, wbc=5.0)
    lines = {line.label: line for line in found.shown()}
    assert [(name, line.n, line.percent) for name, line in lines.items()] == [
        ("neutrophil", 60, 60),
        ("monocyte", 40, 40),
    ]
    assert lines["neutrophil"].exact == pytest.approx((0.49721, 0.69671), abs=1e-4)
    assert lines["neutrophil"].absolute == pytest.approx(3.0)
    assert differential.limits(lines["neutrophil"].exact) == "49-70 %"
    assert sum(line.percent or 0 for line in found.lines) == 100


def test_what_is_not_among_the_white_cells() -> None:
    """Erythroblasts are per 100 white cells; platelets, artifacts, open and excluded cells are counted apart."""
    cells = [
        *counted("neutrophil", 50),
        *counted("erythroblast", 5),
        *counted("platelet", 2),
        *counted("not a cell", 1),
        replace(SURE, status=Status.REVIEW, label=""),
        replace(SURE, confirm=True, label=""),
        replace(SURE, excluded=Exclusion.OVERLAP, label=""),
        replace(SURE, status=Status.REVIEW, decided="blast", label="blast", who="Ada"),
    ]
    found = differential.of_cells(cells, CLASSES)
    assert (found.counted, found.platelets, found.not_cells) == (51, 2, 1)
    assert found.erythroblasts.per_100 == pytest.approx(100 * 5 / 51)
    assert found.open == {"review": 1, differential.OK_OPEN: 1}
    assert found.excluded == {str(Exclusion.OVERLAP): 1}
    assert (found.changed, found.decided, found.open_cells) == (1, 1, 2)
    assert all(line.absolute is None for line in found.lines)
    assert found.open_line().startswith("2 of 53 cells are open (1 review, 1 ")
    table = found.table()
    assert "erythroblasts: 5, 9.8 per 100 white cells" in table
    assert "platelets: 2, left out" in table


def test_without_white_cells_nothing_is_divided_by_zero() -> None:
    """No shares, no limits, no rate of erythroblasts."""
    found = differential.of_cells(counted("erythroblast", 3), CLASSES, wbc=5.0)
    assert found.counted == 0
    assert (found.erythroblasts.per_100, found.erythroblasts.exact) == (None, None)
    assert all((line.percent, line.exact, line.absolute) == (None, None, None) for line in found.lines)
    assert differential.limits(None) == "-"
    assert "erythroblasts: 3, not among the white cells" in found.others_lines()
