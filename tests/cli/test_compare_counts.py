"""The command `edgewbc compare-counts`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgewbc.cases.case import Case
from edgewbc.cases.compare import compare, compare_with_software
from edgewbc.lab.results import Status
from tests.cases.cases import cell, make_case
from tests.conftest import Ran


def test_a_difference_is_found(tmp_path: Path, edgewbc: Callable[..., Ran]) -> None:
    a = make_case(tmp_path / "a", [*[cell("neutrophil")] * 60, *[cell("lymphocyte")] * 40], case="a")
    b = make_case(tmp_path / "b", [*[cell("neutrophil")] * 40, *[cell("lymphocyte")] * 58, cell("monocyte")], case="b")
    found = compare(Case.read(a), Case.read(b))
    assert found.differ == ["neutrophil", "lymphocyte"]
    assert [line.second for line in found.lines] == [40, 58, 1]
    ran = edgewbc("compare-counts", a, b)
    assert ran.out.splitlines()[-2:] == [
        "counts differ by more than chance in: neutrophil, lymphocyte",
        "same label for 78 of 99 cells that both labeled",
    ]


def test_the_person_is_compared_with_the_software(tmp_path: Path, edgewbc: Callable[..., Ran]) -> None:
    folder = make_case(tmp_path / "a", [*[cell("neutrophil")] * 5, cell("monocyte", Status.REVIEW)])
    with Case.open(folder) as case:
        case.decide(6, "blast", "Ada")
    found = compare_with_software(Case.read(folder))
    assert (found.agree, found.differ, found.totals) == ((5, 6), [], (6, 6))
    ran = edgewbc("compare-counts", folder)
    assert ran.out.splitlines()[-2:] == [
        "the counts agree as well as chance allows",
        "same label for 5 of 6 cells that both labeled",
    ]
