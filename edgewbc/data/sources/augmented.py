"""Pictures that `edgewbc data augment` drew: each one's group is the original that it was drawn from.

A set that was drawn from synthetic cells stays synthetic: an accuracy on it says nothing about real cells either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewbc.data.augmented_set import FACTS, ORIGINALS
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.data.sources.scan import Cell, Found, need_folder, read_rows
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json


def find(folder: Path, classes: Sequence[str] | None = None) -> Found:
    """The drawn pictures, with their originals as groups.

    Args:
        folder: holds originals.csv, augmented.json and the pictures.
        classes: to take; all by default.

    Raises:
        UserError: a file is missing or malformed, names a picture outside of the folder, or a class has no pictures.
    """
    need_folder(folder, "what `edgewbc data augment MANIFEST --to DIR` draws")
    if not (folder / ORIGINALS).is_file():
        raise UserError(f"{folder}: no {ORIGINALS}: draw the set with `edgewbc data augment MANIFEST --to {folder}`")
    facts = read_json(folder / FACTS, "what was drawn")
    rows = read_rows(folder / ORIGINALS, ("path", "label", "group"))
    left_out: Counter[str] = Counter()
    cells = []
    for row in rows:
        if classes is not None and row["label"] not in classes:
            left_out[f"class {row['label']} was not asked for"] += 1
        else:
            if Path(row["path"]).is_absolute() or ".." in Path(row["path"]).parts:
                raise UserError(f"{folder / ORIGINALS}: {row['path']} lies outside of {folder}")
            cells.append(Cell(row["path"], row["label"], row["group"]))
    for name in classes or ():
        if not any(cell.label == name for cell in cells):
            raise UserError(f"{folder / ORIGINALS}: no picture of class {name!r}: leave it out of --classes")
    source = SYNTHETIC if facts.get("source") == SYNTHETIC else ""
    return Found(cells, left_out, str(facts.get("citation", "")), str(facts.get("licence", "")), source)
