"""Cells that a lab has labeled: one folder per class, or a table of image files with their labels."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewbc.cells import SHORT
from edgewbc.errors import UserError
from edgewbc.images import discover
from edgewbc.pixels import Box
from edgewbc.utils.tables import read_table

TABLE = "labels.csv"
"""File of a folder that holds the labels of its images."""
PATH, LABEL = "path", "label"
"""Columns of a table."""
SKIPPED = ("", "?", "skip")
"""Labels of cells that are left out: nobody knows, or nobody has looked yet."""


@dataclass(frozen=True)
class LabeledFile:
    """A cell with the index of its class.

    Attributes:
        path: of its image.
        label: index of its class.
        box: of the cell in pixels, where its image shows others too; None for an image of one cell.
    """

    path: Path
    label: int
    box: Box | None = None


def find(source: Path, classes: Sequence[str]) -> list[LabeledFile]:
    """Return the labeled cells of a folder or a table, sorted as they come.

    A folder holds one folder per class, with images at any depth; if it holds a `labels.csv` instead, that is read. A
    table (CSV) has the columns `path`, relative to the table's folder, and `label`. Rows without a label are skipped.
    Case does not matter, and the usual abbreviations (NEU, LYM, ...) are understood. Classes may be missing.

    Args:
        source: folder or table.
        classes: of the bundle.

    Raises:
        UserError: it does not exist, has no labeled cell, an image that is missing, or a class that the bundle does not
            know.
    """
    if source.is_dir():
        table = source / TABLE
        return _table(table, classes) if table.is_file() else _folders(source, classes)
    if not source.is_file():
        raise UserError(f"{source}: no such folder or table; expected one folder per class, or a CSV with the columns "
                        f"{PATH} and {LABEL}")  # fmt: skip
    return _table(source, classes)


def _folders(folder: Path, classes: Sequence[str]) -> list[LabeledFile]:
    known = class_indices(classes)
    found: list[LabeledFile] = []
    tops = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    tops = [path for path in tops if path.name.casefold() not in discover.SYSTEM_FOLDERS]
    for top in tops:
        label = known.get(name_key(top.name))
        if label is None:
            raise UserError(
                f"{top}: the bundle has no class {top.name!r}; it has {', '.join(classes)}: rename the folder, or move "
                "it elsewhere"
            )
        found += [LabeledFile(path, label) for path in sorted(discover.find([top]))]
    if not found:
        raise UserError(f"{folder}: no images in class folders: put the images of each class into a folder named after "
                        f"it ({', '.join(classes)})")  # fmt: skip
    return found


def _table(table: Path, classes: Sequence[str]) -> list[LabeledFile]:
    known = class_indices(classes)
    remedy = f"the first line must be {PATH},{LABEL}"
    seen: dict[str, int] = {}
    found: list[LabeledFile] = []
    for line, row in read_table(table, (PATH, LABEL), remedy, empty=(LABEL,)):
        where, name, label = f"{table}: line {line}", row[PATH].replace("\\", "/").removeprefix("./"), row[LABEL]
        if label.casefold() in SKIPPED:
            continue
        if name in seen:
            raise UserError(f"{where}: {name} is already in line {seen[name]}: list each image once")
        seen[name] = line
        if name_key(label) not in known:
            raise UserError(f"{where}: the bundle has no class {label!r}; it has {', '.join(classes)}. Leave the label "
                            "of any other cell empty")  # fmt: skip
        path = table.parent / name
        if not path.is_file():
            raise UserError(f"{where}: {path}: no such image")
        found.append(LabeledFile(path, known[name_key(label)]))
    if not found:
        raise UserError(f"{table}: no row has a label: fill in the column {LABEL}")
    return found


def class_indices(classes: Sequence[str]) -> dict[str, int]:
    """Return the index of each class by its name and its abbreviation, as `name_key` gives them."""
    short = {name_key(SHORT[name]): index for index, name in enumerate(classes) if name in SHORT}
    return short | {name_key(name): index for index, name in enumerate(classes)}


def name_key(name: str) -> str:
    """Return a name of a class as it is compared: without case, underscores and repeated spaces."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().replace("_", " ").split())
