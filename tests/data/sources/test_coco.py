"""The source coco: JSON files of boxes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from tests.data.conftest import Put
from tests.data.sources.box_files import SIZE, write


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
    assert (made.protocol, made.classes, len(made.entries)) == ("published", ("Ly", "Seg"), 6)
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
    with pytest.raises(UserError, match="not COCO annotations: category_id 7 is not among the categories"):
        call()


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([1, 2, 3], r"not COCO annotations: bbox \[1, 2, 3\]: expected four numbers"),
        (["a", 2, 3, 4], r"not COCO annotations: bbox .*: expected four numbers"),
        (None, r"not COCO annotations: bbox None: expected four numbers"),
        ([1, 2, 0, 0], r"a.png: a box of class 'seg' has no area"),
        ([500, 2, 8, 9], r"a.png: the box 500, 2, 8, 9 .* of class 'seg' is outside of the image of "),
        ([1e308, 2, 1e308, 9], r"is outside of the image of "),
    ],
)
def test_boxes_that_cannot_be(put: Put, image_folder: Path, box: object, message: str) -> None:
    put("a.png", size=SIZE)
    wrong = coco(["a.png"])
    wrong["annotations"][0]["bbox"] = box
    wrong["annotations"][0].pop("iscrowd", None)
    wrong["annotations"][0]["category_id"] = next(c["id"] for c in wrong["categories"] if c["name"].lower() == "seg")
    write(image_folder / "cells.json", json.dumps(wrong))
    with pytest.raises(UserError, match=message):
        make("coco", image_folder, annotations=image_folder / "cells.json", protocol="external")
