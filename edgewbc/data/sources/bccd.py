"""BCCD: 364 fields of blood smears with VOC boxes, and the type of the cell by image number. The poster's data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from edgewbc.cells import POSTER_CLASSES
from edgewbc.data.sources import voc
from edgewbc.data.sources.scan import Cell, SourceCells, images_below, not_selected, read_rows, require_folder
from edgewbc.errors import UserError
from edgewbc.pixels import Box

CITATION = "Shenggan, BCCD_Dataset, https://github.com/Shenggan/BCCD_Dataset; type labels from the cosmicad data set"
LICENSE = "MIT"

# Detected by `edgewbc data audit` and confirmed by eye: both show the same field, one of them a little out of focus.
SAME_FIELD = {"JPEGImages/BloodImage_00038.jpg": "JPEGImages/BloodImage_00037.jpg"}


def find(folder: Path, classes: Sequence[str] | None = None) -> SourceCells:
    """Find one cell per box of a white blood cell, in the images whose type labels are unambiguous.

    An image is included if it has one label and one WBC box, or several equal labels and as many boxes. The group is
    the image, or the field if it was photographed twice.

    Args:
        folder: folder with JPEGImages, Annotations and labels.csv.
        classes: class names to include, by default the poster's four; others are counted in `left_out`.

    Raises:
        UserError: a folder, labels.csv or an annotation is missing or malformed, or a class has no image.
    """
    require_folder(folder / "JPEGImages", "BCCD's images")
    require_folder(folder / "Annotations", "BCCD's boxes as VOC XML")
    labels = _labels(folder / "labels.csv")
    wanted = tuple(classes) if classes is not None else POSTER_CLASSES
    below = images_below(folder / "JPEGImages")
    left_out = below.left_out
    cells: list[Cell] = []
    for image in below.paths:
        match = re.fullmatch(r"BloodImage_(\d+)", image.stem)
        if match is None:
            left_out["name is not BloodImage_<number>"] += 1
            continue
        annotation = folder / "Annotations" / f"{image.stem}.xml"
        names = labels.get(int(match.group(1)), [])
        boxes = wbc_boxes(annotation)
        reason = _ambiguous(names, boxes, wanted)
        if reason:
            left_out[reason] += 1
            continue
        path = image.relative_to(folder).as_posix()
        cells += [Cell(path, names[0], SAME_FIELD.get(path, path), box=box) for box in boxes]
    if not cells and not left_out:
        raise UserError(f"{folder / 'JPEGImages'}: no images in this folder; expected BCCD's images")
    for name in wanted:
        if not any(cell.label == name for cell in cells):
            raise UserError(f"{folder}: no image with an unambiguous label of class {name!r}: remove it from --classes")
    return SourceCells(cells, left_out, CITATION, LICENSE)


def _ambiguous(names: Sequence[str], boxes: Sequence[Box], wanted: Sequence[str]) -> str:
    """Return why an image is left out; an empty string if it is not."""
    if not names:
        return "no type label"
    if not boxes:
        return "no WBC box"
    if len(set(names)) > 1:
        return "labels of several types"
    if len(names) != len(boxes):
        return "number of labels is not the number of WBC boxes"
    if names[0] not in wanted:
        return not_selected(names[0])
    return ""


def _labels(path: Path) -> dict[int, list[str]]:
    """Return the type names by image number; an empty list for an empty category."""
    found: dict[int, list[str]] = {}
    for row in read_rows(path, ("Image", "Category")):
        if not row["Image"].isdecimal():
            raise UserError(f"{path}: {row['Image']!r} is not the number of an image")
        found[int(row["Image"])] = [name.strip().lower() for name in row["Category"].split(",") if name.strip()]
    return found


def wbc_boxes(path: Path) -> list[Box]:
    """Read the boxes of white blood cells from a VOC annotation: left, top, width and height in pixels.

    Raises:
        UserError: the file is missing, is not an annotation, has a DOCTYPE, or a box has no area.
    """
    return [each.box for each in voc.read(path, only=("WBC",))]
