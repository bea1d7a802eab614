"""Tests of `edgewbc.data.sources.bccd`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.sources import make
from edgewbc.data.sources.bccd import wbc_boxes
from edgewbc.errors import UserError
from tests.data.conftest import Put, voc, write_csv


@pytest.fixture
def bccd(put: Put, image_folder: Path) -> Path:
    """Fields with unambiguous labels of four types, and one of each kind that is excluded."""
    rows = [",Image,Category"]
    types = ("NEUTROPHIL", "LYMPHOCYTE", "MONOCYTE", "EOSINOPHIL")
    one = ("WBC", 2, 3, 12, 18)

    def field(number: int, category: str, *boxes: tuple[str, int, int, int, int]) -> None:
        put(f"JPEGImages/BloodImage_{number:05d}.png", seed=number)
        (image_folder / "Annotations").mkdir(exist_ok=True)
        (image_folder / f"Annotations/BloodImage_{number:05d}.xml").write_text(voc(boxes))
        rows.append(f',{number},"{category}"')

    for i in range(12):
        field(i, types[i % 4], one, ("RBC", 0, 0, 5, 5))
    field(20, "NEUTROPHIL, NEUTROPHIL", one, ("WBC", 1, 1, 4, 9))
    field(21, "NEUTROPHIL,EOSINOPHIL", one, one)
    field(22, "NEUTROPHIL", one, one)
    field(23, "", one)
    field(24, "NEUTROPHIL", ("RBC", 1, 1, 2, 2))
    field(25, "BASOPHIL", one)
    write_csv(image_folder / "labels.csv", rows)
    return image_folder


def test_bccd_uses_unambiguous_cells(bccd: Path) -> None:
    """One entry per WBC box; ambiguous images are excluded, each with its reason."""
    manifest = make("bccd", bccd)
    assert manifest.protocol == "grouped"
    assert manifest.classes == ("neutrophil", "lymphocyte", "monocyte", "eosinophil")
    assert len(manifest.entries) == 14
    two = [e for e in manifest.entries if e.path.endswith("00020.png")]
    assert {e.box for e in two} == {(2, 3, 10, 15), (1, 1, 3, 8)}
    assert {e.group for e in two} == {"JPEGImages/BloodImage_00020.png"}
    assert len({e.split for e in two}) == 1
    assert manifest.provenance.left_out == {
        "class basophil not selected": 1,
        "labels of several types": 1,
        "no WBC box": 1,
        "no type label": 1,
        "number of labels is not the number of WBC boxes": 1,
    }


def test_bccd_poster_keeps_boxes_of_an_image_together(bccd: Path) -> None:
    """Boxes of one image are in the same split, also with poster."""
    manifest = make("bccd", bccd, protocol="poster", seed=3)
    assert len({e.split for e in manifest.entries if e.path.endswith("00020.png")}) == 1
    assert sum(manifest.counts()["test"].values()) in (3, 4)


def test_bccd_classes_on_request(bccd: Path) -> None:
    """Basophils are used if selected; one is too few for three splits."""
    with pytest.raises(UserError, match="'basophil' has 1 group "):
        make("bccd", bccd, classes=["basophil", "neutrophil"])
    manifest = make("bccd", bccd, classes=["basophil", "neutrophil"], protocol="poster")
    assert manifest.classes == ("neutrophil", "basophil")


def test_bccd_errors(bccd: Path) -> None:
    """Errors for a malformed table and for a missing annotation name the file."""
    (bccd / "Annotations/BloodImage_00003.xml").unlink()
    with pytest.raises(UserError, match=r"BloodImage_00003\.xml: cannot be read"):
        make("bccd", bccd)
    write_csv(bccd / "labels.csv", [",Image,Category", ",first,NEUTROPHIL"])
    with pytest.raises(UserError, match=r"labels\.csv: 'first' is not the number of an image"):
        make("bccd", bccd)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (voc([], '<!DOCTYPE a [<!ENTITY e "boom">]>'), "DOCTYPE"),
        (voc([("WBC", 5, 5, 5, 9)]), "no area"),
        ("<annotation><object><name>WBC</name></object></annotation>", "could not convert"),
        ("<annotation>", "no element found"),
        ("", "no element found"),
    ],
)
def test_annotations_that_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    """A DOCTYPE, a box without area or without corners, and broken XML are errors that name the file."""
    path = tmp_path / "a.xml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"a\.xml: not a VOC annotation: .*{reason}"):
        wbc_boxes(path)


@pytest.mark.data
def test_bccd_real_counts(real_data: Path) -> None:
    """Of 364 fields, 345 have an unambiguous label; they show 351 cells; two images of one field are one group."""
    manifest = make("bccd", real_data / "bccd")
    assert len(manifest.entries) == 351
    assert sum(manifest.provenance.left_out.values()) == 19
    assert len({entry.group for entry in manifest.entries}) == 344


def test_bccd_as_another_laboratory(bccd: Path) -> None:
    """With the protocol `external` every cell is in test."""
    assert {entry.split for entry in make("bccd", bccd, protocol="external").entries} == {"test"}


def test_boxes_of_other_things_do_not_matter(tmp_path: Path) -> None:
    """The data set has a box of a red cell without area."""
    path = tmp_path / "a.xml"
    path.write_text(voc([("RBC", 5, 5, 5, 9), ("WBC", 2, 3, 12, 18)]))
    assert wbc_boxes(path) == [(2, 3, 10, 15)]
