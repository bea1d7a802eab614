"""Cases: decisions, undo, sign-off, corrections, and that nothing can be signed while a cell is open."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cases.history import CaseState
from edgewbc.errors import UserError
from edgewbc.lab.journal_review import Screen
from edgewbc.lab.results import Status
from tests.cases.cases import cell, make_case

MIXED = [
    *[cell("neutrophil")] * 6,
    *[cell("lymphocyte")] * 3,
    cell("monocyte", Status.REVIEW),
    cell("lymphocyte", Status.UNFAMILIAR),
    cell("erythroblast"),
    cell("neutrophil", excluded=Exclusion.OVERLAP),
]


@pytest.fixture
def case(tmp_path: Path) -> Path:
    return make_case(tmp_path / "case", MIXED)


def test_a_new_case_counts_what_the_software_is_sure_of(case: Path) -> None:
    read = Case.read(case)
    assert (read.state, read.version, read.info.case) == (CaseState.UNSIGNED, 1, "S-1")
    cells = read.cells()
    assert [each.label for each in cells[:10]] == ["neutrophil"] * 6 + ["lymphocyte"] * 3 + [""]
    assert [each.id for each in read.open_cells] == [10, 11]
    found = read.differential()
    assert (found.counted, found.open, found.open_cells) == (9, {"review": 1, "unfamiliar": 1}, 2)
    assert {line.label: line.percent for line in found.shown()} == {"neutrophil": 67, "lymphocyte": 33}
    assert found.erythroblasts.n == 1
    assert found.erythroblasts.per_100 == pytest.approx(100 / 9)
    assert found.excluded == {str(Exclusion.OVERLAP): 1}
    assert [line.absolute for line in found.shown()] == pytest.approx([4.8, 2.4])


def test_a_decision_counts_at_once_and_is_still_there_when_the_case_is_opened_again(case: Path) -> None:
    with Case.open(case) as opened:
        made = opened.decide(10, "blast", "Ada", "large nucleolus")
        assert (made.label, made.decided, made.who, made.why, made.open) == (
            "blast",
            "blast",
            "Ada",
            "large nucleolus",
            False,
        )
        assert made.changed
        assert opened.differential().counted == 10
        assert Case.read(case).cell(10) == made  # another process would see it
    assert Case.read(case).cell(10) == made


def test_an_excluded_cell_counts_where_a_person_says_so(case: Path) -> None:
    with Case.open(case) as opened:
        assert not opened.cell(13).label
        assert opened.decide(13, "neutrophil", "Ada").counted
        assert opened.differential().excluded == {}


def test_undo_takes_back_one_by_one_what_was_not_made_together(case: Path) -> None:
    with Case.open(case) as opened:
        before = opened.cells()
        opened.decide(10, "monocyte", "Ada")
        after = opened.cells()
        opened.decide_many([1, 2, 10], "basophil", "Ada")
        assert [each.id for each in opened.undo("Bob")] == [10, 2, 1]
        assert [each.label for each in opened.cells()] == [each.label for each in after]
        assert opened.cell(10).decided == "monocyte"
        opened.undo("Bob")
        assert opened.cells() == before
        assert opened.undo("Bob") == []
        assert len(opened.decisions) == 8


def test_undo_works_after_the_case_was_opened_again(case: Path) -> None:
    with Case.open(case) as opened:
        opened.decide(10, "monocyte", "Ada")
        opened.decide(10, "blast", "Ada")
    with Case.open(case) as opened:
        assert opened.undo("Ada")[0].decided == "monocyte"
        assert opened.undo("Ada")[0].open
        assert opened.undo("Ada") == []


def test_a_case_with_an_open_cell_is_not_signed(case: Path) -> None:
    with Case.open(case) as opened:
        opened.decide(10, "monocyte", "Ada")
        with pytest.raises(UserError, match="1 cell is open, the first in cell-011.png"):
            opened.sign_off("Ada")
        opened.decide(11, "uncertain", "Ada")
        signed = opened.sign_off("Ada", Screen(3, "all", "1280x720"))
        assert opened.state == CaseState.SIGNED
        assert (signed.who, signed.seen["version"], signed.seen["shown"]) == ("Ada", 1, 3)
        assert signed.seen["differential"]["counted"] == 11
        assert {"case.json", "cells.json", "results", "decisions"} == set(signed.hashes)
        with pytest.raises(UserError, match="is signed already, by Ada"):
            opened.sign_off("Ada")
    assert Case.read(case).state == CaseState.SIGNED


def test_a_correction_opens_a_version_and_the_old_one_stays(case: Path) -> None:
    with Case.open(case) as opened:
        opened.decide_many([10, 11], "monocyte", "Ada")
        opened.sign_off("Ada")
        with pytest.raises(UserError, match="give the reason of the correction"):
            opened.decide(1, "blast", "Bob")
        opened.decide(1, "blast", "Bob", "seen by the consultant")
        assert (opened.state, opened.version, opened.signed) == (CaseState.CORRECTING, 2, False)
        assert opened.undo("Bob")[0].label == "neutrophil"
        assert (opened.state, opened.version) == (CaseState.SIGNED, 1)
        assert opened.undo("Bob") == []  # what was signed stays
        opened.decide(1, "blast", "Bob", "seen by the consultant")
        opened.sign_off("Bob")
        assert (opened.state, opened.version) == (CaseState.CORRECTED, 2)
        assert [opened.cells(version)[0].label for version in (1, 2)] == ["neutrophil", "blast"]
        assert opened.differential(1).counted == opened.differential(2).counted == 11


def test_bad_entries_are_refused_and_nothing_is_recorded(case: Path) -> None:
    with Case.open(case) as opened:
        for label, who, why, match in (
            ("monocite", "Ada", "", "is not a label of a cell: use one of neutrophil"),
            ("monocyte", " ", "", "no name"),
            ("monocyte", "Ada\n", "", "control characters"),
            ("monocyte", "Ada", "x" * 999, "too long"),
            ("monocyte", "Ada", "(undo)", "is not a reason"),
        ):
            with pytest.raises(UserError, match=match):
                opened.decide(10, label, who, why)
        with pytest.raises(UserError, match="has no cell 99"):
            opened.decide_each({10: "monocyte", 99: "monocyte"}, "Ada")
        assert opened.decisions == []


def test_an_image_that_could_not_be_read_is_never_a_cell(tmp_path: Path) -> None:
    """Nobody has seen a cell in it: a person can only leave it out, and a mixed decision is refused as a whole."""
    folder = make_case(tmp_path / "case", [cell("neutrophil"), cell("", Status.ERROR, name="broken.png")])
    with Case.open(folder) as opened:
        for labels in ({2: "lymphocyte"}, {2: "uncertain"}, {1: "monocyte", 2: "monocyte"}):
            with pytest.raises(UserError, match=r"broken\.png: could not be read, .* decide 'not a cell'"):
                opened.decide_each(labels, "Ada")
        assert (opened.decisions, len(opened.open_cells)) == ([], 1)
        opened.decide(2, "not a cell", "Ada")
        opened.undo("Ada")
        assert len(opened.open_cells) == 1
        opened.decide(2, "not a cell", "Ada")
        opened.sign_off("Ada")
        assert (opened.differential().counted, opened.differential().not_cells) == (1, 1)


def test_a_case_is_open_for_one_process_only(case: Path) -> None:
    with Case.open(case), pytest.raises(UserError, match="another edgewbc is writing it: wait .* or count into"):
        Case.open(case)
    with pytest.raises(UserError, match="is open for reading only"):
        Case.read(case).decide(10, "monocyte", "Ada")


def test_a_slide_that_is_unlike_the_training_images_must_be_confirmed(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil"), cell("monocyte")], warning="These images are unlike.")
    with Case.open(folder) as opened:
        assert opened.differential().open == {"to confirm": 2}
        opened.decide_many([1, 2], "neutrophil", "Ada")
        assert opened.sign_off("Ada").seen["differential"]["changed"] == 1


def test_a_folder_that_is_no_case_is_refused(tmp_path: Path, case: Path) -> None:
    with pytest.raises(UserError, match=r"is not a case: make one with `edgewbc count"):
        Case.read(tmp_path)
    (case / "cells.json").unlink()
    with pytest.raises(UserError, match="counting was interrupted"):
        Case.open(case)
    (case / "cells.json").write_text('{"format": 2}')
    with pytest.raises(UserError, match="upgrade edgewbc"):
        Case.open(case)
    (case / "cells.json").write_text('{"format": 1, "cells": [{"id": 1}]}')
    with pytest.raises(UserError, match="is damaged"):
        Case.open(case)


@pytest.mark.parametrize("wbc", [0, -3, True, "7", 1e9])
def test_a_wbc_that_no_analyzer_gives_is_damage(wbc: object, case: Path) -> None:
    values = json.loads((case / "case.json").read_text(encoding="utf-8"))
    (case / "case.json").write_text(json.dumps({**values, "wbc": wbc}), encoding="utf-8")
    with pytest.raises(UserError, match=r"case.json: is damaged \(.* is not a WBC\)"):
        Case.read(case)


def test_a_correction_of_a_case_whose_file_was_altered_is_not_signed(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")])
    with Case.open(folder) as opened:
        opened.sign_off("Ada")
        opened.check_signed_files()
    values = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    (folder / "case.json").write_text(json.dumps({**values, "wbc": 70}), encoding="utf-8")
    with Case.open(folder) as opened:
        opened.decide(1, "blast", "Ada", "a nucleolus")
        with pytest.raises(UserError, match=r"case.json: was altered since the case was signed"):
            opened.sign_off("Ada")
