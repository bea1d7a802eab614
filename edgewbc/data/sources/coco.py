"""Images with COCO boxes: one JSON file with images, annotations and categories, or one for each side."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgewbc.data.manifest import Split
from edgewbc.data.sources import boxes, sides
from edgewbc.data.sources.boxes import Annotated, LabeledBox
from edgewbc.data.sources.scan import SourceCells, images_below, require_folder
from edgewbc.errors import UserError
from edgewbc.pixels import Box
from edgewbc.utils.files import read_json

KEYS: Final = ("images", "annotations", "categories")


def find(folder: Path, annotations: Path, group_pattern: str | None = None) -> SourceCells:
    """Find a cell per annotation.

    The side is that of the JSON file's name or folder (`instances_train2017.json`, `train/_annotations.coco.json`),
    else that of a folder in the image's path. Annotations of crowds are left out.

    Args:
        folder: folder of the images.
        annotations: the JSON file, or a folder whose JSON files with images, annotations and categories are all read.
        group_pattern: regular expression whose first capture group, searched for in the path, names the group.

    Raises:
        UserError: a file is malformed, or an image that it names does not exist or is named by two files.
    """
    below = images_below(require_folder(folder, "the images that the annotations name"))
    places = _Places(folder, below.paths)
    left_out: Counter[str] = Counter()
    found: list[Annotated] = []
    for file, values in _files(annotations):
        found += _annotated(file, values, places, left_out, _side(file, annotations))
    seen = Counter(image.path for image in found)
    if twice := next((path for path, count in seen.items() if count > 1), None):
        raise UserError(f"{annotations}: {folder / twice} is named more than once: name each image once")
    left_out["image that no annotation file names"] += len(below.paths) - len(seen)
    return boxes.cells(folder, found, left_out, group_pattern)


class _Places:
    """Finds the image files that annotations name, by their path or, failing that, by their name alone."""

    def __init__(self, folder: Path, paths: Sequence[Path]) -> None:
        self._folder = folder
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for path in paths:
            self._by_name[path.name].append(path.relative_to(folder).as_posix())

    def path(self, name: str, file: Path, side: Split | None) -> str:
        """Return the path of an image relative to the folder.

        Raises:
            UserError: no file has the name, or several have it and none is at the place that is named.
        """
        wanted = name.replace("\\", "/").removeprefix("./")
        alike = self._by_name.get(wanted.rsplit("/", 1)[-1], [])
        fitting = [path for path in alike if path == wanted or path.endswith(f"/{wanted}")] or alike
        if len(fitting) > 1 and side is not None:
            fitting = [path for path in fitting if sides.of_path(path) == side] or fitting
        if len(fitting) != 1:
            problem = "several such images" if fitting else "no such image"
            raise UserError(f"{file}: {self._folder / wanted}: {problem}: name the folder of the images with --images")
        return fitting[0]


def _files(annotations: Path) -> list[tuple[Path, Mapping[str, Any]]]:
    """Return the annotation files and their contents."""
    if not annotations.is_dir():
        values = read_json(annotations, "COCO annotations")
        if not isinstance(values, dict) or not all(isinstance(values.get(key), list) for key in KEYS):
            raise UserError(f"{annotations}: not COCO annotations: expected lists {', '.join(KEYS)}")
        return [(annotations, values)]
    found: list[tuple[Path, Mapping[str, Any]]] = []
    for path in sorted(annotations.rglob("*.json")):
        values = read_json(path, "COCO annotations")
        if isinstance(values, dict) and all(isinstance(values.get(key), list) for key in KEYS):
            found.append((path, values))
    if not found:
        raise UserError(f"{annotations}: no JSON file with {', '.join(KEYS)} in it")
    return found


def _side(file: Path, annotations: Path) -> Split | None:
    """Return the side that a file's name says (a word of it), or that of its folder below the one that was named."""
    for word in reversed(file.stem.replace("-", "_").replace(".", "_").split("_")):
        if (side := sides.of_name(word)) is not None:
            return side
    return sides.of_path(file.relative_to(annotations).as_posix()) if annotations.is_dir() else None


def _annotated(
    file: Path, values: Mapping[str, Any], places: _Places, left_out: Counter[str], side: Split | None
) -> list[Annotated]:
    try:
        names = {each["id"]: str(each["name"]) for each in values["categories"]}
        of_image: dict[Any, list[LabeledBox]] = defaultdict(list)
        for each in values["annotations"]:
            if each.get("iscrowd"):
                left_out["annotation of a crowd"] += 1
                continue
            if each["category_id"] not in names:
                raise ValueError(f"category_id {each['category_id']!r} is not among the categories")
            of_image[each["image_id"]].append(LabeledBox(names[each["category_id"]], _box(each["bbox"])))
        images = [(each["id"], str(each["file_name"])) for each in values["images"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problem = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{file}: not COCO annotations: {problem}") from None
    return [Annotated(places.path(name, file, side), tuple(of_image[key]), side) for key, name in images]


def _box(values: Any) -> Box:
    """Return left, top, width and height. Raises ValueError if they are not four numbers."""
    if not (isinstance(values, list) and len(values) == 4 and all(isinstance(v, int | float) for v in values)):
        raise ValueError(f"bbox {str(values)[:60]}: expected four numbers: left, top, width, height")
    left, top, width, height = (float(value) for value in values)
    return left, top, width, height
