"""Labels out of a case and back: as decisions of a person, all of them or none, and as a table."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgewbc.cases import label_exchange
from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cells import CELL_TYPES
from edgewbc.errors import UserError
from edgewbc.interop.labels import LabeledImage, LabelForm
from edgewbc.lab import labeled_cells
from edgewbc.lab.results import Status
from tests.cases.cases import cell, make_case

MIXED = [
    cell("neutrophil"),
    cell("lymphocyte"),
    cell("monocyte", Status.REVIEW),
    cell("neutrophil", excluded=Exclusion.OVERLAP),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_case(tmp_path / "case", MIXED)


def label_studio_export(to: Path, labels: dict[int, str]) -> list[LabeledImage]:
    """Label some tasks, by their place, as a person would in Label Studio; return what is read from its export."""
    tasks = json.loads((to / "label-studio.json").read_text(encoding="utf-8"))
    for place, label in labels.items():
        result = [{"type": "choices", "value": {"choices": [label]}}]
        tasks[place]["annotations"] = [{"result": result, "was_cancelled": False}]
    (to / "export.json").write_text(json.dumps(tasks), encoding="utf-8")
    return label_exchange.read(to / "export.json")


def test_of_an_unsigned_case_only_decisions_are_labels(folder: Path, tmp_path: Path) -> None:
    with Case.open(folder) as case:
        case.decide(2, "blast", "Ada")
    found = label_exchange.source_of(folder)
    assert [(each.label, each.suggestion) for each in found.images] == [
        ("", "neutrophil"), ("blast", "lymphocyte"), ("", "monocyte"),
    ]  # fmt: skip
    label_exchange.export(found, LabelForm.LABEL_STUDIO, tmp_path / "to")
    names = sorted(path.relative_to(tmp_path / "to").as_posix() for path in (tmp_path / "to").rglob("*.*"))
    assert names == [
        "cells/000001.png", "cells/000002.png", "cells/000003.png", "label-studio.json", "label-studio.xml",
    ]  # fmt: skip
    with pytest.raises(UserError, match="exists already"):
        label_exchange.export(found, LabelForm.LABEL_STUDIO, tmp_path / "to")


def test_labels_become_decisions(folder: Path, tmp_path: Path) -> None:
    """Abbreviations and case do not matter; what the cell is already is not recorded again."""
    label_exchange.export(label_exchange.source_of(folder), LabelForm.LABEL_STUDIO, tmp_path / "to")
    images = label_studio_export(tmp_path / "to", {0: "neutrophil", 1: "Blast", 2: "MON"})
    with Case.open(folder) as case:
        found = label_exchange.into_case(images, case, "Ada", "labels of export.json")
        assert (dict(found.changed), found.same, found.unlabeled) == ({"blast": 1, "monocyte": 1}, 1, 0)
        assert [(each.result, each.old, each.new, each.who, each.why) for each in case.decisions] == [
            (2, "lymphocyte", "blast", "Ada", "labels of export.json"),
            (3, "monocyte", "monocyte", "Ada", "labels of export.json"),
        ]
        assert case.open_cells == []
        again = label_exchange.into_case(images, case, "Ada", "again")
        assert (dict(again.changed), again.same) == ({}, 3)
        case.sign_off("Ada")
    assert [each.label for each in label_exchange.source_of(folder).images] == ["neutrophil", "blast", "monocyte"]


def test_a_signed_case_needs_a_reason(folder: Path, tmp_path: Path) -> None:
    with Case.open(folder) as case:
        case.decide(3, "monocyte", "Ada")
        case.sign_off("Ada")
    label_exchange.export(label_exchange.source_of(folder), LabelForm.FIFTYONE, tmp_path / "to")
    values = json.loads((tmp_path / "to" / "labels.json").read_text(encoding="utf-8"))
    assert [values["classes"][label] for label in values["labels"].values()] == ["neutrophil", "lymphocyte", "monocyte"]
    values["labels"]["000001"] = values["classes"].index("blast")
    (tmp_path / "to" / "labels.json").write_text(json.dumps(values), encoding="utf-8")
    images = label_exchange.read(tmp_path / "to")
    with Case.open(folder) as case:
        with pytest.raises(UserError, match="give the reason of the correction"):
            label_exchange.into_case(images, case, "Ada", "")
        assert dict(label_exchange.into_case(images, case, "Ada", "seen again").changed) == {"blast": 1}
        assert case.version == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"label": "martian"}, "'martian' is not a label of a cell: use one of neutrophil"),
        ({"file": "cells/000009.png", "sha256": ""}, "000009.png is not a cell of"),
        ({"sha256": "00" * 32}, "000001.png is not a cell of"),
        ({"case": "S-2"}, "is of the case S-2, not of S-1"),
        ({"file": "cells/000002.png", "sha256": ""}, "000002.png occurs twice"),
    ],
)
def test_one_wrong_label_and_nothing_is_recorded(
    change: dict[str, Any], why: str, folder: Path, tmp_path: Path
) -> None:
    label_exchange.export(label_exchange.source_of(folder), LabelForm.LABEL_STUDIO, tmp_path / "to")
    first, *others = label_studio_export(tmp_path / "to", {0: "blast", 1: "blast", 2: "blast"})
    with Case.open(folder) as case:
        with pytest.raises(UserError, match=why):
            label_exchange.into_case([*others, replace(first, **change)], case, "Ada", "labels")
        assert case.decisions == []


def test_an_altered_crop_is_not_exported(folder: Path, tmp_path: Path) -> None:
    (folder / "crops" / "000002.png").write_bytes(b"other")
    with pytest.raises(UserError, match="000002.png: was altered"):
        label_exchange.export(label_exchange.source_of(folder), LabelForm.FIFTYONE, tmp_path / "to")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("form", LabelForm)
def test_a_table_goes_out_and_comes_back(form: LabelForm, folder: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    names = [f"case-images/cell-{number:03d}.png" for number in (1, 2, 3)]
    rows = zip(names, ["neutrophil", "", "monocyte"], strict=True)
    table.write_text("path,label\n" + "".join(f"{name},{label}\n" for name, label in rows))
    label_exchange.export(label_exchange.source_of(table), form, tmp_path / "to")
    images = label_exchange.read(tmp_path / "to")
    back = tmp_path / "back.csv"
    found = label_exchange.to_table(images, tmp_path / "to", back)
    assert dict(found.changed) == {"neutrophil": 1, "monocyte": 1}
    read = labeled_cells.find(back, CELL_TYPES)
    assert [CELL_TYPES[each.label] for each in read] == ["neutrophil", "monocyte"]
    assert read[0].path.read_bytes() == (tmp_path / names[0]).read_bytes()
    with pytest.raises(UserError, match=r"back.csv: exists already"):
        label_exchange.to_table(images, tmp_path / "to", back)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a\\b.png", "gone.png", "a\0b"])
def test_images_outside_of_the_folder_or_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(b"x")
    (tmp_path / "in").mkdir()
    with pytest.raises(UserError, match="outside of the folder|no such image"):
        label_exchange.to_table([LabeledImage(name, "blast")], tmp_path / "in", tmp_path / "labels.csv")
    assert not (tmp_path / "labels.csv").exists()


def test_what_is_no_source_and_no_export(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is neither a case"):
        label_exchange.source_of(tmp_path)
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(
        UserError, match=r"x.json: is not an export of Label Studio or FiftyOne: it has no object `labels`"
    ):
        label_exchange.read(tmp_path / "x.json")
