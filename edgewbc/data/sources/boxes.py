"""What the sources with annotated boxes share: images, their boxes with a label, sides and groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edgewbc.data.sources import sides
from edgewbc.data.sources.scan import Cell, SourceCells, compile_group, group_of, normalize_label
from edgewbc.errors import UserError
from edgewbc.images import headers
from edgewbc.pixels import Box


@dataclass(frozen=True)
class LabeledBox:
    """One annotated cell: its label, and left, top, width and height in pixels."""

    label: str
    box: Box


@dataclass(frozen=True)
class Annotated:
    """The boxes of one image.

    Attributes:
        path: of the image, relative to the source's folder, with forward slashes.
        boxes: in the order of the file; empty if it has none.
        side: that the data set assigns the image to; None takes it from the path.
    """

    path: str
    boxes: tuple[LabeledBox, ...]
    side: str | None = None


def cells(
    folder: Path, images: Iterable[Annotated], left_out: Counter[str], group_pattern: str | None = None
) -> SourceCells:
    """Return a cell for each box; images without any are counted in `left_out`.

    All cells of an image have its group: what `group_pattern` finds in the path, else the image itself.

    Raises:
        UserError: there are no boxes, a box has no area, or the pattern is malformed or does not match a path.
    """
    pattern = None if group_pattern is None else compile_group(group_pattern)
    found: list[Cell] = []
    for image in images:
        side = image.side or sides.of_path(image.path)
        group = "" if pattern is None else group_of(image.path, pattern, folder)
        if not image.boxes:
            left_out["image without boxes"] += 1
        for each in image.boxes:
            label = normalize_label(each.label)
            if not label:
                raise UserError(f"{folder / image.path}: a box has no label")
            if not (each.box[2] > 0 and each.box[3] > 0):
                raise UserError(f"{folder / image.path}: a box of class {label!r} has no area: correct it")
            found.append(Cell(image.path, label, group, box=each.box, split=side, name=each.label))
    if not found:
        raise UserError(f"{folder}: no boxes with a class were found")
    return SourceCells(found, +left_out)


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image in pixels as it is shown, after the rotation that its EXIF data asks for.

    Raises:
        UserError: it cannot be read, or is not an image.
    """
    try:
        header = headers.read(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}: remove it and its boxes") from None
    turned = header.orientation >= 5
    return (header.height, header.width) if turned else (header.width, header.height)
