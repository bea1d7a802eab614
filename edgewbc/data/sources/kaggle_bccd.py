"""The public copy of the poster's augmented set: 12,515 images drawn from BCCD, in TRAIN, TEST and TEST_SIMPLE.

The set was drawn in early 2017 by a notebook in https://github.com/dhruvp/wbc-classification (`augment_data.ipynb`) and
is distributed on Kaggle. The originals were split first. Then each class of each split went through its own Keras
generator, one image at a time, which saved `_<k>_<n>.jpeg`: k is the position in the generator's order, n a random
number. The Keras of that time shuffled such a generator only once (fixed in March 2017 by
https://github.com/keras-team/keras/pull/5883), so within a split and a class k identifies the original. This is
inferred from dates and code, because the set does not record its Keras version. TRAIN's 7 and TEST's 7 are different
images.

TEST_SIMPLE holds the originals of TEST at a smaller size: 13 eosinophils, 6 lymphocytes, 4 monocytes, 48 neutrophils.
They were drawn by other generators with their own order, so k does not tell which images of TEST they show. Therefore:

`official`: TRAIN, with validation taken from it by whole originals, and TEST. TEST_SIMPLE is left out. No image of TEST
    is in train whatever k means: the protocol to rely on, and the default.
`grouped`: TRAIN and TEST are divided again by whole originals, identified by k. TEST_SIMPLE is left out, because an
    original could be in another split than its copies.
`poster`: all 12,515 images at random, as on the research poster that `bench.poster` reproduces. Groups are not used.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from edgewbc.cells import POSTER_CLASSES
from edgewbc.data.sources.scan import (
    Cell,
    SourceCells,
    images_below,
    is_visible_folder,
    normalize_label,
    not_selected,
    require_folder,
)
from edgewbc.errors import UserError

CITATION = (
    "Mooney P., Blood Cell Images, https://www.kaggle.com/datasets/paultimothymooney/blood-cells; drawn by "
    "Parthasarathy D., https://github.com/dhruvp/wbc-classification, from Shenggan, BCCD_Dataset, "
    "https://github.com/Shenggan/BCCD_Dataset"
)
LICENSE = "MIT (that of BCCD_Dataset)"

SIDES: Final = {"TRAIN": "train", "TEST": "test"}
SIMPLE: Final = "TEST_SIMPLE"
CONTENTS = "the folders TRAIN and TEST of the augmented BCCD set, each with a folder per class"
_NAME = re.compile(r"_(\d+)_\d+\.jpe?g", re.IGNORECASE)
_DEPTH = 4  # levels below the given folder in which to look for TRAIN; in the archive it is three levels deep


def find(folder: Path, classes: Sequence[str] | None = None, simple: bool = False) -> SourceCells:
    """Find the images with their split and their original as group, such as `train/eosinophil/12`.

    Args:
        folder: folder with TRAIN, TEST and usually TEST_SIMPLE, in upper or lower case.
        classes: class names to include, by default the poster's four; others are counted in `left_out`.
        simple: include TEST_SIMPLE, each image as a group of its own; otherwise it is counted in `left_out`.

    Raises:
        UserError: a folder is missing, is nested deeper or is not a class of the set, a file name does not tell the
            original, or a class has no image.
    """
    tops = _tops(require_folder(folder, CONTENTS))
    wanted = tuple(classes) if classes is not None else POSTER_CLASSES
    left_out: Counter[str] = Counter()
    cells: list[Cell] = []
    for name in (*SIDES, SIMPLE):
        for label, image in _images(tops[name], left_out) if name in tops else ():
            match = _NAME.fullmatch(image.name)
            if match is None:
                raise UserError(f"{image}: not a file of this set (_<original>_<number>.jpeg): move it away")
            if label not in wanted:
                left_out[not_selected(label)] += 1
            elif name == SIMPLE and not simple:
                left_out[f"{SIMPLE}: originals of TEST without a known counterpart"] += 1
            else:
                group = f"{name.lower()}/{label}/{int(match.group(1))}"
                cells.append(Cell(image.relative_to(folder).as_posix(), label, group, split=SIDES.get(name)))
    for label in wanted:
        if not any(cell.label == label for cell in cells):
            raise UserError(f"{folder}: no images of class {label!r} in TRAIN or TEST: remove it from --classes")
    return SourceCells(cells, left_out, CITATION, LICENSE)


def _tops(folder: Path) -> dict[str, Path]:
    """Return the folders TRAIN, TEST and TEST_SIMPLE by name. Raises UserError if TRAIN or TEST is missing."""
    tops = {path.name.upper(): path for path in _below(folder)}
    if SIDES.keys() <= tops.keys():
        return tops
    level = _below(folder)
    for _ in range(_DEPTH):
        for path in level:
            if SIDES.keys() <= {inner.name.upper() for inner in _below(path)}:
                raise UserError(f"{folder}: TRAIN and TEST are in {path}: name that folder")
        level = [inner for path in level for inner in _below(path)]
    missing = next(name for name in SIDES if name not in tops)
    raise UserError(f"{folder}: no folder {missing} in it or below it; expected {CONTENTS}")


def _below(folder: Path) -> list[Path]:
    """Return the visible subfolders by name."""
    return sorted(path for path in folder.iterdir() if is_visible_folder(path))


def _images(top: Path, left_out: Counter[str]) -> list[tuple[str, Path]]:
    """Return class and path of each image; other files are counted. Raises UserError for a folder of another class."""
    found = []
    for path in _below(top):
        label = normalize_label(path.name)
        if label not in POSTER_CLASSES:
            raise UserError(f"{path}: not a class of this set ({', '.join(POSTER_CLASSES)}): move it away")
        below = images_below(path)
        left_out += below.left_out
        found += [(label, image) for image in below.paths]
    return found
