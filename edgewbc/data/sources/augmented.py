"""Images that `edgewbc data augment` drew; the group of each is the original that it was drawn from.

A set that was drawn from synthetic cells keeps the source `synthetic`: accuracy on it says nothing about real cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewbc.data.augmented_set import FACTS, ORIGINALS
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.data.sources.scan import (
    Cell,
    SourceCells,
    check_relative,
    normalize_label,
    not_selected,
    read_rows,
    require_folder,
)
from edgewbc.errors import UserError
from edgewbc.utils.files import read_json


def find(folder: Path, classes: Sequence[str] | None = None) -> SourceCells:
    """Find the drawn images, with their originals as groups.

    Args:
        folder: folder with originals.csv, augmented.json and the images.
        classes: class names to include; None includes all.

    Raises:
        UserError: a file is missing or malformed or names an image outside of the folder, or a class has no image.
    """
    require_folder(folder, "the output of `edgewbc data augment MANIFEST --to DIR`")
    if not (folder / ORIGINALS).is_file():
        raise UserError(f"{folder}: no {ORIGINALS}: create the set with `edgewbc data augment MANIFEST --to {folder}`")
    described = read_json(folder / FACTS, "the description of an augmented set")
    rows = read_rows(folder / ORIGINALS, ("path", "label", "group"))
    left_out: Counter[str] = Counter()
    cells = []
    for row in rows:
        label = normalize_label(row["label"])
        if classes is not None and label not in classes:
            left_out[not_selected(label)] += 1
        else:
            check_relative(row["path"], folder / ORIGINALS, folder)
            cells.append(Cell(row["path"], label, row["group"], name=row["label"]))
    for name in classes or ():
        if not any(cell.label == name for cell in cells):
            raise UserError(f"{folder / ORIGINALS}: no image of class {name!r}: remove it from --classes")
    source = SYNTHETIC if described.get("source") == SYNTHETIC else ""
    citation, license = str(described.get("citation", "")), str(described.get("license", described.get("licence", "")))
    return SourceCells(cells, left_out, citation, license, source)
