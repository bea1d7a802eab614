"""Cells that `edgewbc data synth` drew. For demos and tests; never reported as accuracy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edgewbc.data.sources.scan import Cell, Found, need_folder, pictures_below
from edgewbc.errors import UserError

CITATION = "drawn by edgewbc data synth; no real cells, and not a measure of accuracy on any"
LICENCE = "Apache-2.0"


def find(folder: Path, classes: Sequence[str] | None = None) -> Found:
    """Single cells of DIR/cells/<label>/slide03_00012.png; the group is the slide, the same in every class.

    Raises:
        UserError: the folder was not made by `edgewbc data synth`, or has no cells of the classes.
    """
    need_folder(folder, "what `edgewbc data synth --to DIR` draws")
    if not (folder / "synthetic.json").is_file() or not (folder / "cells").is_dir():
        raise UserError(f"{folder}: no synthetic cells here: draw them with `edgewbc data synth --to {folder}`")
    left_out: Counter[str] = Counter()
    cells = []
    for picture in pictures_below(folder / "cells"):
        path = picture.relative_to(folder).as_posix()
        parts = PurePosixPath(path).parts
        slide, _, number = picture.stem.partition("_")
        if len(parts) != 3 or not slide.startswith("slide") or not number:
            raise UserError(f"{picture}: not a name that `edgewbc data synth` gives: move it away")
        if classes is None or parts[1] in classes:
            cells.append(Cell(path, parts[1], slide))
        else:
            left_out[f"class {parts[1]} was not asked for"] += 1
    if not cells:
        raise UserError(f"{folder / 'cells'}: no cells in it: draw them with `edgewbc data synth --to DIR --cells 100`")
    return Found(cells, left_out, CITATION, LICENCE)
