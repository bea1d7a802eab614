"""Synthetic cases for tests: made without a network, from statuses and labels that a test chooses."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edgewbc.cases.case import Case
from edgewbc.cases.cells import Exclusion
from edgewbc.cases.file import CROPS, JOURNAL, CaseInfo, CellIndex, IndexedCell
from edgewbc.cells import CELL_TYPES
from edgewbc.images.encode import encode
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import ResultRow, Status
from edgewbc.pixels import Image
from edgewbc.synth.cells import draw_cell

MADE = "2026-11-28T09:00:00Z"


def cell(
    label: str, status: Status = Status.OK, excluded: Exclusion | None = None, name: str = ""
) -> tuple[str, Status, Exclusion | None, str]:
    """Return what `make_case` makes a cell of."""
    return label, status, excluded, name


def make_case(
    folder: Path,
    cells: Sequence[tuple[str, Status, Exclusion | None, str]],
    *,
    wbc: float | None = 7.2,
    case: str = "S-1",
    warning: str = "",
    classes: Sequence[str] = CELL_TYPES,
    drawn: bool = False,
    seed: int = 7,
    accession: str = "",
) -> Path:
    """Make a case whose images lie in `<folder>-images`; return its folder.

    Args:
        folder: to create.
        cells: see `cell`; each is an image of one cell.
        wbc, case, accession: details of the case.
        warning: see `CellIndex`.
        classes: of the bundle.
        drawn: draw the cells (slow); otherwise each is a small plain image.
        seed: of the images; the same gives the same images.
    """
    images = folder.with_name(f"{folder.name}-images")
    images.mkdir(parents=True)
    (folder / CROPS).mkdir(parents=True)
    settings = {"model_sha256": "ab" * 32, "classes": list(classes)}
    indexed = []
    with Journal(folder / JOURNAL, settings) as journal:
        for number, (label, status, excluded, name) in enumerate(cells, 1):
            image = _image(label, number, drawn, seed)
            path = images / (name or f"cell-{number:03d}.png")
            data = encode(image, ".png")
            path.write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            height, width = image.shape[:2]
            box = (width * 0.25, height * 0.25, width * 0.5, height * 0.5)
            reason = {Status.OK: "", Status.REVIEW: "probability 0.61 below 0.9"}.get(status, f"it is {status}")
            shares = dict.fromkeys(classes, 0.03) | {label: 0.79}
            row = ResultRow(str(path), label, 0.79, shares, status, reason, "ab" * 32, 0, box, sha256)
            if status == Status.ERROR:
                row = ResultRow(str(path), "", None, {}, status, reason, "ab" * 32, image_sha256=sha256)
            journal.add(row, FileVersion(len(data), number), sha256)
            crop = f"{number:06d}.png"
            (folder / CROPS / crop).write_bytes(data)
            window = (0.0, 0.0, float(width), float(height))
            indexed.append(
                IndexedCell(number, excluded, 1 if excluded == Exclusion.OVERLAP else 0, crop, sha256, window)
            )
    info = CaseInfo(
        case,
        MADE,
        by="A. Tester",
        wbc=wbc,
        accession=accession,
        images=(str(images),),
        bundle="tiny",
        bundle_sha256="cd" * 32,
        model_sha256="ab" * 32,
        precision="int8",
        profile_sha256="ef" * 32,
        settings=settings,
        versions={"edgewbc": "1.0", "python": "3.11"},
    )
    info.write(folder)
    CellIndex(tuple(indexed), warning, len(cells), 0).write(folder)
    return folder


def alter(folder: Path, statement: str) -> None:
    """Change the journal as someone would who knows SQLite: without the triggers, which are put back."""
    database = sqlite3.connect(folder / "case.journal")
    triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        database.execute(f"DROP TRIGGER {name}")
    database.execute(statement)
    for _, sql in triggers:
        database.execute(sql)
    database.commit()
    database.close()


def _image(label: str, number: int, drawn: bool, seed: int) -> Image:
    rng = np.random.default_rng([seed, number])
    if drawn:
        return draw_cell(label if label in CELL_TYPES else "monocyte", rng)
    image = np.full((12, 12, 3), 230, dtype=np.uint8)
    image[3:9, 3:9] = rng.integers(60, 180, 3)
    return image


def make_signed_case(folder: Path) -> Path:
    """Make a case of four cells that Ada signed after two decisions, one against the software; return its folder."""
    make_case(folder, [*[cell("neutrophil")] * 3, cell("monocyte", Status.REVIEW)])
    with Case.open(folder) as case:
        case.decide(4, "monocyte", "Ada")
        case.decide(1, "blast", "Ada", "sure")
        case.sign_off("Ada")
    return folder
