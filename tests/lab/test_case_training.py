"""Manifests of signed cases: the labels that people signed, a case as a group, and nothing of an unsigned one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgewbc.data.manifest import Manifest
from edgewbc.lab.case import Case
from edgewbc.lab.case_cells import Exclusion
from edgewbc.lab.results import Status
from tests.conftest import Ran
from tests.lab.cases import cell, make_case


def signed(folder: Path, name: str, first: str) -> Path:
    cells = [cell(first), cell("lymphocyte"), cell("monocyte", Status.REVIEW), cell("neutrophil", Status.UNFAMILIAR)]
    cells += [cell("eosinophil", Status.REVIEW), cell("neutrophil", excluded=Exclusion.OVERLAP)]
    make_case(folder, cells, case=name)
    for number, image in enumerate(sorted(folder.with_name(f"{folder.name}-images").iterdir())):
        image.write_bytes(image.read_bytes())
        assert number < 6
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


def test_only_signed_cases_are_learned_from(tmp_path: Path, edgewbc: Callable[..., Ran]) -> None:
    folder = make_case(tmp_path / "case", [cell("neutrophil")])
    ran = edgewbc("data", "manifest", "cases", folder, "--to", tmp_path / "m")
    assert (ran.code, "is not signed, and only signed cases are learned from" in ran.err) == (2, True)
    ran = edgewbc("data", "manifest", "cases", tmp_path / "case-images", "--to", tmp_path / "m")
    assert (ran.code, "is not a case and contains none" in ran.err) == (2, True)
    with Case.open(folder) as case:
        case.sign_off("Ada")
    next((tmp_path / "case-images").iterdir()).unlink()
    ran = edgewbc("data", "manifest", "cases", folder, "--to", tmp_path / "m")
    assert (ran.code, "is missing: put the images back" in ran.err) == (2, True)
    ran = edgewbc("data", "manifest", "folder", folder, folder, "--to", tmp_path / "m")
    assert (ran.code, "takes one folder or file" in ran.err) == (2, True)
