"""Thumbnails of a result's mistakes, as JPEG, where the images of the manifest are available."""

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
"""Side of the square around a cell's box, as a multiple of the box's longer side: the cell and its surroundings."""


def of_mistakes(data: BenchData, mistakes: Sequence[Mistake], manifest: Manifest) -> list[bytes | None]:
    """Return a JPEG for each mistake; None for an image that is missing, has changed or cannot be decoded.

    Args:
        data: which split of which manifest was classified.
        mistakes: the `worst` of one of the result's rows.
        manifest: of the images.

    Raises:
        UserError: it is not the manifest of the result, or has no such split.
    """
    if manifest.sha256 != data.manifest_sha256:
        raise UserError(
            f"{manifest.root}: has manifest {manifest.sha256[:12]}, but the result is of manifest "
            f"{str(data.manifest_sha256)[:12]}: give the manifest that was benchmarked"
        )
    entries = manifest.split(str(data.split))
    return [_of(one, data, entries, manifest) for one in mistakes]


def _of(mistake: Mistake, data: BenchData, entries: Sequence[Entry], manifest: Manifest) -> bytes | None:
    entry, exact = find(mistake, data, entries)
    if entry is None:
        return None
    try:
        image = images.read(manifest, entry)
    except UserError:
        return None
    return jpeg(crop(image, entry) if exact else image)


def find(mistake: Mistake, data: BenchData, entries: Sequence[Entry]) -> tuple[Entry | None, bool]:
    """Return the entry of a mistake, and whether it is that very cell and not another one of the same image.

    Args:
        mistake: its `index` counts the images that were classified; where these are only a part of the split
            (`--limit`), its path identifies it.
        data: how many images were classified.
        entries: of the split.
    """
    index = mistake.index
    if data.n == len(entries) and index < data.n and entries[index].path == mistake.path:
        return entries[index], True
    alike = [entry for entry in entries if entry.path == mistake.path]
    return (alike[0] if alike else None), len(alike) == 1


def crop(image: Image, entry: Entry) -> Image:
    """Return the square around an entry's box, cut at the image's edges; the full image if there is no box."""
    if entry.box is None:
        return image
    left, top, width, height = PixelSpec(1, 1, "box", scale=AROUND).rectangle(image.shape[0], image.shape[1], entry.box)
    part = image[max(0, int(top)) : int(top + height), max(0, int(left)) : int(left + width)]
    return part if part.size else image


def jpeg(image: Image) -> bytes:
    """Encode an image with its longer side resized to `SIDE` pixels."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    return encode(np.asarray(small, dtype=np.uint8), ".jpg", (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
