"""Lay out cells for a person to label: numbered copies, a contact sheet, a table, and Label Studio's files."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

import cv2
import numpy as np

from edgewbc.bundle.bundle import Bundle
from edgewbc.decision import pick
from edgewbc.errors import UserError
from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.images.files import read
from edgewbc.interop import label_studio
from edgewbc.interop.labels import LabeledImage
from edgewbc.lab import cell_views
from edgewbc.lab.csv_table import encode_name
from edgewbc.lab.labeled_cells import LABEL, PATH, TABLE
from edgewbc.pixels import Box, Image
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import Preparer
from edgewbc.utils.cell_sheet import STYLE
from edgewbc.utils.files import occupied, whole_folder, write_json, write_text
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.tables import csv_text

IMAGES = "cells"
SHEET = "sheet.html"
SURROUNDINGS = 3.0
"""Side of what is cut out of a field, in units of the longer side of the cell's box."""
SIDE = 200
"""Side of a cell's image on the sheet, in pixels."""
QUALITY = 88
"""Of its JPEG."""


@dataclass(frozen=True)
class Picked:
    """A cell to label.

    Attributes:
        number: from 1, the most useful first.
        original: the image file.
        box: of the cell in a field; None where the image shows one cell.
        copy: its copy, or a part cut out of a field, relative to the folder, with forward slashes.
        suggestion: the label that the bundle gives.
        probability: of that label, calibrated.
    """

    number: int
    original: Path
    box: Box | None
    copy: str
    suggestion: str
    probability: float


@dataclass(frozen=True)
class Picking:
    """The cells that were chosen, and what was left out.

    Attributes:
        cells: to label.
        found: number of different cells to choose from.
        copies: number of cells that are there more than once.
        errors: file and reason of those that could not be used.
    """

    cells: tuple[Picked, ...]
    found: int
    copies: int
    errors: tuple[tuple[Path, str], ...]


def choose(
    bundle: Bundle,
    paths: Sequence[Path],
    count: int,
    *,
    seed: int = 0,
    profile: Profile | None = None,
    threads: int | None = None,
    progress: Progress = quiet,
) -> Picking:
    """Choose the cells that are worth labeling, in images of single cells and in fields; each cell counts once.

    Raises:
        UserError: no image can be used.
    """
    seen = cell_views.see(bundle, paths, fields=True, profile=profile, threads=threads, progress=progress)
    once = np.unique(seen.copies, return_index=True)[1]
    once.sort()
    logits = np.log(np.maximum(seen.probabilities[once].astype(np.float64), 1e-12))
    manifest, upright = bundle.manifest, seen.probabilities[once, 0]
    others = None if seen.other_probabilities is None else seen.other_probabilities[once]
    found = manifest.label_from.probabilities(upright, others)
    if manifest.calibration is not None:
        found = manifest.calibration.apply(found)
    cells = []
    for number, place in enumerate(pick.pick(seen.features[once], logits, count, seed=seed), 1):
        original, box = paths[int(seen.indices[once[place]])], seen.boxes[once[place]]
        label = int(found[place].argmax())
        copy = f"{IMAGES}/{number:03d}{original.suffix.lower() if box is None else '.png'}"
        cells.append(Picked(number, original, box, copy, bundle.classes[label], round(float(found[place, label]), 4)))
    errors = tuple((paths[index], reason) for index, reason in seen.errors)
    return Picking(tuple(cells), len(once), len(seen) - len(once), errors)


def write(bundle: Bundle, picking: Picking, to: Path, profile: Profile | None = None) -> None:
    """Write the folder: all of it or none.

    Raises:
        UserError: `to` is not an empty folder.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    prepare = Preparer(replace(bundle.pixels, height=SIDE, width=SIDE), profile)
    with whole_folder(to) as folder:
        items = []
        (folder / IMAGES).mkdir()
        for cell in picking.cells:
            data = read(cell.original).data
            if cell.box is not None:
                data = encode(cut_out(decode(data).image, cell.box), ".png")
            (folder / cell.copy).write_bytes(data)
            view = encode(prepare(decode(data).image), ".jpg", (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
            items.append(_item(cell, base64.b64encode(view).decode()))
        write_text(folder / TABLE, _table(picking))
        write_text(folder / SHEET, _sheet(items, bundle.classes))
        images = [
            LabeledImage(cell.copy, suggestion=cell.suggestion, probability=cell.probability, number=cell.number)
            for cell in picking.cells
        ]
        write_json(folder / label_studio.TASKS, label_studio.tasks(images, bundle.name))
        write_text(folder / label_studio.CONFIG, label_studio.config(bundle.classes))


def cut_out(image: Image, box: Box) -> Image:
    """Return the surroundings of a cell of a field, uint8 RGB: a square where the field's edges allow one."""
    left, top, width, height = box
    half = SURROUNDINGS / 2 * max(width, height)
    x, y = left + width / 2, top + height / 2
    tall, wide = image.shape[:2]
    rows = slice(max(0, round(y - half)), min(tall, round(y + half)))
    columns = slice(max(0, round(x - half)), min(wide, round(x + half)))
    return image[rows, columns].copy()


def _table(picking: Picking) -> str:
    """Return the table to fill in: `label` is empty, so that nobody confirms a suggestion unseen."""
    rows = [
        [cell.copy, "", cell.suggestion, f"{cell.probability:.4f}", encode_name(str(cell.original))]
        for cell in picking.cells
    ]
    return csv_text([[PATH, LABEL, "suggestion", "probability", "original"], *rows])


def _sheet(items: Sequence[str], classes: Sequence[str]) -> str:
    note = (
        f"Write the label of each cell into the column <b style='display:inline'>label</b> of {TABLE}: "
        f"{escape(', '.join(classes))}. Leave it empty where you are not sure, or where it is none of these."
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Cells to label</title><style>{STYLE}</style></head><body>\n<h1>{len(items)} cells to label</h1>\n"
        f"<p>{note}</p>\n<ol>\n" + "\n".join(items) + "\n</ol>\n</body></html>\n"
    )


def _item(cell: Picked, data: str) -> str:
    return (
        f'<li><img src="data:image/jpeg;base64,{data}" width="{SIDE}" height="{SIDE}" alt="cell {cell.number}">'
        f"<b>{cell.number}. ____________</b><small>{escape(cell.copy)}</small></li>"
    )
