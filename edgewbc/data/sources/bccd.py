"""BCCD: 364 smear fields with VOC boxes, and the type of the cell by picture number. The poster's data."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewbc.cells import POSTER_CLASSES
from edgewbc.data.sources.scan import Cell, Found, need_folder, pictures_below, read_rows
from edgewbc.errors import UserError
from edgewbc.pixels import Box

CITATION = "Shenggan, BCCD_Dataset, https://github.com/Shenggan/BCCD_Dataset; type labels from the cosmicad data set"
LICENCE = "MIT"

# Found by `edgewbc data audit`, then by eye: the second shows the same field as the first, a little out of focus.
SAME_FIELD = {"JPEGImages/BloodImage_00038.jpg": "JPEGImages/BloodImage_00037.jpg"}


def find(folder: Path, classes: Sequence[str] | None = None) -> Found:
    """One cell per box of a white blood cell, of the pictures whose type labels are unambiguous.

    A picture is taken when it has one label and one WBC box, or several equal labels and as many boxes. The group is
    the picture, or the field where it was taken twice.

    Args:
        folder: holds JPEGImages, Annotations and labels.csv.
        classes: to take; the poster's four by default. Others are left out and counted.

    Raises:
        UserError: a folder, labels.csv or an annotation is missing or malformed, or a class has no pictures.
    """
    need_folder(folder / "JPEGImages", "BCCD's pictures")
    need_folder(folder / "Annotations", "BCCD's boxes as VOC XML")
    labels = _labels(folder / "labels.csv")
    wanted = tuple(classes) if classes is not None else POSTER_CLASSES
    left_out: Counter[str] = Counter()
    cells: list[Cell] = []
    for picture in pictures_below(folder / "JPEGImages"):
        match = re.fullmatch(r"BloodImage_(\d+)", picture.stem)
        if match is None:
            left_out["name is not BloodImage_<number>"] += 1
            continue
        annotation = folder / "Annotations" / f"{picture.stem}.xml"
        names = labels.get(int(match.group(1)), [])
        boxes = wbc_boxes(annotation)
        reason = _ambiguous(names, boxes, wanted)
        if reason:
            left_out[reason] += 1
            continue
        path = picture.relative_to(folder).as_posix()
        cells += [Cell(path, names[0], SAME_FIELD.get(path, path), box=box) for box in boxes]
    if not cells and not left_out:
        raise UserError(f"{folder / 'JPEGImages'}: no pictures in it: it should hold BCCD's pictures")
    for name in wanted:
        if not any(cell.label == name for cell in cells):
            raise UserError(f"{folder}: no picture of class {name!r} and one clear label: leave it out of --classes")
    return Found(cells, left_out, CITATION, LICENCE)


def _ambiguous(names: Sequence[str], boxes: Sequence[Box], wanted: Sequence[str]) -> str:
    """Why a picture is left out; empty if it is not."""
    if not names:
        return "no type label"
    if not boxes:
        return "no WBC box"
    if len(set(names)) > 1:
        return "labels of several types"
    if len(names) != len(boxes):
        return "number of labels is not the number of WBC boxes"
    if names[0] not in wanted:
        return f"class {names[0]} was not asked for"
    return ""


def _labels(path: Path) -> dict[int, list[str]]:
    """Type names by picture number; none for an empty category."""
    found: dict[int, list[str]] = {}
    for row in read_rows(path, ("Image", "Category")):
        if not row["Image"].isdecimal():
            raise UserError(f"{path}: {row['Image']!r} is not a picture's number")
        found[int(row["Image"])] = [name.strip().lower() for name in row["Category"].split(",") if name.strip()]
    return found


class _NoDoctype(ET.TreeBuilder):
    """Refuses a document type: without one a file can declare no entities, and so cannot blow up or read others."""

    def doctype(self, name: str, public: str, system: str) -> None:
        raise ValueError(f"it has a DOCTYPE ({name}), which an annotation does not need")


def wbc_boxes(path: Path) -> list[Box]:
    """Boxes of the white blood cells of a VOC annotation: left, top, width, height in pixels, in the file's order.

    Raises:
        UserError: the file is missing, is not such XML, has a DOCTYPE, or a box has no area.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): complete the data set") from None
    try:
        tree = ET.fromstring(data, ET.XMLParser(target=_NoDoctype()))  # noqa: S314 - no DOCTYPE, so no entities
        boxes: list[Box] = []
        for thing in tree.iter("object"):
            if (thing.findtext("name") or "").strip() != "WBC":
                continue
            x0, y0, x1, y1 = (float(thing.findtext(f"bndbox/{s}") or "") for s in ("xmin", "ymin", "xmax", "ymax"))
            if not (x1 > x0 and y1 > y0):
                raise ValueError("a WBC box has no area")
            boxes.append((x0, y0, x1 - x0, y1 - y0))
    except (ET.ParseError, ValueError) as error:
        raise UserError(f"{path}: not a VOC annotation: {error}") from None
    return boxes
