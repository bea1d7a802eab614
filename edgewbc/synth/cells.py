"""Synthetic smears for demos and tests: single cells, and fields of several cells with boxes."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc._version import __version__
from edgewbc.cells import CELL_TYPES, CLASSES, PLATELET
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.pixels import Box, Image
from edgewbc.synth.smear import CELL_FIELD, RADII, Slide, develop, empty, surroundings, white_cell
from edgewbc.utils.files import occupied, write_json, write_text
from edgewbc.utils.progress import Progress, quiet

SLIDES = 10
DESCRIPTION = "synthetic.json"
"""File that says what a folder of synthetic cells was drawn with."""
CELLS = "cells"
"""Folder of the single cells, a folder per class."""
FIELD_SCALE = (5.2, 6.4)  # pixels per micrometer in a field


def draw_cell(label: str, rng: np.random.Generator, size: int = 96, slide: Slide | None = None) -> Image:
    """Draw an image of one white blood cell among red cells, or of an erythroblast or a platelet.

    Args:
        label: one of `cells.CLASSES` or `cells.OTHER_CLASSES`.
        rng: random generator.
        size: height and width in pixels, about 25 micrometers.
        slide: the slide's stain and light; drawn at random by default.

    Returns:
        uint8 RGB, (size, size, 3).

    Raises:
        ValueError: an unknown label.
    """
    _check_label(label)
    slide = slide or Slide.draw(rng)
    scale = size / CELL_FIELD * rng.uniform(0.94, 1.08)
    radius = rng.uniform(*RADII[label]) * scale
    center = size / 2 + rng.normal(0, 0.025 * size, 2)
    canvas = empty(size, size)
    surroundings(canvas, rng, slide, scale, [(center, radius)])
    white_cell(canvas, label, rng, center, radius, scale)
    return develop(canvas, rng, slide, scale)


def draw_field(
    rng: np.random.Generator, labels: Sequence[str], height: int = 480, width: int = 640, slide: Slide | None = None
) -> tuple[Image, list[tuple[str, Box]]]:
    """Draw a field of red cells with one white cell for each label; white cells do not overlap.

    Returns:
        The image, uint8 RGB (height, width, 3), and for each label, in order, its box (left, top, width and height in
        pixels), which is inside the image.

    Raises:
        ValueError: a label is unknown, or the cells do not fit into the field.
    """
    slide = slide or Slide.draw(rng)
    scale = rng.uniform(*FIELD_SCALE)
    taken: list[tuple[np.ndarray[Any, np.dtype[np.float64]], float]] = []
    for label in labels:
        _check_label(label)
        radius = rng.uniform(*RADII[label]) * scale
        margin = 1.25 * radius  # outlines extend to 1.2 radii at most, so boxes stay inside
        if 2 * margin > min(height, width):
            raise ValueError(f"a {label} does not fit into {height} x {width} pixels")
        for _ in range(400):
            at = rng.uniform((margin, margin), (width - margin, height - margin))
            if all(np.hypot(*(at - c)) > 1.25 * (r + radius) for c, r in taken):
                taken.append((at, radius))
                break
        else:
            raise ValueError(f"{len(labels)} white cells do not fit into {height} x {width} pixels")
    canvas = empty(height, width)
    surroundings(canvas, rng, slide, scale, taken)
    boxes: list[tuple[str, Box]] = []
    for label, (center, radius) in zip(labels, taken, strict=True):
        # Painting on a window around the cell is faster: the cell covers few of the field's pixels.
        reach = int(np.ceil(1.3 * radius))
        x0, y0 = (max(int(v) - reach, 0) for v in center)
        window = canvas[y0 : y0 + 2 * reach + 1, x0 : x0 + 2 * reach + 1]
        left, top, wide, tall = white_cell(window, label, rng, center - (x0, y0), radius, scale)
        boxes.append((label, (left + x0, top + y0, wide, tall)))
    return develop(canvas, rng, slide, scale), boxes


def _check_label(label: str) -> None:
    if label not in RADII:
        raise ValueError(f"label {label!r}: use one of {', '.join(RADII)}")


@dataclass(frozen=True)
class Drawn:
    """Description of a synthetic set: the content of `synthetic.json`."""

    seed: int
    cells: int
    fields: int
    size: int
    slides: int = SLIDES
    edgewbc: str = __version__
    classes: tuple[str, ...] = CLASSES

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values; the classes only where they are not the five."""
        values = asdict(self)
        del values["classes"]
        return values if self.classes == CLASSES else {**values, "classes": list(self.classes)}


