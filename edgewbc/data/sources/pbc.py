"""PBC_dataset_normal_DIB (Barcelona) and the published split of its five white-blood-cell types (WBCAtt)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgewbc.cells import CLASSES
from edgewbc.data.manifest import SPLITS
from edgewbc.data.sources.scan import Cell, Found, need_folder, pictures_below, read_rows
from edgewbc.errors import UserError

PICTURES = "PBC_dataset_normal_DIB"
CITATION = (
    "Acevedo A. et al., A dataset of microscopic peripheral blood cell images for development of automatic recognition "
    "systems, Data in Brief 30 (2020) 105474, Mendeley Data 10.17632/snkd93bnjr.1"
)
SPLIT_CITATION = "; split: Tsutsui S. et al., WBCAtt, NeurIPS 2023 Datasets and Benchmarks"
LICENCE = "CC BY 4.0"

# Found by `edgewbc data audit`, then by eye: the second shows the same cell as the first, taken anew.
SAME_CELL = {
    f"{PICTURES}/eosinophil/EO_409717.jpg": f"{PICTURES}/eosinophil/EO_246684.jpg",
    f"{PICTURES}/monocyte/MO_415531.jpg": f"{PICTURES}/monocyte/MO_231316.jpg",
}


def find(folder: Path, classes: Sequence[str] | None = None, published: bool = True) -> Found:
    """Cells of PBC: as the published CSVs have them, in their order, or all pictures by path.

    The names carry no patient, so the group is the picture, copies of which share one. Where the split is drawn here,
    two pictures of one cell share one too.

    Args:
        folder: holds PBC_dataset_normal_DIB and, for the published split, splits/{train,val,test}.csv.
        classes: to take; the five white-blood-cell types by default. Others are left out and counted.
        published: take what splits/ lists, with its side.

    Raises:
        UserError: a folder, a CSV or a picture that a CSV names is missing, or a class has no pictures.
    """
    need_folder(folder / PICTURES, "PBC's folders of pictures, one per class")
    wanted = tuple(classes) if classes is not None else CLASSES
    left_out: Counter[str] = Counter()
    found = _published(folder) if published else _all(folder)
    cells = []
    for cell in found:
        if cell.label in wanted:
            cells.append(cell)
        else:
            left_out[f"class {cell.label} was not asked for"] += 1
    for name in wanted:
        if classes is not None and not any(cell.label == name for cell in cells):
            raise UserError(f"{folder / PICTURES}: no pictures of class {name!r}: leave it out of --classes")
    return Found(cells, left_out, CITATION + SPLIT_CITATION * published, LICENCE)


def _published(folder: Path) -> list[Cell]:
    if not (folder / "splits").is_dir():
        raise UserError(
            f"{folder / 'splits'}: no such folder; the published split needs its train.csv, val.csv and test.csv "
            "(or take --protocol grouped)"
        )
    cells: list[Cell] = []
    seen: set[str] = set()
    for side in SPLITS:
        table = folder / "splits" / f"{side}.csv"
        for row in read_rows(table, ("path", "label")):
            path = row["path"]
            if Path(path).is_absolute() or ".." in Path(path).parts:
                raise UserError(f"{table}: {path} lies outside of {folder}")
            if path in seen:
                raise UserError(f"{table}: {path} is named twice in the published split")
            if not (folder / path).is_file():
                raise UserError(f"{folder / path}: no such picture, and {table} names it: complete the data set")
            seen.add(path)
            cells.append(Cell(path, row["label"].lower(), split=side))
    return cells


def _all(folder: Path) -> list[Cell]:
    tops = sorted(top for top in (folder / PICTURES).iterdir() if top.is_dir() and not top.name.startswith("."))
    paths = [(p.relative_to(folder).as_posix(), top.name.lower()) for top in tops for p in pictures_below(top)]
    return [Cell(path, label, SAME_CELL.get(path, "")) for path, label in paths]
