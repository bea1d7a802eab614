"""Explain the cells of image files: an image of each map, a contact sheet, and the values as JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.decision.neighbors import nearest
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.images.encode import encode
from edgewbc.images.files import read
from edgewbc.lab import cell_crops, cell_views
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.lab.explain import CAPTION, TOO_COARSE, Explainer, Explanation
from edgewbc.lab.labeled_cells import LabeledFile
from edgewbc.lab.overlay import Overlay, overlay, window_of
from edgewbc.pixels import Box, Image, PixelSpec, cut, prepare
from edgewbc.smear.microscope import Profile
from edgewbc.utils.files import occupied, whole_folder, write_json, write_text
from edgewbc.utils.progress import Progress, quiet
from edgewbc.utils.text import markup

SHEET, VALUES, MAPS = "sheet.html", "maps.json", "maps"
FORMAT = 1
MAX_CELLS = 300
"""Maximum number of cells that are explained at once; a person looks at each."""
SIDE = 260
"""Longer side of each image, in pixels."""
QUALITY = 88
"""Of the JPEGs on the sheet."""
NEIGHBORS, THUMBNAIL = 3, 72

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.4 system-ui,sans-serif;margin:1rem;max-width:110rem}
h1{font-size:1.3rem;margin:0 0 .4rem}p{margin:.3rem 0;max-width:60rem}
.warn{border-left:.3rem solid #b35900;padding-left:.6rem}
ol{list-style:none;padding:0;margin:1rem 0;display:grid;gap:.8rem}
ol{grid-template-columns:repeat(auto-fill,minmax(min(100%,24rem),1fr))}
li{border:1px solid #888;border-radius:.3rem;padding:.5rem;break-inside:avoid;min-width:0}
figure{margin:0}figcaption b{display:block}
img.pair{display:block;width:100%;height:auto}
small{display:block;overflow-wrap:anywhere;font-size:.8rem}
.near{display:flex;gap:.5rem;margin-top:.4rem}.near figure{width:5rem}.near img{display:block;width:4.5rem}
.key{height:.8rem;width:12rem;display:inline-block;vertical-align:middle;border:1px solid #888}
@media print{body{margin:0;font-size:10pt;max-width:none}ol{grid-template-columns:repeat(3,1fr);gap:3mm}}
"""


@dataclass(frozen=True)
class ExplainRequest:
    """What to explain.

    Attributes:
        paths: image files.
        label: class whose map to draw; empty is each cell's most probable one.
        against: class to compare it with; empty is the mean of all classes.
        most: number of cells after which to stop.
    """

    paths: tuple[Path, ...]
    label: str = ""
    against: str = ""
    most: int = MAX_CELLS


@dataclass(frozen=True, eq=False)
class Similar:
    """Labeled cells to compare with.

    Attributes:
        files: of the cells, with the indices of their classes.
        features: (n, d).
        views: each one's image, small, uint8 RGB.
    """

    files: tuple[LabeledFile, ...]
    features: NDArray[np.float32]
    views: tuple[Image, ...]

    @classmethod
    def of(
        cls,
        bundle: Bundle,
        files: Sequence[LabeledFile],
        *,
        profile: Profile | None = None,
        threads: int | None = None,
        progress: Progress = quiet,
    ) -> Similar:
        """Run a bundle's network on labeled cells. Raises UserError if none can be used."""
        paths, boxes = [file.path for file in files], [file.box for file in files]
        seen = cell_views.see(bundle, paths, boxes=boxes, profile=profile, threads=threads, progress=progress)
        kept = tuple(files[index] for index in seen.indices)
        views = tuple(_thumbnail(decode(read(file.path).data).image, file.box) for file in kept)
        return cls(kept, seen.features[:, 0], views)


def _thumbnail(image: Image, box: Box | None) -> Image:
    """Return a small square image of a cell: with some surroundings, or the whole image where it shows one cell."""
    if box is None:
        return prepare(image, PixelSpec(THUMBNAIL, THUMBNAIL))
    return cut(image, cell_crops.window(image, box), THUMBNAIL, THUMBNAIL, cell_crops.BEYOND)


