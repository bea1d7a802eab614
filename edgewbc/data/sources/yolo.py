"""Images with YOLO boxes: a text file per image with `class x y width height`, relative to the image's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from edgewbc.data.sources import boxes
from edgewbc.data.sources.boxes import Annotated, LabeledBox
from edgewbc.data.sources.scan import SourceCells, images_below, require_folder
from edgewbc.errors import UserError
from edgewbc.utils.optional import need

NAME_FILES: Final = ("classes.txt", "obj.names", "labels.txt", "classes.names")
"""Files with one class name per line, in the order of the class numbers."""

CONTENTS: Final = "images, a text file of boxes for each, and data.yaml or classes.txt with the class names"


def find(folder: Path, group_pattern: str | None = None) -> SourceCells:
    """Find a cell per box.

    The boxes of `images/train/a.jpg` are in `labels/train/a.txt`, or beside it in `a.txt`. Class names are in a YAML
    file with the key `names`, or one per line in classes.txt. The split is that which a folder in the path names
    (train, val or test). A polygon (more
    than four numbers) is taken by its bounding box.

    Args:
        folder: folder of the data set.
        group_pattern: regular expression whose first capture group, searched for in the path, names the group.

    Raises:
        UserError: class names are missing, or a file of boxes is malformed.
    """
    names = class_names(require_folder(folder, CONTENTS))
    below = images_below(folder)
    left_out = below.left_out
    for suffix in (".txt", ".yaml", ".yml", ".names", ".cache"):
        del left_out[f"not a supported image format ({suffix})"]
    found = []
    for image in below.paths:
        file = _label_file(image, folder)
        if file is None:
            left_out["image without a file of boxes"] += 1
            continue
        found.append(Annotated(image.relative_to(folder).as_posix(), tuple(_boxes(file, image, names))))
    return boxes.cells(folder, found, left_out, group_pattern)


def class_names(folder: Path) -> Mapping[int, str]:
    """Return the class names by number.

    Raises:
        UserError: there is no file with them, or it is malformed.
    """
    for path in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
        yaml = need("yaml", "the source yolo")
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
        names = values.get("names") if isinstance(values, dict) else None
        if isinstance(names, list):
            return {number: str(name) for number, name in enumerate(names)}
        if isinstance(names, dict) and all(isinstance(number, int) for number in names):
            return {number: str(name) for number, name in names.items()}
    for name in NAME_FILES:
        for path in (folder / name, folder / "labels" / name):
            if path.is_file():
                lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
                return {number: line.strip() for number, line in enumerate(lines) if line.strip()}
    raise UserError(f"{folder}: no class names: add data.yaml with `names`, or classes.txt with one name per line")


def _label_file(image: Path, folder: Path) -> Path | None:
    """Return the file of an image's boxes: in `labels` where the image is in `images`, else beside it."""
    relative = list(image.relative_to(folder).with_suffix(".txt").parts)
    for place in range(len(relative) - 2, -1, -1):
        if relative[place].lower() == "images":
            other = folder.joinpath(*relative[:place], "labels", *relative[place + 1 :])
            if other.is_file():
                return other
    beside = image.with_suffix(".txt")
    return beside if beside.is_file() and beside.name not in NAME_FILES else None


def _boxes(file: Path, image: Path, names: Mapping[int, str]) -> list[LabeledBox]:
    """Return the boxes of a file, in pixels of its image.

    Raises:
        UserError: the file or the image cannot be read, or a line is malformed.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    rows = [(number, line.split()) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        return []
    width, height = boxes.image_size(image)
    found = []
    for number, words in rows:
        where = f"{file}: line {number}"
        try:
            index, values = int(words[0]), [float(word) for word in words[1:]]
        except ValueError:
            raise UserError(f"{where}: expected a class number and numbers, found {' '.join(words)[:80]!r}") from None
        if index not in names:
            raise UserError(f"{where}: class {index} has no name; the names are {', '.join(names.values())}")
        if not all(-0.01 <= value <= 1.01 for value in values):
            raise UserError(f"{where}: expected numbers from 0 to 1, relative to the image's size")
        left, top, wide, tall = _rectangle(values, where)
        found.append(LabeledBox(names[index], (left * width, top * height, wide * width, tall * height)))
    return found


def _rectangle(values: Sequence[float], where: str) -> tuple[float, float, float, float]:
    """Return left, top, width and height of a box given by its center, or of a polygon.

    Args:
        values: x, y, width and height (and a confidence), or x and y of three points or more.
        where: file and line, for the error.

    Raises:
        UserError: there are as many numbers as neither has.
    """
    if len(values) in (4, 5):  # the fifth is a confidence
        x, y, wide, tall = values[:4]
        return x - wide / 2, y - tall / 2, wide, tall
    if len(values) >= 6 and len(values) % 2 == 0:
        xs, ys = values[::2], values[1::2]
        return min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)
    raise UserError(f"{where}: expected a class and x, y, width, height, or a class and a polygon")
