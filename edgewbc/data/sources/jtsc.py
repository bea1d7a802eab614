"""JTSC: 300 single cells from another lab, stain and camera. Only for evaluation, never for training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewbc.cells import CLASSES
from edgewbc.data.sources.scan import Cell, SourceCells, images_below, not_selected, read_rows, require_folder
from edgewbc.errors import UserError

CITATION = (
    "Zheng X. et al., Fast and robust segmentation of white blood cell images by self-supervised learning, Micron 107 "
    "(2018) 55-71, data set 1 (Jiangxi Tecom), https://github.com/zxaoyou/segmentation_WBC"
)
LICENSE = "GPL-3.0; class labels by its authors, not double-checked"

LABELS = {"1": "neutrophil", "2": "lymphocyte", "3": "monocyte", "4": "eosinophil", "5": "basophil"}


def find(folder: Path, classes: Sequence[str] | None = None) -> SourceCells:
    """Find the cells that labels.csv (`image ID,class label`) lists, in its order; the images are `001.bmp` and so on.

    Args:
        folder: folder with the images and labels.csv.
        classes: class names to include, by default all five; others are counted in `left_out`.

    Raises:
        UserError: labels.csv is missing, malformed or empty, or lists an image that is missing.
    """
    require_folder(folder, "JTSC's images (001.bmp ...) and labels.csv")
    wanted = tuple(classes) if classes is not None else CLASSES
    paths = images_below(folder).paths
    images = {int(p.stem): p for p in paths if p.suffix.lower() == ".bmp" and p.stem.isdecimal()}
    table = folder / "labels.csv"
    left_out: Counter[str] = Counter()
    cells = []
    seen: set[int] = set()
    for row in read_rows(table, ("image ID", "class label")):
        name, code = row["image ID"].lower().removesuffix(".bmp"), row["class label"]
        if not name.isdecimal() or code not in LABELS:
            raise UserError(f"{table}: image {row['image ID']!r}, class {code!r}: expected a number and 1 to 5")
        number = int(name)
        if number in seen:
            raise UserError(f"{table}: image {row['image ID']} is listed twice")
        if number not in images:
            raise UserError(f"{folder / f'{number:03d}.bmp'}: no such image, but {table} lists it")
        seen.add(number)
        if LABELS[code] in wanted:
            cells.append(Cell(images[number].relative_to(folder).as_posix(), LABELS[code]))
        else:
            left_out[not_selected(LABELS[code])] += 1
    unnamed = len(set(images) - seen)
    if unnamed:
        left_out["no label in labels.csv"] = unnamed
    if not cells:
        raise UserError(f"{table}: lists no image of the classes {', '.join(wanted)}")
    return SourceCells(cells, left_out, CITATION, LICENSE)
