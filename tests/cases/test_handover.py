"""Handing over: signed cases only, versions, what is reported, and a drop that never overwrites."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hl7
import pytest

from edgewbc.cases import handover
from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.interop.codes import Codes
from edgewbc.interop.form import Form
from edgewbc.interop.report import Report, Stage
from edgewbc.lab.results import Status
from edgewbc.utils import resources
from tests.cases.cases import cell, make_case

CODES = Codes.read()
MADE = "2026-11-28T10:05:00Z"
MIXED = [
    *[cell("neutrophil")] * 6,
    *[cell("lymphocyte")] * 3,
    cell("monocyte", Status.REVIEW),
    cell("erythroblast"),
    cell("neutrophil", excluded=Exclusion.OVERLAP),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_case(tmp_path / "case", MIXED, accession="A1")


@pytest.fixture
def signed(folder: Path) -> Path:
    with Case.open(folder) as case:
        case.decide(10, "blast", "Ada", "large nucleolus")
        case.sign_off("Ada")
    return folder


def report_of(folder: Path, **options: Any) -> Report:
    return handover.report_of(Case.read(folder), CODES, **options)


def test_only_signed_cases(folder: Path) -> None:
    with pytest.raises(UserError, match="case: is not signed: sign it with `edgewbc review"):
        report_of(folder)
    draft = report_of(folder, draft=True)
    assert (draft.stage, draft.file_stem, draft.signed_by) == (Stage.PRELIMINARY, "S-1-v1-draft", "")
    assert draft.notes[0] == "Preliminary: nobody has signed this differential."
    assert any(note.startswith("1 of 10 cells are open (1 review)") for note in draft.notes)


def test_what_is_reported(signed: Path) -> None:
    """All of the five types, even if there are none, and others that have a cell."""
    report = report_of(signed)
    assert (report.stage, report.version, report.accession, report.signed_by) == (Stage.FINAL, 1, "A1", "Ada")
    assert report.signature == Case.read(signed).sign_offs[-1].hash
    shares = {each.label: each.value for each in report.observations if each.unit.code == "%"}
    assert shares == {
        "neutrophil": "60", "lymphocyte": "30", "monocyte": "0", "eosinophil": "0", "basophil": "0", "blast": "10",
    }  # fmt: skip
    absolute = {each.label: each.value for each in report.observations if each.unit.code == "10*9/L"}
    assert absolute == {
        "neutrophil": "4.32", "lymphocyte": "2.16", "monocyte": "0.00", "eosinophil": "0.00", "basophil": "0.00",
        "blast": "0.72",
    }  # fmt: skip
    first, last = report.observations[0], report.observations[-1]
    assert (first.n, first.low, first.high, first.note) == (
        6, "26.24", "87.84", "6 of 10 white cells, 95 % limits 26-88 %",
    )  # fmt: skip
    assert (last.label, last.value, last.unit.code) == ("erythroblast", "10.0", "/100{WBCs}")
    assert report.notes[0] == (
        "10 white cells on images, classified with the network tiny (abababababab); a person decided on 1 and changed "
        "1."
    )
    assert "Located but not counted: 1 seen in an overlapping field already." in report.notes
    assert report.notes[-1] == "For research use only, not a medical device."
    with pytest.raises(UserError, match="is signed: hand it over without --draft"):
        report_of(signed, draft=True)


def test_a_correction_is_a_new_version_once_it_is_signed(signed: Path, tmp_path: Path) -> None:
    first = handover.drop(report_of(signed), Form.HL7, tmp_path / "lis", CODES, MADE)
    with Case.open(signed) as case:
        case.decide(1, "monocyte", "Bob", "seen again")
        with pytest.raises(UserError, match="has a correction that is not signed"):
            handover.report_of(case, CODES)
        with pytest.raises(UserError, match="version 1 is signed, and no draft takes the place of a final result"):
            handover.report_of(case, CODES, draft=True)
        case.sign_off("Bob")
    report = report_of(signed)
    assert (report.stage, report.version, report.signed_by) == (Stage.CORRECTED, 2, "Bob")
    assert report.notes[0] == "Correction of version 1: seen again"
    second = handover.drop(report, Form.HL7, tmp_path / "lis", CODES, MADE)
    assert [path.name for path in sorted((tmp_path / "lis").iterdir())] == ["S-1-v1.hl7", "S-1-v2.hl7"]
    status = [hl7.parse(path.read_bytes().decode()).extract_field("OBX", 1, 11) for path in (first, second)]
    assert status == ["F", "C"]


def test_a_case_without_a_wbc_has_no_absolute_counts(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")] * 3, wbc=None, classes=["neutrophil"])
    with Case.open(folder) as case:
        case.sign_off("Ada")
    assert {each.unit.code for each in report_of(folder).observations} == {"%"}


def test_accession_numbers(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")])
    with Case.open(folder) as case:
        case.sign_off("Ada")
    bare = report_of(folder)
    with pytest.raises(UserError, match="S-1 has no accession number, which an HL7 message needs: give it with --acc"):
        handover.drop(bare, Form.HL7, tmp_path / "lis", CODES, MADE)
    assert not (tmp_path / "lis").exists()
    assert handover.drop(bare, Form.FHIR, tmp_path / "lis", CODES, MADE).name == "S-1-v1.fhir.json"
    given = report_of(folder, accession="B2")
    assert handover.drop(given, Form.HL7, tmp_path / "lis", CODES, MADE).is_file()
    with pytest.raises(UserError, match="too long or has control characters"):
        report_of(folder, accession="a\rb")


def test_another_accession_number_than_that_of_the_case(signed: Path) -> None:
    assert report_of(signed, accession="A1").accession == "A1"
    with pytest.raises(UserError, match="has the accession number A1, not B2"):
        report_of(signed, accession="B2")


def test_a_case_that_was_altered_after_it_was_signed(signed: Path) -> None:
    values = json.loads((signed / "case.json").read_text())
    (signed / "case.json").write_text(json.dumps({**values, "wbc": 72}))
    with pytest.raises(UserError, match=r"case.json: was altered since the case was signed"):
        report_of(signed)


def test_nothing_to_hand_over(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("platelet")])
    with Case.open(folder) as case:
        case.sign_off("Ada")
    with pytest.raises(UserError, match="has no white cell that counts"):
        report_of(folder)


@pytest.mark.parametrize("form", Form)
def test_a_drop_never_overwrites(form: Form, signed: Path, tmp_path: Path) -> None:
    report = report_of(signed)
    file = handover.drop(report, form, tmp_path / "lis", CODES, MADE)
    before = file.read_bytes()
    with pytest.raises(UserError, match="exists already: this version was handed over, and is never overwritten"):
        handover.drop(report, form, tmp_path / "lis", CODES, "2026-11-29T00:00:00Z")
    assert file.read_bytes() == before
    assert list((tmp_path / "lis").iterdir()) == [file]
    assert file.stat().st_mode & 0o777 == 0o666 & ~_umask()


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("link", [os.link, lambda *_: _fails()])
def test_drafts_follow_each_other(
    link: Callable[..., None], form: Form, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a review goes on; each is a message of its own, and none takes the place of another or of the final one."""
    monkeypatch.setattr(os, "link", link)
    to = tmp_path / "lis"
    first = handover.drop(report_of(folder, draft=True), form, to, CODES, MADE)
    same = handover.drop(report_of(folder, draft=True), form, to, CODES, MADE)
    with Case.open(folder) as case:
        case.decide(10, "blast", "Ada")
    later = handover.drop(report_of(folder, draft=True), form, to, CODES, MADE)
    with Case.open(folder) as case:
        case.sign_off("Ada")
    final = handover.drop(report_of(folder), form, to, CODES, MADE)
    suffix = handover.SUFFIXES[form]
    names = [f"S-1-v1{end}{suffix}" for end in ("-draft", "-draft-2", "-draft-3", "")]
    assert [file.name for file in (first, same, later, final)] == names
    assert first.read_bytes() == same.read_bytes()
    if form == Form.HL7:
        headers = [hl7.parse(file.read_bytes().decode()) for file in (first, later, final)]
        assert len({str(header.segment("MSH")[10]) for header in headers}) == 3
        assert [header.extract_field("OBX", 1, 11) for header in headers] == ["P", "P", "F"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _fails(*_: object) -> None:
    raise PermissionError("no links here")


@pytest.mark.parametrize("link", [os.link, _fails])
def test_a_drop_where_files_have_no_links(
    link: Callable[..., None], signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On FAT and some shares a file is renamed instead; another process's file stays all the same."""
    monkeypatch.setattr(os, "link", link)
    report = report_of(signed)
    to = tmp_path / "lis"
    handover.drop(report, Form.CSV, to, CODES, MADE)
    with pytest.raises(UserError, match="exists already"):
        handover.drop(report, Form.CSV, to, CODES, MADE)
    assert [path.name for path in to.iterdir()] == ["S-1-v1.csv"]


def test_a_full_disk_leaves_nothing(signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    report = report_of(signed)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        handover.drop(report, Form.CSV, tmp_path / "lis", CODES, MADE)
    assert list((tmp_path / "lis").iterdir()) == []


@pytest.mark.parametrize("case", ["../../etc", "a/b", "..", "é 漢", "a" * 150, "-x", "con:1"])
def test_file_names_of_any_case_stay_in_the_folder(case: str, tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")], case=case, accession="1")
    with Case.open(folder) as opened:
        opened.sign_off("Ada")
    file = handover.drop(report_of(folder), Form.CSV, tmp_path / "lis", CODES, MADE)
    assert file.parent == tmp_path / "lis"
    assert file.name.isascii()
    assert len(file.name) < 120
    assert not file.name.startswith((".", "-"))


def test_a_misspelled_type_in_the_codes_is_refused_and_others_are_not(signed: Path, tmp_path: Path) -> None:
    shipped = (resources.folder("recipes") / "codes" / "loinc.yaml").read_text(encoding="utf-8")
    own = tmp_path / "own.yaml"
    own.write_text(shipped.replace("neutrophil.percent:", "neutrofil.percent:"), encoding="utf-8")
    with pytest.raises(UserError, match=r"'neutrofil.percent': did you mean neutrophil.percent\?"):
        handover.report_of(Case.read(signed), Codes.read(own))
    own.write_text(f"{shipped}plasma cell.percent: 13047-6 Plasma cells/Leukocytes in Blood\n", encoding="utf-8")
    assert handover.report_of(Case.read(signed), Codes.read(own)).observations


def test_a_blank_accession_number_is_none(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")], accession="  ")
    with Case.open(folder) as opened:
        opened.sign_off("Ada")
    codes = Codes.read()
    for given in ("", "  "):
        report = handover.report_of(Case.read(folder), codes, accession=given)
        assert report.accession == ""
        with pytest.raises(UserError, match="has no accession number"):
            handover.drop(report, Form.HL7, tmp_path / "lis", codes, "2026-11-28T09:00:00Z")
    assert handover.report_of(Case.read(folder), codes, accession=" A1 ").accession == "A1"


def test_a_correction_to_zero_replaces_what_was_handed_over(tmp_path: Path) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")] * 3, classes=CLASSES)
    with Case.open(folder) as opened:
        opened.decide(1, "blast", "Ada")
        opened.decide(2, "erythroblast", "Ada")
        opened.sign_off("Ada")
        opened.decide_many([1, 2], "lymphocyte", "Ada", "looked at again")
        opened.sign_off("Ada")
    found = {(each.label, each.unit.code): each.value for each in report_of(folder).observations}
    assert found["blast", "%"] == "0"
    assert found["blast", "10*9/L"] == "0.00"
    assert found["erythroblast", "/100{WBCs}"] == "0.0"
    assert ("immature granulocyte", "%") not in found
