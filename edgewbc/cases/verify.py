"""Check that nothing in a case was altered: the journal's chains and checksums, its files, its images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgewbc.cases.case import Case
from edgewbc.cases.file import CASE, CELLS, CROPS, JOURNAL, CaseInfo, CellIndex
from edgewbc.cases.snapshot import read_problems
from edgewbc.errors import UserError
from edgewbc.utils import text
from edgewbc.utils.files import sha256


@dataclass(frozen=True)
class Verified:
    """What a check of a case found.

    Attributes:
        problems: a line for each thing that was altered or is missing; empty if the case is intact.
        notes: what could not be checked, a line each.
        checked: what was checked, in words.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]
    checked: str


def verify(folder: Path) -> Verified:
    """Check a case.

    Checked are the structure of the journal; the checksum of each result; the hash chains of decisions and sign-offs;
    that what was signed is what there is, case details and list of cells included; the crops; and the images, as far as
    they are still where they were. Until the first signature, case details, list of cells and the number of decisions
    have nothing to be compared with: a note says so.

    Raises:
        UserError: the folder is not a case, or counting has not ended.
    """
    CaseInfo.read(folder)
    index = CellIndex.read(folder)
    problems = read_problems(folder / JOURNAL)
    problems += _crops(folder, index)
    try:
        case = Case.read(folder)
    except UserError as error:
        return Verified(tuple(problems or [str(error)]), (), "")
    problems += _signed_files(folder, case)
    changed, missing = _images(case)
    gone = text.count(missing, "image file is", "image files are")
    notes = [f"{gone} no longer in place, and could not be compared"] if missing else []
    if not case.sign_offs:
        notes.append(
            f"not signed yet: {CASE} and {CELLS} have no hash until a signature covers them, nor would it show if the "
            "last decisions had been removed"
        )
    counts = {"cell": len(index.cells), "decision": len(case.decisions), "signature": len(case.sign_offs)}
    checked = f"{', '.join(text.count(n, name) for name, n in counts.items())}: {case.state}"
    return Verified((*problems, *changed), tuple(notes), checked)


def _crops(folder: Path, index: CellIndex) -> Iterator[str]:
    for cell in index.cells:
        if not cell.crop:
            continue
        try:
            altered = sha256(folder / CROPS / cell.crop) != cell.crop_sha256
        except OSError:
            yield f"{CROPS}/{cell.crop}: is missing or cannot be read"
            continue
        if altered:
            yield f"{CROPS}/{cell.crop}: was altered"


def _signed_files(folder: Path, case: Case) -> Iterator[str]:
    """Compare the case's files with the hashes that were signed last: they may not change after the first sign-off."""
    for number, signed in enumerate(case.sign_offs, 1):
        for name in (CASE, CELLS):
            if signed.hashes.get(name) != sha256(folder / name):
                yield f"{name}: is not what sign-off {number} of {signed.who} at {signed.at} covers"


def _images(case: Case) -> tuple[list[str], int]:
    """Return a line for each image that is another file now, and how many are not where they were."""
    files = {cell.image: cell.image_sha256 for cell in case.cells() if cell.image_sha256}
    changed, missing = [], 0
    for path, digest in files.items():
        try:
            if sha256(path) != digest:
                changed.append(f"{path}: is not the image that was counted")
        except OSError:
            missing += 1
    return changed, missing
