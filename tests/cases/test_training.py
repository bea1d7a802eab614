"""Manifests of signed cases: the labels that people signed, a case as a group, and nothing of an unsigned one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cases.training import labeled_files, signed_cells
from edgewbc.cells import CLASSES
from edgewbc.data.manifest import Manifest
from edgewbc.errors import UserError
from edgewbc.lab.results import Status
from tests.cases.cases import cell, make_case
from tests.conftest import Ran


def signed(folder: Path, name: str, first: str) -> Path:
    cells = [cell(first), cell("lymphocyte"), cell("monocyte", Status.REVIEW), cell("neutrophil", Status.UNFAMILIAR)]
    cells += [cell("eosinophil", Status.REVIEW), cell("neutrophil", excluded=Exclusion.OVERLAP)]
    make_case(folder, cells, case=name, seed=ord(name))
    with Case.open(folder) as case:
        case.decide(3, "eosinophil", "Ada")
        case.decide(4, "blast", "Ada")
        case.decide(5, "not a cell", "Ada")
        case.sign_off("Ada")
    return folder


def test_a_manifest_of_signed_cases(tmp_path: Path, edgewbc: Callable[..., Ran]) -> None:
    for name, first in (("a", "neutrophil"), ("b", "neutrophil"), ("c", "monocyte")):
        signed(tmp_path / "cases" / name, name.upper(), first)
    ran = edgewbc("data", "manifest", "cases", tmp_path / "cases", "--protocol", "external", "--to", tmp_path / "m")
    assert ran.code == 0, ran.err
    assert "cell with the label 'blast'" in ran.err
    made = Manifest.read(tmp_path / "m")
    assert made.provenance.source == "cases"
    assert dict(made.provenance.left_out) == {
        "cell seen in an overlapping field already": 3,
        "cell with the label 'blast'": 3,
        "cell with the label 'not a cell'": 3,
    }
    labels = [(entry.group, entry.label) for entry in made.entries if entry.path.startswith("a-images")]
    assert {label for _, label in labels} == {"neutrophil", "lymphocyte", "eosinophil"}
    assert len({group for group, _ in labels}) == 1
    blasts = edgewbc(
        *("data", "manifest", "cases", tmp_path / "cases" / "a", tmp_path / "cases" / "b"),
        *("--classes", "blast,neutrophil", "--protocol", "external", "--to", tmp_path / "n"),
    )
    assert blasts.code == 0, blasts.err
    assert Manifest.read(tmp_path / "n").classes == ("neutrophil", "blast")


def test_two_cases_of_one_slide_are_one_group_and_teach_what_they_agree_on(tmp_path: Path) -> None:
    cells = [cell("neutrophil"), cell("lymphocyte"), cell("monocyte")]
    folders = [
        make_case(tmp_path / "a", cells, case="first"),
        tmp_path / "b",
        make_case(tmp_path / "c", cells[:1], seed=8),
    ]
    shutil.copytree(folders[0], folders[1])
    (folders[1] / "case.json").write_text((folders[0] / "case.json").read_text().replace('"first"', '"second"'))
    for folder in folders:
        with Case.open(folder) as case:
            if folder.name == "b":
                case.decide(2, "monocyte", "Bob")
            case.sign_off("Ada")
    found = signed_cells(folders)
    taught = [(each.label, each.case) for each in found.cells]
    assert taught == [("neutrophil", "first"), ("monocyte", "first"), ("neutrophil", "S-1")]
    assert found.left_out == {
        "cell that another case has too": 2,
        "cell to which cases give different labels": 2,
    }
    assert len(signed_cells([folders[0], folders[0]]).cells) == 3


def test_only_signed_cases_are_learned_from(tmp_path: Path, edgewbc: Callable[..., Ran]) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")])
    ran = edgewbc("data", "manifest", "cases", folder, "--to", tmp_path / "m")
    assert (ran.code, "is not signed, and only signed cases are learned from" in ran.err) == (2, True)
    found = signed_cells([tmp_path])
    assert (found.cells, found.left_out) == ([], {"cell of a case that is not signed": 1})
    ran = edgewbc("data", "manifest", "cases", tmp_path, "--to", tmp_path / "m")
    assert ran.code == 2
    ran = edgewbc("data", "manifest", "cases", tmp_path / "case-images", "--to", tmp_path / "m")
    assert (ran.code, "is not a case and contains none" in ran.err) == (2, True)
    with Case.open(folder) as case:
        case.sign_off("Ada")
    next((tmp_path / "case-images").iterdir()).unlink()
    ran = edgewbc("data", "manifest", "cases", folder, "--to", tmp_path / "m")
    assert (ran.code, "is missing: put the images back" in ran.err) == (2, True)
    ran = edgewbc("data", "manifest", "folder", folder, folder, "--to", tmp_path / "m")
    assert (ran.code, "takes one folder or file" in ran.err) == (2, True)


def test_a_signed_case_is_a_set_of_labeled_cells(tmp_path: Path) -> None:
    """With the box of each cell of a field; labels that are no class of the bundle are skipped."""
    signed(tmp_path / "cases" / "a", "A", "neutrophil")
    for source in (tmp_path / "cases" / "a", tmp_path / "cases"):
        found = labeled_files(source, CLASSES)
        assert [CLASSES[each.label] for each in found] == ["neutrophil", "lymphocyte", "eosinophil"]
        cells = signed_cells([tmp_path / "cases" / "a"]).cells
        assert [(each.path, each.box) for each in found] == [
            (each.image, each.box) for each in cells if each.label in CLASSES
        ]
    with pytest.raises(UserError, match="no signed cell of a class of the bundle; it has basophil"):
        labeled_files(tmp_path / "cases", ["basophil"])