@dataclass(frozen=True, eq=False)
class Explained:
    """A cell, explained.

    Attributes:
        path: the image file.
        cell: the maps.
        label: class whose map is drawn.
        evidence: that map, (h, w), in logits.
        drawn: the map drawn over the image.
        file: name of that image in the folder.
        near: index and similarity of the most similar labeled cells.
    """

    path: Path
    cell: Explanation
    label: str
    evidence: NDArray[np.float64]
    drawn: Overlay
    file: str
    near: tuple[tuple[int, float], ...] = ()

    def to_json(self, similar: Similar | None) -> dict[str, Any]:
        """Return the values as JSON."""
        cell, maps = self.cell, self.cell.maps
        return {
            "path": str(self.path),
            "cell": cell.number,
            "box": None if cell.box is None else list(cell.box),
            "part": list(cell.part),
            "label": cell.label,
            "probability": round(float(cell.probabilities.max()), 6),
            **({} if cell.lowest is None else {"lowest": round(cell.lowest, 6), "views": cell.views}),
            "unfamiliar": cell.unfamiliar,
            "shown": self.label,
            "evidence": np.round(self.evidence, 6).tolist(),
            "parts": {name: np.round(maps.parts[index], 6).tolist() for index, name in enumerate(cell.classes)},
            "bias": dict(zip(cell.classes, np.round(maps.bias, 6).tolist(), strict=True)),
            "image": self.file,
            **(
                {}
                if similar is None
                else {
                    "similar": [
                        {
                            "path": str(similar.files[index].path),
                            "label": cell.classes[similar.files[index].label],
                            "similarity": round(value, 4),
                        }
                        for index, value in self.near
                    ]
                }
            ),
        }


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        cells: number of cells explained.
        errors: file and reason of those that could not be used.
        stopped: whether there were more cells than asked for.
        coarse: why the maps do not show where something is; empty if they do.
    """

    cells: int
    errors: tuple[tuple[Path, str], ...]
    stopped: bool
    coarse: str


def write(
    explainer: Explainer, request: ExplainRequest, to: Path, similar: Similar | None = None, progress: Progress = quiet
) -> Written:
    """Write the folder: all of it or none.

    Raises:
        UserError: `to` is not an empty folder, no image can be used, or the bundle has no such class.
    """
    if occupied(to):
        raise UserError(f"{to}: exists already and is not overwritten: give another --to")
    errors: list[tuple[Path, str]] = []
    items: list[str] = []
    values: list[dict[str, Any]] = []
    coarse, stopped = "", False
    cells = _cells(explainer, request, similar, errors, progress)
    with whole_folder(to) as folder, one_thread_in_opencv():
        (folder / MAPS).mkdir()
        for each in cells:
            if stopped := len(items) == request.most:
                break
            (folder / each.file).write_bytes(encode(each.drawn.pair(), ".png"))
            items.append(_item(each, similar))
            values.append(each.to_json(similar))
            if each.cell.coarse:
                coarse = TOO_COARSE.format(height=each.evidence.shape[0], width=each.evidence.shape[1])
        if not items:
            why = f": {errors[0][0]}: {errors[0][1]}" if errors else ""
            raise UserError(f"none of the {len(request.paths)} images could be used{why}")
        bundle = explainer.bundle
        write_json(
            folder / VALUES,
            {
                "format": FORMAT,
                "bundle": bundle.name,
                "precision": explainer.precision,
                "model_sha256": bundle.model_sha256("openvino", explainer.precision),
                "against": request.against or "mean of all classes",
                "caption": " ".join(filter(None, [CAPTION, coarse])),
                "cells": values,
                "errors": [{"path": str(path), "reason": reason} for path, reason in errors],
            },
        )
        write_text(folder / SHEET, _sheet(items, bundle, request.against, coarse))
    return Written(len(items), tuple(errors), stopped, coarse)


def _cells(
    explainer: Explainer,
    request: ExplainRequest,
    similar: Similar | None,
    errors: list[tuple[Path, str]],
    progress: Progress,
) -> Iterator[Explained]:
    number = 0
    for path in progress(request.paths, "images", len(request.paths)):
        try:
            image = decode(read(path).data).image
        except ImageError as error:
            errors.append((path, str(error)))
            continue
        found = explainer.cells(image)
        if not found:
            errors.append((path, "no white cell was located"))
        for cell in found:
            number += 1
            label = request.label or cell.label
            evidence = cell.evidence(label, "" if request.against == label else request.against)
            drawn = overlay(image, cell.part, evidence, window_of(image, cell.part), SIDE)
            near: tuple[tuple[int, float], ...] = ()
            if similar is not None:
                order, values = nearest(cell.features, similar.features, NEIGHBORS + 1)
                found_near = zip(order.tolist(), values.tolist(), strict=True)
                others = (each for each in found_near if not _is_itself(path, cell, similar.files[each[0]]))
                near = tuple(islice(others, NEIGHBORS))
            yield Explained(path, cell, label, evidence, drawn, f"{MAPS}/{number:04d}.png", near)


def _is_itself(path: Path, cell: Explanation, file: LabeledFile) -> bool:
    """Return whether a labeled cell is the very cell that is explained."""
    if path.resolve() != file.path.resolve():
        return False
    if cell.box is None or file.box is None:
        return True
    return all(abs(one - other) <= 1 for one, other in zip(cell.box, file.box, strict=True))


def _sheet(items: Sequence[str], bundle: Bundle, against: str, coarse: str) -> str:
    one = "1 cell" if len(items) == 1 else f"{len(items)} cells"
    other = f"with {escape(against)}" if against else "with the mean of all classes"
    ramp = cv2.cvtColor(
        cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_CIVIDIS), cv2.COLOR_BGR2RGB
    )
    key = base64.b64encode(encode(np.repeat(ramp, 8, axis=0), ".png")).decode()
    warning = f'<p class="warn"><b>{escape(coarse)}</b></p>\n' if coarse else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Class activation maps</title><style>{STYLE}</style></head><body>\n"
        f"<h1>What {escape(bundle.name)} looks at: {one}</h1>\n<p>{CAPTION}</p>\n{warning}"
        f"<p>Left the image, right the same with the map, compared {other}. "
        f'<img class="key" src="data:image/png;base64,{key}" alt="color scale"> from nothing (uncolored) to '
        "the highest value of that map, which is given in logits. The line encloses what is above half of it, the thin "
        "frame what the network sees.</p>\n<p>For research use only.</p>\n<ol>\n"
        + "\n".join(items)
        + "\n</ol>\n</body></html>\n"
    )


def _item(each: Explained, similar: Similar | None) -> str:
    cell = each.cell
    index = cell.classes.index(each.label)
    probability = f"{100 * float(cell.probabilities[index]):.1f} %"
    lowest = ""
    if cell.lowest is not None and each.label == cell.label:
        lowest = f"<small>lowest of {cell.views} views, as in a table of results: {100 * cell.lowest:.1f} %</small>"
    where = f"{each.path}{f', cell {cell.number}' if cell.number else ''}"
    unfamiliar = f"<small><b>unfamiliar: {escape(cell.unfamiliar)}</b></small>" if cell.unfamiliar else ""
    return (
        f'<li><figure><img class="pair" src="{_jpeg(each.drawn.pair())}" '
        f'alt="{markup(where)}: image and map for {escape(each.label, quote=True)}">'
        f"<figcaption><b>{escape(each.label)}, {probability}</b>{lowest}{unfamiliar}"
        f"<small>highest {each.drawn.highest:.2f}; {markup(where)}</small></figcaption></figure>"
        f"{_near(each, similar)}</li>"
    )


def _near(each: Explained, similar: Similar | None) -> str:
    if similar is None:
        return ""
    shown = "".join(
        f'<figure><img src="{_jpeg(similar.views[index])}" alt=""><small>'
        f"{escape(each.cell.classes[similar.files[index].label])}, {value:.2f}</small></figure>"
        for index, value in each.near
    )
    return f'<small>most similar labeled cells:</small><div class="near">{shown}</div>'


def _jpeg(image: Image) -> str:
    data = base64.b64encode(encode(image, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, QUALITY))).decode()
    return f"data:image/jpeg;base64,{data}"
