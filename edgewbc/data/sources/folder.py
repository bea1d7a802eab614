"""A folder per class: the plainest way in which a lab can hand over its own cells."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from edgewbc.data.sources.scan import Cell, Found, is_picture, need_folder, pictures_below
from edgewbc.errors import UserError


def find(folder: Path, classes: Sequence[str] | None = None, group_pattern: str | None = None) -> Found:
    """Cells of a folder per class; the class is the name of the first folder level, in lower case.

    The group is the first capture group of `group_pattern` in the relative path; without a pattern it is the
    sub-folder below the class (`neutrophil/slide07/x.png` is of slide07, in every class the same slide); without a
    sub-folder it is the picture.

    Raises:
        UserError: no such folder, no class folders, a class folder without a picture or not among `classes`, a
            pattern that is malformed or finds no group in a path.
    """
    need_folder(folder, "one folder of pictures per class")
    pattern = _compile(group_pattern) if group_pattern is not None else None
    tops = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not tops:
        raise UserError(f"{folder}: no class folders in it: put the pictures into one folder per class, named for it")
    if classes is not None:
        for top in tops:
            if top.name.lower() not in classes:
                raise UserError(
                    f"{top}: {top.name.lower()!r} is not among the classes ({', '.join(classes)}): "
                    "rename the folder, move it away or add it to --classes"
                )
    cells = []
    for top in tops:
        pictures = pictures_below(top)
        if not pictures:
            raise UserError(f"{top}: no picture in this class folder: put some in, or take the folder away")
        for picture in pictures:
            path = picture.relative_to(folder).as_posix()
            cells.append(Cell(path, top.name.lower(), _group(path, pattern, folder)))
    loose = sum(is_picture(path) for path in folder.iterdir())
    return Found(cells, Counter({"picture outside of the class folders": loose} if loose else {}))


def _compile(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UserError(f"--group-pattern {text!r}: not a regular expression: {error}") from None
    if not pattern.groups:
        raise UserError(f"--group-pattern {text!r}: put what names the group into brackets, as in '(slide[0-9]+)'")
    return pattern


def _group(path: str, pattern: re.Pattern[str] | None, folder: Path) -> str:
    if pattern is not None:
        match = pattern.search(path)
        if match is None or not match.group(1):
            # Falling back to the picture would quietly let a slide stand on two sides.
            raise UserError(f"{folder / path}: --group-pattern {pattern.pattern!r} finds no group in {path}: mend it")
        return match.group(1)
    parts = PurePosixPath(path).parts
    return parts[1] if len(parts) > 2 else ""
