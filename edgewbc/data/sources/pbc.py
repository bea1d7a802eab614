"""PBC_dataset_normal_DIB (Barcelona) and the published split of its five white-blood-cell types (WBCAtt).

Three further folders hold immature granulocytes, erythroblasts and platelets; tables of the same form split them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.data.manifest import SPLITS, Protocol
from edgewbc.data.sources.scan import (
    Cell,
    SourceCells,
    check_relative,
    images_below,
    is_visible_folder,
    not_selected,
    read_rows,
    require_folder,
)
from edgewbc.errors import UserError

IMAGES = "PBC_dataset_normal_DIB"
CITATION = (
    "Acevedo A. et al., A dataset of microscopic peripheral blood cell images for development of automatic recognition "
    "systems, Data in Brief 30 (2020) 105474, Mendeley Data 10.17632/snkd93bnjr.1"
)
SPLIT_CITATION = "; split: Tsutsui S. et al., WBCAtt, NeurIPS 2023 Datasets and Benchmarks"
LICENSE = "CC BY 4.0"

# Detected by `edgewbc data audit` and confirmed by eye: both show the same cell, photographed twice.
SAME_CELL = {
    f"{IMAGES}/eosinophil/EO_409717.jpg": f"{IMAGES}/eosinophil/EO_246684.jpg",
    f"{IMAGES}/monocyte/MO_415531.jpg": f"{IMAGES}/monocyte/MO_231316.jpg",
}


NAMES = {"ig": "immature granulocyte"}
"""Class names of folders and tables that are abbreviations."""


def find(folder: Path, classes: Sequence[str] | None = None, protocol: Protocol = Protocol.PUBLISHED) -> SourceCells:
    """Find the cells of PBC: those of the published split in its order, or all images by path.

    The file names do not tell the patient, so each image is a group; copies share one. If the split is drawn here, two
    images of the same cell share one too.

    Args:
        folder: folder with PBC_dataset_normal_DIB and, for the published split, splits/{train,val,test}.csv; for
            eight classes also splits/eight_{train,val,test}.csv.
        classes: class names to include, by default the five white-blood-cell types, or the eight of `PUBLISHED8`;
            others are counted in `left_out`.
        protocol: `PUBLISHED` or `PUBLISHED8` use the images and the split that splits/ lists, others all images.

    Raises:
        UserError: a folder, a CSV or an image that a CSV lists is missing, or a class has no image.
    """
    require_folder(folder / IMAGES, "PBC's folders of images, one per class")
    eight, published = protocol == Protocol.PUBLISHED8, protocol in (Protocol.PUBLISHED, Protocol.PUBLISHED8)
    usual = CLASSES + OTHER_CLASSES * eight
    wanted = usual if classes is None else tuple(NAMES.get(name, name) for name in classes)
    tables = ("", "eight_") if eight else ("",)
    found, left_out = (_published(folder, tables), Counter[str]()) if published else _all(folder)
    cells = []
    for cell in found:
        if cell.label in wanted:
            cells.append(cell)
        else:
            left_out[not_selected(cell.label)] += 1
    for name in wanted:
        if (classes is not None or eight) and not any(cell.label == name for cell in cells):
            raise UserError(f"{folder / IMAGES}: no images of class {name!r}: remove it from --classes")
    return SourceCells(cells, left_out, CITATION + SPLIT_CITATION * published, LICENSE)


def _published(folder: Path, tables: Sequence[str]) -> list[Cell]:
    """Return the cells that the CSVs of the published split list; `tables` are what their names begin with."""
    if not (folder / "splits").is_dir():
        raise UserError(
            f"{folder / 'splits'}: no such folder; the published split needs its train.csv, val.csv and test.csv "
            "(or use --protocol grouped)"
        )
    cells: list[Cell] = []
    seen: set[str] = set()
    for side, kind in product(SPLITS, tables):
        table = folder / "splits" / f"{kind}{side}.csv"
        for row in read_rows(table, ("path", "label")):
            path = row["path"]
            check_relative(path, table, folder)
            if path in seen:
                raise UserError(f"{table}: {path} is listed twice in the published split")
            if not (folder / path).is_file():
                raise UserError(f"{folder / path}: no such image, but {table} lists it")
            seen.add(path)
            cells.append(Cell(path, _name(row["label"]), split=side))
    return cells


def _all(folder: Path) -> tuple[list[Cell], Counter[str]]:
    """Return all cells by path, and the number of files that are not images by reason."""
    cells, left_out = [], Counter[str]()
    for top in sorted(path for path in (folder / IMAGES).iterdir() if is_visible_folder(path)):
        below = images_below(top)
        left_out += below.left_out
        for image in below.paths:
            path = image.relative_to(folder).as_posix()
            cells.append(Cell(path, _name(top.name), SAME_CELL.get(path, "")))
    return cells, left_out


def _name(label: str) -> str:
    """Return the class name of a label."""
    lower = label.lower()
    return NAMES.get(lower, lower)
