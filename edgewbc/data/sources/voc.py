"""Images with Pascal VOC boxes: an XML file per image."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from edgewbc.data.manifest import Split
from edgewbc.data.sources import boxes
from edgewbc.data.sources.boxes import Annotated, LabeledBox
from edgewbc.data.sources.scan import SourceCells, images_below, require_folder
from edgewbc.errors import UserError

CONTENTS: Final = "images, and an XML file of boxes for each, beside it or in a folder Annotations"
FOLDERS: Final = ("Annotations", "annotations", "Annotation", "xml", "labels")


class _NoDoctype(ET.TreeBuilder):
    """Rejects a DOCTYPE, so that a file can declare no entities (which could expand without limit or read files)."""

    def doctype(self, name: str, public: str, system: str) -> None:
        raise ValueError(f"it has a DOCTYPE ({name}), which is not accepted")


def read(path: Path, only: Collection[str] | None = None) -> list[LabeledBox]:
    """Read the boxes of an annotation.

    Args:
        path: XML file.
        only: labels to read; None reads all. What is wrong with boxes of other labels does not matter.

    Raises:
        UserError: the file is missing, is not an annotation, has a DOCTYPE, or a box has no area.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}): the data set is incomplete") from None
    try:
        tree = ET.fromstring(data, ET.XMLParser(target=_NoDoctype()))  # noqa: S314 - no DOCTYPE, so no entities
        found: list[LabeledBox] = []
        for thing in tree.iter("object"):
            name = (thing.findtext("name") or "").strip()
            if only is not None and name not in only:
                continue
            x0, y0, x1, y1 = (float(thing.findtext(f"bndbox/{s}") or "") for s in ("xmin", "ymin", "xmax", "ymax"))
            if not (x1 > x0 and y1 > y0):
                raise ValueError(f"a {name} box has no area")
            found.append(LabeledBox(name, (x0, y0, x1 - x0, y1 - y0)))
    except (ET.ParseError, ValueError) as error:
        raise UserError(f"{path}: not a VOC annotation: {error}") from None
    return found


def find(folder: Path, group_pattern: str | None = None) -> SourceCells:
    """Find a cell per box.

    The XML file has the name of the image and lies beside it, or in `Annotations` where the image is in `JPEGImages` or
    `images`. The side is that of the lists in ImageSets/Main, if there are any, else that of a folder in the path.

    Args:
        folder: folder of the data set.
        group_pattern: regular expression whose first capture group, searched for in the path, names the group.

    Raises:
        UserError: an annotation is malformed, or there are none.
    """
    below = images_below(require_folder(folder, CONTENTS))
    left_out = below.left_out
    for suffix in (".xml", ".txt"):
        del left_out[f"not a supported image format ({suffix})"]
    listed = _listed(folder)
    found = []
    for image in below.paths:
        file = _annotation(image, folder)
        if file is None:
            left_out["image without an annotation"] += 1
            continue
        side = listed.get(image.stem) if listed else None
        if listed and side is None:
            left_out["image in no list of ImageSets"] += 1
            continue
        found.append(Annotated(image.relative_to(folder).as_posix(), tuple(read(file)), side))
    return boxes.cells(folder, found, left_out, group_pattern)


def _annotation(image: Path, folder: Path) -> Path | None:
    """Return the XML file of an image."""
    relative = image.relative_to(folder).with_suffix(".xml").parts
    candidates = [image.with_suffix(".xml")]
    for place in range(len(relative) - 1):
        for name in FOLDERS:
            candidates.append(folder.joinpath(*relative[:place], name, *relative[place + 1 :]))
    candidates += [folder / name / relative[-1] for name in FOLDERS]
    return next((file for file in candidates if file.is_file()), None)


def _listed(folder: Path) -> Mapping[str, Split]:
    """Return the side of each image by its name without extension; empty if the data set has no lists."""
    found: dict[str, Split] = {}
    for side in Split:
        path = folder / "ImageSets" / "Main" / f"{side}.txt"
        if path.is_file():
            for line in path.read_text(encoding="utf-8-sig", errors="replace").splitlines():
                words = line.split()
                if words and found.setdefault(words[0], side) != side:
                    raise UserError(f"{path}: {words[0]} is in the list {found[words[0]]} too")
    return found
