"""Tests of the sources with annotated boxes: yolo, voc and coco."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.data.sources.label_map import LabelMap
from edgewbc.errors import UserError
from tests.data.conftest import Put, voc

SIZE = (20, 40)  # height and width of the images


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


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
    assert (made.protocol, made.classes) == ("published", ("ly", "seg"))
    found = {(entry.path, entry.label): entry for entry in made.entries}
    seg = found["images/test/test.png", "seg"]
    assert (seg.box, seg.split, seg.group) == ((15, 5, 10, 10), "test", "images/test/test.png")
    assert found["images/val/val.png", "ly"].box == pytest.approx((4, 2, 8, 6))
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
    assert make("yolo", yolo).classes == ("atyp. ly", "zelle (gro\u00df)")


@pytest.mark.parametrize("beside", [True, False])
def test_voc(put: Put, image_folder: Path, beside: bool) -> None:
    """Annotations are beside the images or in Annotations; the lists of ImageSets are the sides."""
    for number, name in enumerate(("a", "b", "c", "d")):
        put(f"JPEGImages/{name}.png", seed=number, size=SIZE)
        place = "JPEGImages" if beside else "Annotations"
        write(image_folder / place / f"{name}.xml", voc([("Seg", 1, 2, 11, 12), ("Ly", 0, 0, 5, 6)]))
    for side, name in (("train", "a"), ("val", "b"), ("test", "c")):
        write(image_folder / "ImageSets" / "Main" / f"{side}.txt", f"{name}\n")
    made = make("voc", image_folder)
    assert [(e.path, e.label, e.box, e.split) for e in made.entries][:3] == [
        ("JPEGImages/a.png", "ly", (0, 0, 5, 6), "train"),
        ("JPEGImages/a.png", "seg", (1, 2, 10, 10), "train"),
        ("JPEGImages/b.png", "ly", (0, 0, 5, 6), "val"),
    ]
    assert made.provenance.left_out == {"image in no list of ImageSets": 1}


def coco(names: list[str], first: int = 1) -> dict[str, Any]:
    """Return annotations with two cells and a crowd per image."""
    images = [{"id": first + i, "file_name": name} for i, name in enumerate(names)]
    boxes = [
        {"image_id": image["id"], "category_id": category, "bbox": [category, 2, 8, 9], "iscrowd": int(category == 3)}
        for image in images
        for category in (1, 2, 3)
    ]
    categories = [{"id": 1, "name": "Seg"}, {"id": 2, "name": "Ly"}, {"id": 3, "name": "RBC"}]
    return {"images": images, "annotations": boxes, "categories": categories}


def test_coco_with_a_file_per_side(put: Put, image_folder: Path) -> None:
    """The side is in the name of the file; images are found by name below the folder."""
    for number, side in enumerate(("train", "val", "test")):
        put(f"{side}2017/{side}.png", seed=number, size=SIZE)
        write(image_folder / f"annotations/instances_{side}2017.json", json.dumps(coco([f"{side}.png"])))
    put("train2017/more.png", seed=8)
    made = make("coco", image_folder, annotations=image_folder / "annotations")
    assert (made.protocol, made.classes, len(made.entries)) == ("published", ("ly", "seg"), 6)
    assert made.entries[0].path == "test2017/test.png"
    assert (made.entries[0].box, made.entries[0].split) == ((1, 2, 8, 9), "test")
    assert made.provenance.left_out == {"annotation of a crowd": 3, "image that no annotation file names": 1}


def test_coco_errors(put: Put, image_folder: Path) -> None:
    """A file that is not a COCO file, and an image that is missing or named twice, are errors of one line."""
    put("a.png", size=SIZE)
    file = image_folder / "cells.json"
    call: Callable[[], Manifest] = lambda: make("coco", image_folder, annotations=file, protocol="external")  # noqa: E731
    write(file, "{}")
    with pytest.raises(UserError, match=r"cells.json: not COCO annotations: expected lists images"):
        call()
    write(file, json.dumps(coco(["b.png"])))
    with pytest.raises(UserError, match=r"b.png: no such image: name the folder of the images with --images"):
        call()
    write(file, json.dumps(coco(["a.png", "./a.png"])))
    with pytest.raises(UserError, match=r"a.png is named more than once"):
        call()
    wrong = coco(["a.png"])
    wrong["annotations"][0]["category_id"] = 7
    write(file, json.dumps(wrong))
    with pytest.raises(UserError, match="not COCO annotations: KeyError 7"):
        call()
