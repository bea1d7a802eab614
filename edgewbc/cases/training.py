"""What signed cases teach: the cells with the labels that people answer for, to train a network or adapt a bundle.

One slide may have several cases, of two observers for example. Then a cell is used once, and only if they agree on it;
and all of these cases are one group, so that no image is on two sides of a split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgewbc.cases.case import Case
from edgewbc.cases.file import CASE
from edgewbc.cases.labels import BLAST
from edgewbc.cells import CELL_TYPES
from edgewbc.errors import UserError
from edgewbc.lab import labeled_cells
from edgewbc.lab.labeled_cells import LabeledFile
from edgewbc.pixels import Box
from edgewbc.utils.files import sha256


@dataclass(frozen=True)
class TrainingCell:
    """A cell of a signed case.

    Attributes:
        image: its file.
        label: that was signed.
        case: id of the case, or of the first of the cases with an image in common; it must not be divided among train,
            validation and test.
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


@dataclass(frozen=True)
class _Seen:
    """A cell, with the folder of its case and the SHA-256 of its image."""

    cell: TrainingCell
    folder: Path
    image_sha256: str


def signed_cells(folders: Iterable[Path]) -> TrainingCells:
    """Return the cells of signed cases, as they were signed last.

    Args:
        folders: of cases; a folder that is none is searched for cases one level below, of which those that are not
            signed are left out.

    Raises:
        UserError: a folder holds no case, a case that is named is not signed, or an image is missing or not the one
            that was counted.
    """
    found = TrainingCells([])
    seen: list[_Seen] = []
    named = list(folders)
    for folder in _cases(named):
        case = Case.read(folder)
        if not case.signed and folder not in named:
            found.left_out["cell of a case that is not signed"] += len(case.cells())
            continue
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
                example = TrainingCell(cell.image, cell.label, case.info.case, box)
                seen.append(_Seen(example, folder, cell.image_sha256))
    found.cells.extend(_once(_grouped(seen), found.left_out))
    return found


def labeled_files(source: Path, classes: Sequence[str]) -> list[LabeledFile]:
    """Return the labeled cells of a signed case, of a folder of cases, or of what `labeled_cells.find` reads.

    Of cases, those labels are used that were signed (see `signed_cells`) and are a class of the bundle.

    Args:
        source: case, folder or table.
        classes: of the bundle.

    Raises:
        UserError: the cases have no signed cell of a class of the bundle, or as `signed_cells` or `labeled_cells.find`.
    """
    if not source.is_dir() or not cases_of(source):
        return labeled_cells.find(source, classes)
    known, key = labeled_cells.class_indices(classes), labeled_cells.name_key
    cells = signed_cells([source]).cells
    found = [LabeledFile(cell.image, known[key(cell.label)], cell.box) for cell in cells if key(cell.label) in known]
    if not found:
        raise UserError(f"{source}: no signed cell of a class of the bundle; it has {', '.join(classes)}")
    return found


def _grouped(seen: Iterable[_Seen]) -> list[_Seen]:
    """Give cases with an image in common the id of the first of them."""
    seen = list(seen)
    first: dict[str, str] = {}  # of a case, one before it in its group
    owner: dict[str, str] = {}

    def root(case: str) -> str:
        while first.setdefault(case, case) != case:
            case = first[case]
        return case

    for each in seen:
        before = owner.setdefault(each.image_sha256, each.cell.case)
        if root(before) != root(each.cell.case):
            first[root(each.cell.case)] = root(before)
    return [replace(each, cell=replace(each.cell, case=root(each.cell.case))) for each in seen]


def _once(seen: Iterable[_Seen], left_out: Counter[str]) -> list[TrainingCell]:
    """Return each cell once; those on which cases disagree are left out."""
    kept: dict[str, list[_Seen]] = {}
    disputed: set[int] = set()
    for each in seen:
        of_image = kept.setdefault(each.image_sha256, [])
        others = (other for other in of_image if other.folder != each.folder)
        twin = next((other for other in others if _same(other.cell.box, each.cell.box)), None)
        if twin is None:
            of_image.append(each)
        elif twin.cell.label == each.cell.label:
            left_out["cell that another case has too"] += 1
        else:
            left_out["cell to which cases give different labels"] += 1 + (id(twin) not in disputed)
            disputed.add(id(twin))
    return [each.cell for of_image in kept.values() for each in of_image if id(each) not in disputed]


def _same(one: Box | None, other: Box | None) -> bool:
    """Return whether two boxes are of one cell: each has the middle of the other in it."""
    if one is None or other is None:
        return one is other
    return _holds_middle(one, other) and _holds_middle(other, one)


def _holds_middle(one: Box, other: Box) -> bool:
    left, top, width, height = other
    return 0 <= left + width / 2 - one[0] <= one[2] and 0 <= top + height / 2 - one[1] <= one[3]


def cases_of(folder: Path) -> list[Path]:
    """Return a folder that is a case, or else the cases one level below."""
    return [folder] if (folder / CASE).is_file() else sorted(path.parent for path in folder.glob(f"*/{CASE}"))


def _cases(folders: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        cases = cases_of(folder)
        if not cases:
            raise UserError(f"{folder}: is not a case and contains none: name folders that `edgewbc count` made")
        found += cases
    return list({folder.resolve(): folder for folder in found}.values())


def _check(image: Path, digest: str) -> None:
    try:
        same = sha256(image) == digest
    except OSError:
        raise UserError(f"{image}: is missing: put the images back where they were when they were counted") from None
    if not same:
        raise UserError(f"{image}: is not the image that was counted")
