"""The poster's augmented set as it is public: 12,515 pictures drawn from BCCD, in the folders TRAIN, TEST, TEST_SIMPLE.

It was drawn once, in early 2017, by a script in https://github.com/dhruvp/wbc-classification (`augment_data.ipynb`),
and is known from Kaggle. The originals were split first; then each class of each side went through a Keras generator of
its own, one picture at a time, which saved `_<k>_<n>.jpeg`: k the place in the generator's order, n a random number.
The Keras of the time shuffled such a generator once and never again (https://github.com/keras-team/keras/pull/5883,
of March 2017, mended that), so within a split and a class k names the original: inferred from dates and code, since the
set itself does not say by which version it was drawn. TRAIN's 7 and TEST's 7 are two pictures.

TEST_SIMPLE holds the originals of TEST, only made smaller: 13 eosinophils, 6 lymphocytes, 4 monocytes, 48 neutrophils.
It came from other generators, with an order of their own, so its k does not tell which pictures of TEST it shows. That
decides what may be done with it:

`official`: TRAIN, a part of it for validation by whole originals, against TEST. TEST_SIMPLE is left out. Nothing of
    TEST is in train, whatever k means: the protocol to rely on, and the default.
`grouped`: TRAIN and TEST divided anew by whole originals, on the word of k. TEST_SIMPLE is left out, because an
    original could stand on another side than its copies.
`poster`: all 12,515 pictures at random, as the poster took them. Groups play no part in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edgewbc.cells import POSTER_CLASSES
from edgewbc.data.sources.scan import Cell, Found, need_folder, pictures_below
from edgewbc.errors import UserError

CITATION = (
    "Mooney P., Blood Cell Images, https://www.kaggle.com/datasets/paultimothymooney/blood-cells; drawn by "
    "Parthasarathy D., https://github.com/dhruvp/wbc-classification, from Shenggan, BCCD_Dataset, "
    "https://github.com/Shenggan/BCCD_Dataset"
)
LICENCE = "MIT (that of BCCD_Dataset)"

SIDES: Final = {"TRAIN": "train", "TEST": "test"}
SIMPLE: Final = "TEST_SIMPLE"
WHAT = "the folders TRAIN and TEST of the augmented BCCD set, each with a folder per class"
_NAME = re.compile(r"_(\d+)_\d+\.jpe?g", re.IGNORECASE)
_DEPTH = 4  # folders below the one named in which TRAIN is looked for; the archive nests it three deep


def find(folder: Path, classes: Sequence[str] | None = None, simple: bool = False) -> Found:
    """The pictures with their side and, as group, their original: `train/eosinophil/12`.

    Args:
        folder: holds TRAIN, TEST and, as a rule, TEST_SIMPLE; upper or lower case.
        classes: to take; the poster's four by default. Others are left out and counted.
        simple: take TEST_SIMPLE too, each picture a group of its own; else it is left out and counted.

    Raises:
        UserError: a folder is missing, is nested deeper or is of no class of the set, a picture's name does not tell
            its original, or a class has no pictures.
    """
    tops = _tops(need_folder(folder, WHAT))
    wanted = tuple(classes) if classes is not None else POSTER_CLASSES
    left_out: Counter[str] = Counter()
    cells: list[Cell] = []
    for name in (*SIDES, SIMPLE):
        for label, picture in _pictures(tops[name]) if name in tops else ():
            match = _NAME.fullmatch(picture.name)
            if match is None:
                raise UserError(f"{picture}: not a name of this set (_<original>_<number>.jpeg): move it away")
            if label not in wanted:
                left_out[f"class {label} was not asked for"] += 1
            elif name == SIMPLE and not simple:
                left_out[f"{SIMPLE}: originals of TEST, and it cannot be told of which pictures"] += 1
            else:
                group = f"{name.lower()}/{label}/{int(match.group(1))}"
                cells.append(Cell(picture.relative_to(folder).as_posix(), label, group, split=SIDES.get(name)))
    for label in wanted:
        if not any(cell.label == label for cell in cells):
            raise UserError(f"{folder}: no pictures of class {label!r} in TRAIN or TEST: leave it out of --classes")
    return Found(cells, left_out, CITATION, LICENCE)


def _tops(folder: Path) -> dict[str, Path]:
    """TRAIN, TEST and TEST_SIMPLE of the folder, by these names. Raises UserError without TRAIN or TEST."""
    tops = {path.name.upper(): path for path in _below(folder)}
    if SIDES.keys() <= tops.keys():
        return tops
    level = _below(folder)
    for _ in range(_DEPTH):
        for path in level:
            if SIDES.keys() <= {inner.name.upper() for inner in _below(path)}:
                raise UserError(f"{folder}: TRAIN and TEST are not here, but in {path}: name that folder")
        level = [inner for path in level for inner in _below(path)]
    missing = next(name for name in SIDES if name not in tops)
    raise UserError(f"{folder}: no folder {missing} in it or below: it should hold {WHAT}")


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _pictures(top: Path) -> list[tuple[str, Path]]:
    """Class in lower case and path of each picture. Raises UserError for a folder that is of no class of the set."""
    found = []
    for path in _below(top):
        label = path.name.lower()
        if label not in POSTER_CLASSES:
            raise UserError(f"{path}: not a class of this set ({', '.join(POSTER_CLASSES)}): move it away")
        found += [(label, picture) for picture in pictures_below(path)]
    return found
