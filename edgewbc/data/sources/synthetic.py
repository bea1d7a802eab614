"""Cells that `edgewbc data synth` drew, for demos and tests; accuracy on them is never reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edgewbc.data.sources.scan import Cell, SourceCells, images_below, not_selected, require_folder
from edgewbc.errors import UserError
from edgewbc.synth.cells import CELLS, DESCRIPTION

CITATION = "drawn by edgewbc data synth; no real cells, and not a measure of accuracy on any"
LICENSE = "Apache-2.0"


def find(folder: Path, classes: Sequence[str] | None = None) -> SourceCells:
    """Find the single cells `cells/<label>/slide03_00012.png`; the group is the slide, the same in every class.

    Args:
        folder: output folder of `edgewbc data synth`.
        classes: class names to include; None includes all.

    Raises:
        UserError: the folder was not made by `edgewbc data synth`, or has no cells of the classes.
    """
    require_folder(folder, "the output of `edgewbc data synth --to DIR`")
    if not (folder / DESCRIPTION).is_file() or not (folder / CELLS).is_dir():
        raise UserError(f"{folder}: no synthetic cells here: create them with `edgewbc data synth --to {folder}`")
    left_out: Counter[str] = Counter()
    cells = []
    for image in images_below(folder / CELLS).paths:
        path = image.relative_to(folder).as_posix()
        parts = PurePosixPath(path).parts
        slide, _, number = image.stem.partition("_")
        if len(parts) != 3 or not slide.startswith("slide") or not number:
            raise UserError(f"{image}: not a file of `edgewbc data synth`: move it out of this folder")
        if classes is None or parts[1] in classes:
            cells.append(Cell(path, parts[1], slide))
        else:
            left_out[not_selected(parts[1])] += 1
    if not cells:
        raise UserError(f"{folder / CELLS}: no cells here: create them with `edgewbc data synth --to DIR --cells 100`")
    return SourceCells(cells, left_out, CITATION, LICENSE)
