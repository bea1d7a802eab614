"""The source yolo: a text file of boxes per image."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.data.sources import make
from edgewbc.data.sources.label_map import LabelMap
from edgewbc.errors import UserError
from tests.data.conftest import Put
from tests.data.sources.box_files import SIZE, write


@pytest.fixture
def yolo(put: Put, image_folder: Path) -> Path:
    """Two classes in train, val and test, one image each with two boxes, and an image without boxes."""
    for number, side in enumerate(("train", "val", "test")):
        put(f"images/{side}/{side}.png", seed=number, size=SIZE)
        write(image_folder / f"labels/{side}/{side}.txt", "0 0.5 0.5 0.25 0.5\n1 0.1 0.1 0.3 0.1 0.3 0.4\n")
    put("images/train/empty.png", seed=9)
    write(image_folder / "labels/train/empty.txt", "")
    put("images/train/unlabeled.png", seed=10)
    write(image_folder / "data.yaml", "train: images/train\nnames: {0: Seg, 1: Ly}\n")
    return image_folder


def test_yolo(yolo: Path) -> None:
    """Boxes are in pixels, a polygon has its bounding box, the side is that of the folder, the group is the image."""
    made = make("yolo", yolo)
    assert (made.protocol, made.classes) == ("published", ("Ly", "Seg"))
    found = {(entry.path, entry.label): entry for entry in made.entries}
    seg = found["images/test/test.png", "Seg"]
    assert (seg.box, seg.split, seg.group) == ((15, 5, 10, 10), "test", "images/test/test.png")
    assert found["images/val/val.png", "Ly"].box == pytest.approx((4, 2, 8, 6))
    assert made.provenance.left_out == {"image without a file of boxes": 1, "image without boxes": 1}
    mapped = make("yolo", yolo, label_map=LabelMap.parse("Seg=neutrophil"), classes=["neutrophil"])
    assert mapped.classes == ("neutrophil",)
    grouped = make("yolo", yolo, protocol="external", group_pattern=r"/(\w)\w+\.png")
    assert {entry.group for entry in grouped.entries} == {"t", "v"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 0.1 0.1", "line 1: class 2 has no name; the names are Seg, Ly"),
        ("0 50 50 10 10", "line 1: expected numbers from 0 to 1"),
        ("0 0.5 0.5", "line 1: expected a class and x, y, width, height"),
        ("Seg 0.5 0.5 0.1 0.1", "line 1: expected a class number"),
        ("0 0.5 0.5 0 0.1", "a box of class 'seg' has no area"),
    ],
)
def test_yolo_errors(yolo: Path, line: str, message: str) -> None:
    """A malformed box names the file and the line."""
    write(yolo / "labels/val/val.txt", line)
    with pytest.raises(UserError, match=message):
        make("yolo", yolo)


def test_yolo_names_in_a_text_file(yolo: Path) -> None:
    """classes.txt is read where there is no data.yaml; without either, there are no classes."""
    (yolo / "data.yaml").unlink()
    with pytest.raises(UserError, match="no class names: add data.yaml"):
        make("yolo", yolo)
    write(yolo / "classes.txt", "Zelle (gro\u00df)\natyp. Ly\n")
    assert make("yolo", yolo).classes == ("Zelle (gro\u00df)", "atyp. Ly")
