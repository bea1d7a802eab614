"""The contact sheet of a label audit: the doubtful cells side by side, for a person to decide.

`sheet.html` stands alone: pictures are inside, nothing is fetched and nothing runs. It can be read on a phone, printed,
and in black and white: words say all, colour only what the cells have. `sheet.png` has the first cells.
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
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.pixels import Box, Image, PixelSpec, prepare
from edgewbc.report.labels import at, headline
from edgewbc.utils.files import numbered, occupied, whole_folder, write_text
from edgewbc.utils.progress import Progress, quiet

ROOT: Final = Path("label-audits")
SHEET: Final = "sheet.html"
SIDE: Final = 160  # pixels of a cell's picture on the sheet
QUALITY: Final = 88  # of its JPEG
LEAST, MOST = 48, 600  # cells on the HTML sheet: the first ones are shown even if they are not flagged
ON_PNG, COLUMNS = 48, 8
GAP, CAPTION, LINE = 10, 48, 15  # pixels on the PNG: between cells, under each, from one line of words to the next

STYLE: Final = """
body{font:16px/1.35 system-ui,sans-serif;color:#000;background:#fff;margin:1rem}
h1{font-size:1.3rem;margin:0 0 .4rem}p{margin:.2rem 0;max-width:60rem}
ol{list-style:none;padding:0;margin:1rem 0;display:grid;gap:.8rem}
ol{grid-template-columns:repeat(auto-fill,minmax(150px,1fr))}
li{border:1px solid #888;padding:.4rem;break-inside:avoid}
img{display:block;width:100%;height:auto}
b,small{display:block}small{color:#222;overflow-wrap:anywhere;font-size:.75rem}
.kept{border-style:dashed}
@media print{body{margin:0;font-size:10pt}ol{grid-template-columns:repeat(5,1fr);gap:3mm}}
"""


def folder(to: Path | None, name: str) -> Path:
    """Where to write: `to`, which must not be there yet, else label-audits/<name>, -2, -3 ... at need.

    Raises:
        UserError: `to` is there and holds something, or is a file.
    """
    if to is not None:
        if occupied(to):
            raise UserError(f"{to}: exists already, and is not overwritten: give another --to")
        return to
    return next(path for path in numbered(ROOT / name) if not path.exists())


def write(found: LabelAudit, to: Path, progress: Progress = quiet) -> None:
    """Write `labels.csv`, `sheet.html` and `sheet.png` into a new folder, all or none.

    Raises:
        UserError: the folder holds something by now, or a picture cannot be read or has changed.
    """
    cells = shown(found)
    views = look(found.manifest, cells, found.network.spec.pixels, progress)
    with whole_folder(to) as made:
        write_text(made / "labels.csv", found.to_csv())
        write_text(made / SHEET, html(found, cells, views))
        (made / "sheet.png").write_bytes(encode(png(cells[:ON_PNG], views[:ON_PNG]), ".png"))
        folder(to, "")  # once more: it took a while


def shown(found: LabelAudit) -> tuple[Judged, ...]:
    """The cells on the sheet: those flagged, up to `MOST`; with the next by rank if they are fewer than `LEAST`."""
    return found.judgement.cells[: min(max(len(found.judgement.flagged), LEAST), MOST)]


def look(
    manifest: Manifest,
    cells: Sequence[Judged],
    spec: PixelSpec,
    progress: Progress = quiet,
) -> list[Image]:
    """What the network saw of each cell, larger, white beyond the picture's edge: uint8 RGB (SIDE, SIDE, 3)."""
    larger = replace(spec, height=SIDE, width=SIDE)
    steps = progress(cells, "contact sheet", len(cells))
    return [_crop(images.read(manifest, cell.entry), larger, cell.entry.box) for cell in steps]


def _crop(picture: Image, spec: PixelSpec, box: Box | None) -> Image:
    """As `prepare`, which repeats the edge; a person takes the stripes that this makes for a part of the cell."""
    if box is None or spec.crop != "box":
        return prepare(picture, spec)
    left, top, width, height = spec.rectangle(picture.shape[0], picture.shape[1], box)
    tall, wide = picture.shape[:2]
    beyond = (-top, top + height - tall, -left, left + width - wide)
    above, below, before, after = (max(0, int(v)) for v in beyond)
    padded = cv2.copyMakeBorder(picture, above, below, before, after, cv2.BORDER_CONSTANT, value=(255,) * 3)
    moved = (box[0] + before, box[1] + above, box[2], box[3])
    return prepare(np.asarray(padded, dtype=np.uint8), spec, moved)


def html(found: LabelAudit, cells: Sequence[Judged], views: Sequence[Image]) -> str:
    """The sheet as one page of HTML; `views` are the cells' pictures."""
    flagged = len(found.judgement.flagged)
    notes = [escape(line) for line in headline(found)]
    notes.append(
        "Each cell: label given, an arrow, label suggested; their probabilities. The most doubtful first. A flag is a "
        "question to somebody who knows cells, not an answer: ambiguous cells and bad pictures are flagged too."
    )
    if flagged > len(cells):
        notes.append(f"The first {len(cells)} of {flagged} flagged cells are here; labels.csv has all.")
    elif flagged < len(cells):
        notes.append("Cells with a dashed frame are not flagged, and come next in the ranking.")
    items = "\n".join(_item(cell, view) for cell, view in zip(cells, views, strict=True))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Labels to look at</title><style>{STYLE}</style></head><body>\n<h1>Labels to look at</h1>\n"
        + "".join(f"<p>{note}</p>\n" for note in notes)
        + f"<ol>\n{items}\n</ol>\n</body></html>\n"
    )


def _item(cell: Judged, view: Image) -> str:
    data = base64.b64encode(encode(view, ".jpg", [cv2.IMWRITE_JPEG_QUALITY, QUALITY])).decode()
    name = escape(cell.entry.path + at(cell.entry.box))
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
    """The cells in rows of `COLUMNS`, each with its rank, labels (in brackets: not flagged), probabilities and
    file name: uint8 RGB."""
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
