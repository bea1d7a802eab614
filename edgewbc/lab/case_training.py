"""What signed cases teach: the cells with the labels that people answer for, for a manifest of training images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.errors import UserError
from edgewbc.lab.case import Case
from edgewbc.lab.case_labels import BLAST
from edgewbc.pixels import Box
from edgewbc.utils.files import sha256

CELL_TYPES = (*CLASSES, *OTHER_CLASSES)
"""Labels that are used unless others are named; `blast` may be named too. The other labels are not types of cells."""


@dataclass(frozen=True)
class TrainingCell:
    """A cell of a signed case.

    Attributes:
        image: its file.
        label: that was signed.
        case: id of the case, which must not be divided among train, validation and test.
        box: of the cell in pixels; None where the image shows one cell.
    """

    image: Path
    label: str
    case: str
    box: Box | None


@dataclass(frozen=True)
class TrainingCells:
    """The cells of signed cases.

    Attributes:
        cells: in the order of the cases.
        left_out: number of cells that are not used, by reason.
    """

    cells: list[TrainingCell]
    left_out: Counter[str] = field(default_factory=Counter)


def signed_cells(folders: Iterable[Path]) -> TrainingCells:
    """Return the cells of signed cases, as they were signed last.

    Args:
        folders: of cases; a folder that is none is searched for cases one level below.

    Raises:
        UserError: a folder holds no case, a case is not signed, or an image is missing or not the one that was counted.
    """
    found = TrainingCells([])
    for folder in _cases(folders):
        case = Case.read(folder)
        if not case.signed:
            raise UserError(f"{folder}: is not signed, and only signed cases are learned from: leave it out")
        case.check_signed_files()
        checked: set[Path] = set()
        for cell in case.cells():
            if cell.excluded is not None and not cell.decided:
                found.left_out[f"cell {cell.excluded}"] += 1
            elif cell.label not in CELL_TYPES and cell.label != BLAST:
                found.left_out[f"cell with the label {cell.label!r}"] += 1
            else:
                if cell.image not in checked:
                    _check(cell.image, cell.image_sha256)
                    checked.add(cell.image)
                box = cell.box if cell.number else None
                found.cells.append(TrainingCell(cell.image, cell.label, case.info.case, box))
    return found


def _cases(folders: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        if (folder / "case.json").is_file():
            found.append(folder)
            continue
        below = sorted(path.parent for path in folder.glob("*/case.json"))
        if not below:
            raise UserError(f"{folder}: is not a case and contains none: name folders that `edgewbc count` made")
        found += below
    return found


def _check(image: Path, digest: str) -> None:
    try:
        same = sha256(image) == digest
    except OSError:
        raise UserError(f"{image}: is missing: put the images back where they were when they were counted") from None
    if not same:
        raise UserError(f"{image}: is not the image that was counted")
