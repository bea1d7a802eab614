"""Tests of `edgewbc.data.sources.label_map`."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.sources import make
from edgewbc.data.sources.label_map import LabelMap
from edgewbc.errors import UserError
from tests.data.conftest import Put


@pytest.fixture
def cells(put: Put, image_folder: Path) -> Path:
    """Three images each of segmented and band neutrophils, lymphocytes and smudge cells."""
    for number, label in enumerate(("Seg", "Band", "Ly", "Smudge")):
        for i in range(3):
            put(f"{label}/{i}.png", seed=10 * number + i)
    return image_folder


def test_labels_are_merged_and_left_out(cells: Path) -> None:
    """Labels become classes, an empty class leaves a label out, and --classes selects from the classes."""
    mapping = LabelMap.parse("Seg=Neutrophil, band = neutrophil,Smudge=")
    made = make("folder", cells, label_map=mapping)
    assert made.classes == ("neutrophil", "Ly")
    assert sum(entry.label == "neutrophil" for entry in made.entries) == 6
    assert made.provenance.left_out == {"label smudge is mapped to nothing": 3}
    assert make("folder", cells, label_map=mapping, classes=["neutrophil"]).classes == ("neutrophil",)
    with pytest.raises(UserError, match="no cell of class 'seg' in --classes; found ly, neutrophil"):
        make("folder", cells, label_map=mapping, classes=["seg"])


def test_a_class_is_named_as_the_map_names_it(cells: Path) -> None:
    """Labels that it does not name keep their own names."""
    made = make("folder", cells, label_map=LabelMap.parse("SEG=Neutro,band=neutro,smudge= Rest "))
    assert made.classes == ("Ly", "Neutro", "Rest")
    assert {entry.label for entry in made.entries} == {*made.classes}


def test_yaml(cells: Path, tmp_path: Path) -> None:
    """A file maps a label to a class, or lists the labels of a class; `no` is a name and not a truth value."""
    file = tmp_path / "map.yaml"
    file.write_text("neutrophil: [Seg, Band]\nLy: no\nSmudge:\n", encoding="utf-8")
    assert LabelMap.parse(str(file)).classes == {"seg": "neutrophil", "band": "neutrophil", "ly": "no", "smudge": ""}
    assert make("folder", cells, label_map=LabelMap.parse(str(file))).classes == ("neutrophil", "no")
    file.write_text("a: {b: c}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"map.yaml: a: must be a class, or a list of labels"):
        LabelMap.parse(str(file))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Seg=a,Band", "'Band' has no '='"),
        ("=a", "a label is empty"),
        ("Seg=a,seg=b", "'seg' is mapped twice"),
        ("nowhere.yaml", "cannot be read"),
    ],
)
def test_malformed(text: str, message: str) -> None:
    """A malformed value is an error of one line."""
    with pytest.raises(UserError, match=message):
        LabelMap.parse(text)


def test_a_label_that_does_not_occur_is_a_typing_error(cells: Path) -> None:
    """The closest label is suggested; sources that have classes of their own take no map."""
    with pytest.raises(UserError, match="no cell has the label 'smuge'; did you mean 'smudge'"):
        make("folder", cells, label_map=LabelMap.parse("Smuge=x"))
    with pytest.raises(UserError, match="--map is only for the sources folder, table"):
        make("synthetic", cells, label_map=LabelMap.parse("a=b"))