def write(
    folder: Path,
    cells: int = 100,
    fields: int = 0,
    seed: int = 0,
    size: int = 96,
    progress: Progress = quiet,
    classes: Sequence[str] = CLASSES,
) -> Drawn:
    """Draw cells and fields into a new folder; the same arguments give the same bytes.

    Writes `cells/<label>/slide03_00012.png`, `fields/slide03_00001.png`, `fields/boxes.csv` (path, label, left, top,
    width, height) and `synthetic.json`. Each slide has its own stain, light and background.

    Args:
        folder: folder to create; it appears when all images are drawn. If it already holds the same set, nothing is
            done.
        cells: number of cells per class.
        fields: number of fields of 480 x 640 pixels, with one to four cells each (no platelets: every field has some).
        seed: random seed.
        size: height and width of a cell image, in pixels.
        progress: shows progress.
        classes: to draw; the cells of a class do not depend on the others.

    Raises:
        UserError: the folder holds something else.
        ValueError: an unknown class.
    """
    for label in classes:
        _check_label(label)
    drawn = Drawn(seed, cells, fields, size, classes=tuple(classes))
    if occupied(folder):
        if _description(folder / DESCRIPTION) == drawn.to_json():
            return drawn
        raise UserError(f"{folder}: is not empty and holds a different set: give another --to")
    folder = folder.resolve()
    if folder == Path.cwd():  # the folder is replaced, so it must not be the working directory
        raise UserError(f"{folder}: is the working directory: choose a new folder for --to, such as cells")
    partial = folder.with_name(f".{folder.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    slides = [Slide.draw(np.random.default_rng([seed, 0, number])) for number in range(SLIDES)]
    (partial / CELLS).mkdir(parents=True)
    todo = [(label, i) for label in classes for i in range(cells)]
    for label, i in progress(todo, "cells", len(todo)):
        rng = np.random.default_rng([seed, 1, CELL_TYPES.index(label), i])
        name = f"slide{i % SLIDES:02d}_{i:05d}.png"
        _save(partial / CELLS / label / name, draw_cell(label, rng, size, slides[i % SLIDES]))
    if fields:
        _write_fields(partial / "fields", fields, seed, slides, progress, [c for c in classes if c != PLATELET])
    write_json(partial / DESCRIPTION, drawn.to_json())
    if folder.exists():
        folder.rmdir()
    partial.replace(folder)
    return drawn


def _write_fields(
    folder: Path, number: int, seed: int, slides: Sequence[Slide], progress: Progress, classes: Sequence[str]
) -> None:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["path", "label", "left", "top", "width", "height"])
    for i in progress(range(number), "fields", number):
        rng = np.random.default_rng([seed, 2, i])
        labels = [str(name) for name in rng.choice(classes, int(rng.integers(1, 5)))]
        name = f"slide{i % SLIDES:02d}_{i:05d}.png"
        image, boxes = draw_field(rng, labels, slide=slides[i % SLIDES])
        _save(folder / name, image)
        rows.writerows([name, label, *(f"{value:.1f}" for value in box)] for label, box in boxes)
    write_text(folder / "boxes.csv", table.getvalue())


def _save(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(image, ".png"))


def _description(path: Path) -> Any:
    """Return the content of a JSON file; None if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
