"""Small pictures of a result's mistakes, as JPEG, where the manifest's pictures are at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np

from edgewbc.bench.result import BenchData
from edgewbc.bench.scores import Mistake
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.images.encode import encode
from edgewbc.pixels import Image, PixelSpec

SIDE: Final = 144  # pixels of the longer side
QUALITY: Final = 82  # of the JPEG
AROUND: Final = 1.3
"""Side of the square around a cell's box, as a multiple of the box's longer side: the cell and some of its plasma."""


def of_mistakes(data: BenchData, mistakes: Sequence[Mistake], manifest: Manifest) -> list[bytes | None]:
    """A JPEG a mistake; None for a picture that is gone, has changed or cannot be decoded.

    Args:
        data: the `data` of a bench result: which split of which manifest was answered.
        mistakes: the `worst` of one of its rows.
        manifest: with the pictures.

    Raises:
        UserError: it is not the manifest of the result, or has no such split.
    """
    if manifest.sha256 != data.manifest_sha256:
        raise UserError(
            f"{manifest.root}: its manifest is {manifest.sha256[:12]}, and the result is of "
            f"{str(data.manifest_sha256)[:12]}: name the one that was answered"
        )
    entries = manifest.split(data.split or "")
    return [_of(one, data, entries, manifest) for one in mistakes]


def _of(mistake: Mistake, data: BenchData, entries: Sequence[Entry], manifest: Manifest) -> bytes | None:
    entry, sure = find(mistake, data, entries)
    if entry is None:
        return None
    try:
        picture = images.read(manifest, entry)
    except UserError:
        return None
    return jpeg(crop(picture, entry) if sure else picture)


def find(mistake: Mistake, data: BenchData, entries: Sequence[Entry]) -> tuple[Entry | None, bool]:
    """The entry of a mistake, and whether it is the very cell and not another one of the same picture.

    `index` counts the pictures that were answered. Where these were a part of the split (`--limit`), the path tells.
    """
    index = mistake.index
    if data.n == len(entries) and index < len(entries) and entries[index].path == mistake.path:
        return entries[index], True
    alike = [entry for entry in entries if entry.path == mistake.path]
    return (alike[0] if alike else None), len(alike) == 1


def crop(picture: Image, entry: Entry) -> Image:
    """The square around an entry's box, as much of it as the picture has; the whole picture if there is no box."""
    if entry.box is None:
        return picture
    left, top, width, height = PixelSpec(1, 1, "box", scale=AROUND).rectangle(
        picture.shape[0], picture.shape[1], entry.box
    )
    part = picture[max(0, int(top)) : int(top + height), max(0, int(left)) : int(left + width)]
    return part if part.size else picture


def jpeg(picture: Image) -> bytes:
    """A picture's thumbnail: the longer side `SIDE`, the shape kept."""
    tall, wide = picture.shape[:2]
    by = SIDE / max(tall, wide)
    size = (max(1, round(wide * by)), max(1, round(tall * by)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if by < 1 else cv2.INTER_LINEAR)
    return encode(np.asarray(small, dtype=np.uint8), ".jpg", (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
