"""Pictures that `edgewbc data augment` drew: each one's group is the original that it was drawn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewbc.data.enlarge import FACTS, ORIGINALS
from edgewbc.data.sources.scan import Cell, Found, read_rows
from edgewbc.errors import UserError
from edgewbc.files import read_json


def find(folder: Path, classes: Sequence[str] | None = None) -> Found:
    """The drawn pictures, with their originals as groups.

    Args:
        folder: holds originals.csv, augmented.json and the pictures.
        classes: to take; all by default.

    Raises:
        UserError: a file is missing or malformed, or a class has no pictures.
    """
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
            cells.append(Cell(row["path"], row["label"], row["group"]))
    for name in classes or ():
        if not any(cell.label == name for cell in cells):
            raise UserError(f"{folder / ORIGINALS}: no picture of class {name!r}: leave it out of --classes")
    return Found(cells, left_out, str(facts.get("citation", "")), str(facts.get("licence", "")))
