"""Cases of synthetic cells for the tests of the review page, made without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from edgewbc.cases.file import CROPS, JOURNAL, CaseInfo, CellIndex, IndexedCell
from edgewbc.cells import CLASSES
from edgewbc.images.encode import encode
from edgewbc.images.files import FileVersion
from edgewbc.lab.journal import Journal
from edgewbc.lab.results import ResultRow, Status
from edgewbc.pixels import Box
from edgewbc.synth.cells import draw_cell, draw_field

IN_FIELD = 8
"""Cells in each image."""
HASH = "5" * 64
_STATUS = (Status.OK, Status.REVIEW, Status.OK, Status.UNFAMILIAR)


def make_case(
    folder: Path,
    count: int = 12,
    *,
    status: Sequence[Status] = _STATUS,
    name: str = "S-17",
    image: str = "field-{:04d}.jpg",
    classes: Sequence[str] = CLASSES,
    warning: str = "",
) -> Path:
    """Write a case of fields with eight cells each; statuses and classes take turns.

    Args:
        folder: to create.
        count: number of cells.
        status: of the cells, in turn.
        name: of the case.
        image: name of each image, with the place of its number.
        classes: of the bundle; the crops are of the five types in turn.
        warning: why every label has to be confirmed.
    """
    crops, field, boxes = _drawings()
    (folder / CROPS).mkdir(parents=True)
    (folder / "images").mkdir()
    settings = {"model_sha256": HASH, "classes": list(classes)}
    indexed = []
    with Journal(folder / JOURNAL, settings) as journal:
        for first in range(0, count, IN_FIELD):
            path = folder / "images" / image.format(first // IN_FIELD)
            path.write_bytes(field)
            rows = []
            for index in range(first, min(count, first + IN_FIELD)):
                rows.append(_row(path, index, index - first + 1, boxes[index - first], classes, status))
                crop = crops[index % len(classes) % len(CLASSES) * 3 + index % 3]
                (folder / CROPS / f"{index:05d}.jpg").write_bytes(crop)
                sha256 = hashlib.sha256(crop).hexdigest()
                indexed.append(IndexedCell(index + 1, crop=f"{index:05d}.jpg", crop_sha256=sha256, window=boxes[0]))
            journal.add_cells(rows, FileVersion.of(path.stat()), hashlib.sha256(field).hexdigest())
    CellIndex(tuple(indexed), warning, images=len(indexed) // IN_FIELD).write(folder)
    CaseInfo(
        name,
        "2026-11-28T08:00:00Z",
        bundle="wbc5-edge",
        bundle_sha256="a" * 64,
        model_sha256=HASH,
        profile_sha256="b" * 64,
        settings=settings,
    ).write(folder)
    return folder


def _row(
    path: Path,
    index: int,
    number: int,
    box: Box,
    classes: Sequence[str],
    status: Sequence[Status],
) -> ResultRow:
    label, state = index % len(classes), status[index % len(status)]
    sure = 0.97 if state == Status.OK else 0.45 + index % 7 / 20
    rest = (1 - sure) / max(1, len(classes) - 1)
    by_class = {name: sure if i == label else rest for i, name in enumerate(classes)}
    reason = {Status.REVIEW: "probability below 0.8", Status.UNFAMILIAR: "unlike the training cells"}.get(state, "")
    return ResultRow(str(path), classes[label], sure, by_class, state, reason, HASH, number, box)


@cache
def _drawings() -> tuple[list[bytes], bytes, list[Box]]:
    """Return three crops of each class, a field, and the boxes of its cells; drawn once."""
    rng = np.random.default_rng(7)
    crops = [encode(draw_cell(name, rng, 96), ".jpg") for name in CLASSES for _ in range(3)]
    drawn, found = draw_field(rng, [CLASSES[i % len(CLASSES)] for i in range(IN_FIELD)], 480, 720)
    return crops, encode(drawn, ".jpg"), [box for _, box in found]
