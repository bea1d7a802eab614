"""Verifying a case: any row, file or image that was altered is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewbc.cases.case import Case
from edgewbc.cases.verify import verify
from edgewbc.errors import UserError
from edgewbc.lab.results import Status
from tests.cases.cases import alter, cell, make_case, make_signed_case


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    return make_signed_case(tmp_path / "case")


def test_an_intact_case_is_intact(signed: Path) -> None:
    found = verify(signed)
    assert found.problems == ()
    assert found.notes == ()
    assert found.checked == "4 cells, 2 decisions, 1 signature: signed"


def test_what_an_unsigned_case_cannot_show_is_said(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "open", [cell("neutrophil", Status.REVIEW)])
    with Case.open(folder) as case:
        case.decide(1, "monocyte", "Ada")
    found = verify(folder)
    assert (found.problems, found.checked) == ((), "1 cell, 1 decision, 0 signatures: unsigned")
    assert found.notes == (
        "not signed yet: case.json and cells.json have no hash until a signature covers them, nor would it show if the "
        "last decisions had been removed",
    )


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE decisions SET new = 'monocyte' WHERE id = 2", "decisions: row 2, or one before it, was altered"),
        ("UPDATE decisions SET who = 'Bob' WHERE id = 1", "decisions: row 1, or one before it, was altered"),
        ("DELETE FROM decisions WHERE id = 2", "sign_offs: decisions changed after sign-off 1"),
        ("UPDATE results SET label = 'monocyte' WHERE id = 3", "results: row 3 was altered"),
        ("UPDATE sign_offs SET at = '2020-01-01T00:00:00Z'", "sign_offs: row 1, or one before it, was altered"),
        ("DROP VIEW current", "its tables were altered"),
    ],
)
def test_an_altered_row_is_named_and_the_case_is_not_read(signed: Path, statement: str, problem: str) -> None:
    alter(signed, statement)
    found = verify(signed)
    assert any(line.startswith(problem) for line in found.problems), found.problems
    if "VIEW" not in statement:
        with pytest.raises(UserError, match="run `edgewbc verify"):
            Case.read(signed)


def test_altered_files_are_named(signed: Path) -> None:
    values = json.loads((signed / "case.json").read_text(encoding="utf-8"))
    (signed / "case.json").write_text(json.dumps({**values, "wbc": 99.0}), encoding="utf-8")
    assert verify(signed).problems == (
        f"case.json: is not what sign-off 1 of Ada at {Case.read(signed).sign_offs[0].at} covers",
    )
    (signed / "case.json").write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert verify(signed).problems == ()
    (signed / "crops" / "000002.png").write_bytes(b"other")
    (signed / "crops" / "000003.png").unlink()
    assert verify(signed).problems == (
        "crops/000002.png: was altered",
        "crops/000003.png: is missing or cannot be read",
    )


def test_a_missing_crop_hides_no_altered_details(signed: Path) -> None:
    (signed / "crops" / "000002.png").unlink()
    values = json.loads((signed / "case.json").read_text())
    (signed / "case.json").write_text(json.dumps({**values, "wbc": 9.2}))
    found = verify(signed).problems
    assert found[0] == "crops/000002.png: is missing or cannot be read"
    assert found[1].startswith("case.json: is not what sign-off 1 of Ada at ")
    assert len(found) == 2


def test_images_are_compared_as_far_as_they_are_there(signed: Path) -> None:
    images = signed.with_name("case-images")
    (images / "cell-001.png").write_bytes(b"other")
    (images / "cell-002.png").unlink()
    found = verify(signed)
    assert found.problems == (f"{images / 'cell-001.png'}: is not the image that was counted",)
    assert found.notes == ("1 image file is no longer in place, and could not be compared",)
