"""Images in one folder per class, or in one per class below train, val and test."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgewbc.cells import CLASSES
from edgewbc.data.manifest import Split
from edgewbc.data.sources import sides
from edgewbc.data.sources.scan import (
    Cell,
    SourceCells,
    compile_group,
    group_of,
    images_below,
    is_image,
    is_visible_folder,
    normalize_label,
    not_selected,
    require_folder,
    subfolder_group,
)
from edgewbc.errors import UserError


def find(folder: Path, classes: Sequence[str] | None = None, group_pattern: str | None = None) -> SourceCells:
    """Find the cells in a folder that holds one folder per class, or such folders in train, val and test.

    Where every subfolder has the name of a side of a split (`train`, `Valid`, `test_set`) and holds folders, these are
    the class folders, and the cells have that side. Else the class is the name of the first folder level
    (`scan.normalize_label`). The group is the first capture group of `group_pattern`, searched for in the relative
    path. Without a pattern it is the subfolder below the class: `neutrophil/slide07/x.png` belongs to slide07, which is
    the same slide in every class. Without a subfolder each image is its own group.

    Args:
        folder: the folder of class folders.
        classes: class names to include; other class folders are counted in `left_out`. None includes all.
        group_pattern: regular expression with a capture group.

    Raises:
        UserError: the folder is missing or has no class folders; its subfolders are several data sets or several parts
            of one side rather than classes; a selected class has no folder or no image; the pattern is malformed or
            does not match a path.
    """
    require_folder(folder, "one folder of images per class")
    pattern = compile_group(group_pattern) if group_pattern is not None else None
    parts = _parts(folder)
    tops: dict[str, list[Path]] = defaultdict(list)
    for above in parts.values() or [folder]:
        for top in sorted(path for path in above.iterdir() if is_visible_folder(path)):
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
        for top, image in [(top, image) for top, found in zip(paths, below, strict=True) for image in found.paths]:
            path = image.relative_to(folder).as_posix()
            group = subfolder_group(path, 2 if parts else 1) if pattern is None else group_of(path, pattern, folder)
            cells.append(Cell(path, label, group, split=sides.of_path(path) if parts else None, name=top.name))
    for above in (folder, *parts.values()):
        left_out["image outside of the class folders"] += sum(is_image(path) for path in above.iterdir())
    return SourceCells(cells, +left_out)


def _parts(folder: Path) -> dict[Split, Path]:
    """Return the folders of the sides of a split; empty unless every subfolder is one, each side once, with folders."""
    found: dict[Split, Path] = {}
    for path in sorted(path for path in folder.iterdir() if is_visible_folder(path)):
        side = sides.of_name(path.name)
        if side is None or side in found or not any(is_visible_folder(inner) for inner in path.iterdir()):
            return {}
        found[side] = path
    return found if len(found) > 1 else {}


def _check_not_nested(folder: Path, tops: Mapping[str, Sequence[Path]]) -> None:
    """Refuse a folder whose subfolders hold class folders themselves: parts of a split, or several data sets."""
    inner = {
        path: {normalize_label(sub.name) for sub in path.iterdir() if is_visible_folder(sub)}
        for paths in tops.values()
        for path in paths
    }
    parts = [path for path, labels in inner.items() if labels and sides.of_name(path.name) is not None]
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
