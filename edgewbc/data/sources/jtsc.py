"""JTSC: 300 single cells of another lab, stain and camera. For evaluation only, never for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewbc.cells import CLASSES
from edgewbc.data.sources.scan import Cell, Found, need_folder, pictures_below, read_rows
from edgewbc.errors import UserError

CITATION = (
    "Zheng X. et al., Fast and robust segmentation of white blood cell images by self-supervised learning, Micron 107 "
    "(2018) 55-71, data set 1 (Jiangxi Tecom), https://github.com/zxaoyou/segmentation_WBC"
)
LICENCE = "GPL-3.0; class labels by its authors, not double-checked"

LABELS = {"1": "neutrophil", "2": "lymphocyte", "3": "monocyte", "4": "eosinophil", "5": "basophil"}


def find(folder: Path, classes: Sequence[str] | None = None) -> Found:
    """Cells of the pictures `001.bmp`... that labels.csv (`image ID,class label`) names, in the order of its rows.

    Raises:
        UserError: labels.csv is missing or malformed, names a picture that is missing, or names none.
    """
    need_folder(folder, "JTSC's pictures (001.bmp ...) and labels.csv")
    wanted = tuple(classes) if classes is not None else CLASSES
    pictures = {int(p.stem): p for p in pictures_below(folder) if p.suffix.lower() == ".bmp" and p.stem.isdecimal()}
    table = folder / "labels.csv"
    left_out: Counter[str] = Counter()
    cells = []
    seen: set[int] = set()
    for row in read_rows(table, ("image ID", "class label")):
        name, code = row["image ID"].lower().removesuffix(".bmp"), row["class label"]
        if not name.isdecimal() or code not in LABELS:
            raise UserError(f"{table}: picture {row['image ID']!r} with class {code!r}: give a number and 1 to 5")
        number = int(name)
        if number in seen:
            raise UserError(f"{table}: picture {row['image ID']} is named twice")
        if number not in pictures:
            raise UserError(f"{folder / f'{number:03d}.bmp'}: no such picture, and {table} names it: complete the set")
        seen.add(number)
        if LABELS[code] in wanted:
            cells.append(Cell(pictures[number].relative_to(folder).as_posix(), LABELS[code]))
        else:
            left_out[f"class {LABELS[code]} was not asked for"] += 1
    unnamed = len(set(pictures) - seen)
    if unnamed:
        left_out["no label in labels.csv"] = unnamed
    if not cells:
        raise UserError(f"{table}: names no picture of the classes {', '.join(wanted)}")
    return Found(cells, left_out, CITATION, LICENCE)
