"""The contact sheet of a label audit: the doubtful cells side by side, for a person to decide.

`sheet.html` stands alone: images are inside the file, nothing is fetched and no script runs. It can be read on a phone
and in print; no information is in color alone. `sheet.png` has the first cells.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path, PurePosixPath
from typing import Final

import cv2
import numpy as np

from edgewbc.cells import SHORT
from edgewbc.data import images
from edgewbc.data.label_audit import LabelAudit
from edgewbc.data.label_issues import Judged
from edgewbc.data.manifest import Manifest
from edgewbc.data.prepare import preparer
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.pixels import Box, Image, PixelSpec, prepare
from edgewbc.report.labels import at, headline
from edgewbc.utils.cell_sheet import STYLE
from edgewbc.utils.files import numbered, occupied, whole_folder, write_text
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import markup

ROOT: Final = Path("label-audits")
SHEET: Final = "sheet.html"
SIDE: Final = 160  # pixels of a cell's image on the sheet
QUALITY: Final = 88  # of its JPEG
MIN_CELLS, MAX_CELLS = 48, 600  # cells on the HTML sheet: the first are shown even if they are not flagged
ON_PNG, COLUMNS = 48, 8  # cells on the PNG, and in each of its rows
GAP, CAPTION, LINE = 10, 48, 15  # pixels on the PNG: between cells, under each, from one line of text to the next


def folder(to: Path | None, name: str) -> Path:
    """Return the folder to write: `to`, which must not exist, else label-audits/<name>, <name>-2, <name>-3, ...

    Raises:
        UserError: `to` is a file, or a folder that is not empty.
    """
    if to is not None:
        if occupied(to):
            raise UserError(f"{to}: exists already and is not overwritten: give another --to")
        return to
    return next(path for path in numbered(ROOT / name) if not path.exists())


def write(audit: LabelAudit, to: Path, progress: Progress = quiet) -> None:
    """Write `labels.csv`, `sheet.html` and `sheet.png` into a new folder: all of them or none.

    Raises:
        UserError: the folder is not empty, or an image cannot be read or has changed.
    """
    cells = shown(audit)
    views = crops(audit.manifest, cells, audit.network.spec.pixels, progress)
    with whole_folder(to) as made:
        write_text(made / "labels.csv", audit.to_csv())
        write_text(made / SHEET, html(audit, cells, views))
        (made / "sheet.png").write_bytes(encode(png(cells[:ON_PNG], views[:ON_PNG]), ".png"))
        folder(to, "")  # again: another process may have written to it meanwhile


def shown(audit: LabelAudit) -> tuple[Judged, ...]:
    """Return the cells on the sheet: the flagged ones, at most `MAX_CELLS`; filled up by rank to `MIN_CELLS`."""
    return audit.judgment.cells[: min(max(len(audit.judgment.flagged), MIN_CELLS), MAX_CELLS)]


def crops(
    manifest: Manifest,
    cells: Sequence[Judged],
    spec: PixelSpec,
    progress: Progress = quiet,
) -> list[Image]:
    """Return what the network sees of each cell, enlarged: uint8 RGB (SIDE, SIDE, 3), white beyond the image."""
    larger = replace(spec, height=SIDE, width=SIDE)
    steps = progress(cells, "contact sheet", len(cells))
    if spec.crop == "cell":
        prepare_entry = preparer(manifest, larger)
        return [prepare_entry(images.read(manifest, cell.entry), cell.entry) for cell in steps]
    return [_crop(images.read(manifest, cell.entry), larger, cell.entry.box) for cell in steps]


def _crop(image: Image, spec: PixelSpec, box: Box | None) -> Image:
    """Crop and resize like `prepare`, but with white beyond the image.

    `prepare` repeats the edge, and a person can mistake the stripes for a part of the cell.
    """
    if box is None or spec.crop != "box":
        return prepare(image, spec)
    left, top, width, height = spec.rectangle(image.shape[0], image.shape[1], box)
    tall, wide = image.shape[:2]
    beyond = (-top, top + height - tall, -left, left + width - wide)
    above, below, before, after = (max(0, int(v)) for v in beyond)
    padded = cv2.copyMakeBorder(image, above, below, before, after, cv2.BORDER_CONSTANT, value=(255,) * 3)
    moved = (box[0] + before, box[1] + above, box[2], box[3])
    return prepare(np.asarray(padded, dtype=np.uint8), spec, moved)


def html(audit: LabelAudit, cells: Sequence[Judged], views: Sequence[Image]) -> str:
    """Return the sheet as a page of HTML; `views` are the images of the cells."""
    flagged = len(audit.judgment.flagged)
    notes = [escape(line) for line in headline(audit)]
    notes.append(
        "Each cell: given label, arrow, suggested label; their probabilities. The most doubtful first. A flag is a "
        "question to an expert, not a correction: ambiguous cells and poor images are flagged too."
    )
    if flagged > len(cells):
        notes.append(f"The first {len(cells)} of {flagged} flagged cells are shown; labels.csv has all.")
    elif flagged < len(cells):
        notes.append("Cells with a dashed frame are not flagged, and come next in the ranking.")
    items = "\n".join(_item(cell, view) for cell, view in zip(cells, views, strict=True))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Labels to review</title><style>{STYLE}</style></head><body>\n<h1>Labels to review</h1>\n"
        + "".join(f"<p>{note}</p>\n" for note in notes)
        + f"<ol>\n{items}\n</ol>\n</body></html>\n"
    )


def _item(cell: Judged, view: Image) -> str:
    data = base64.b64encode(encode(view, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, QUALITY])).decode()
    name = markup(cell.entry.path + at(cell.entry.box))
    given, suggested = escape(cell.given), escape(cell.suggested)
    labels = f"{given} &rarr; {suggested}" if cell.given != cell.suggested else given
    kind = "" if cell.flagged else ' class="kept"'
    mark = "" if cell.flagged else ", not flagged"
    return (
        f'<li{kind}><img src="data:image/jpeg;base64,{data}" width="{SIDE}" height="{SIDE}" alt="cell {cell.rank}">'
        f"<b>{cell.rank}. {labels}</b><span>{cell.p_given:.3f} &rarr; {cell.p_suggested:.3f}{mark}</span>"
        f"<small>{name}, {escape(cell.entry.split)}</small></li>"
    )


def png(cells: Sequence[Judged], views: Sequence[Image]) -> Image:
    """Return the cells in rows of `COLUMNS` as uint8 RGB.

    Under each are its rank, labels (in parentheses if it is not flagged), probabilities and file name.
    """
    rows = -(-len(cells) // COLUMNS)
    wide, tall = SIDE + GAP, SIDE + CAPTION + GAP
    sheet = np.full((rows * tall + GAP, COLUMNS * wide + GAP, 3), 255, dtype=np.uint8)
    for place, (cell, view) in enumerate(zip(cells, views, strict=True)):
        top, left = GAP + place // COLUMNS * tall, GAP + place % COLUMNS * wide
        sheet[top : top + SIDE, left : left + SIDE] = view
        labels = " -> ".join(dict.fromkeys((_short(cell.given), _short(cell.suggested))))
        words = (
            f"{cell.rank}. {labels if cell.flagged else f'({labels})'}",
            f"{cell.p_given:.3f} -> {cell.p_suggested:.3f}",
            PurePosixPath(cell.entry.path).stem[-22:],
        )
        for line, word in enumerate(words, 1):
            ascii_only = word.encode("ascii", "replace").decode()
            place_of = (left, top + SIDE + line * LINE - 1)
            cv2.putText(sheet, ascii_only, place_of, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet


def _short(label: str) -> str:
    return SHORT.get(label, label[:7])
