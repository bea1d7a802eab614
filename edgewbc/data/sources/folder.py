"""Images in one folder per class."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from edgewbc.cells import CLASSES
from edgewbc.data.sources.scan import (
    Cell,
    SourceCells,
    images_below,
    is_image,
    is_visible_folder,
    normalize_label,
    not_selected,
    require_folder,
)
from edgewbc.errors import UserError

SPLIT_NAME = re.compile(
    r"(train|training|test|testing|val|valid|validation|dev|eval|evaluation|holdout)"
    r"([-_ ]?(set|data|images|simple|[a-z]|[0-9]+))?"
)
"""Folder names that data sets give to the parts of a split, in lower case: `TRAIN`, `Test-A`, `TEST_SIMPLE`."""


def find(folder: Path, classes: Sequence[str] | None = None, group_pattern: str | None = None) -> SourceCells:
    """Find the cells in a folder that holds one folder per class.

    The class is the name of the first folder level (`scan.normalize_label`). The group is the first capture group of
    `group_pattern`, searched for in the relative path. Without a pattern it is the subfolder below the class:
    `neutrophil/slide07/x.png` belongs to slide07, which is the same slide in every class. Without a subfolder each
    image is its own group.

    Args:
        folder: the folder of class folders.
        classes: class names to include; other class folders are counted in `left_out`. None includes all.
        group_pattern: regular expression with a capture group.

    Raises:
        UserError: the folder is missing or has no class folders; its subfolders are the parts of a split or several
            data sets rather than classes; a selected class has no folder or no image; the pattern is malformed or does
            not match a path.
    """
    require_folder(folder, "one folder of images per class")
    pattern = _compile(group_pattern) if group_pattern is not None else None
    tops: dict[str, list[Path]] = defaultdict(list)
    for top in sorted(path for path in folder.iterdir() if is_visible_folder(path)):
        tops[normalize_label(top.name)].append(top)
    if not tops:
        raise UserError(f"{folder}: no class folders: put the images of each class into a folder named after the class")
    if not set(classes or ()) & set(tops):
        _check_not_nested(folder, tops)
    for label in classes or ():
        if label not in tops:
            raise UserError(f"{folder}: no folder for class {label!r} in --classes; found {', '.join(tops)}")
    cells: list[Cell] = []
    left_out: Counter[str] = Counter()
    for label, paths in tops.items():
        below = [images_below(top) for top in paths]
        images = [image for found in below for image in found.paths]
        if classes is not None and label not in classes:
            left_out[not_selected(label)] += len(images)
            continue
        for found in below:
            left_out += found.left_out
        if not images:
            raise UserError(f"{paths[0]}: no image in this class folder: add images, or exclude it with --classes")
        for image in images:
            path = image.relative_to(folder).as_posix()
            cells.append(Cell(path, label, _group(path, pattern, folder)))
    left_out["image outside of the class folders"] += sum(is_image(path) for path in folder.iterdir())
    return SourceCells(cells, +left_out)


def _check_not_nested(folder: Path, tops: Mapping[str, Sequence[Path]]) -> None:
    """Refuse a folder whose subfolders hold class folders themselves: parts of a split, or several data sets."""
    inner = {
        path: {normalize_label(sub.name) for sub in path.iterdir() if is_visible_folder(sub)}
        for paths in tops.values()
        for path in paths
    }
    parts = [path for path, labels in inner.items() if labels and SPLIT_NAME.fullmatch(normalize_label(path.name))]
    kind = "parts of a split"
    if not parts:
        parts = [path for path, labels in inner.items() if len(labels & set(CLASSES)) > 1]
        kind = "sets of class folders"
        if len(parts) < 2:
            return
    names = ", ".join(path.name for path in parts)
    raise UserError(
        f"{folder}: {names}: these are {kind}, not classes: name one of them, such as {parts[0]}, or put the images of "
        "each class into one folder"
    )


def _compile(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise UserError(f"--group-pattern {text!r}: not a regular expression: {error}") from None
    if not pattern.groups:
        raise UserError(f"--group-pattern {text!r}: put the part that names the group in parentheses: '(slide[0-9]+)'")
    return pattern


def _group(path: str, pattern: re.Pattern[str] | None, folder: Path) -> str:
    if pattern is not None:
        match = pattern.search(path)
        if match is None or not match.group(1):
            # Falling back to the image would silently allow a slide in two splits.
            raise UserError(f"{folder / path}: --group-pattern {pattern.pattern!r} does not match this path")
        return unicodedata.normalize("NFC", match.group(1))
    parts = PurePosixPath(path).parts
    return unicodedata.normalize("NFC", parts[1]) if len(parts) > 2 else ""
