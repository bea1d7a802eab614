"""Crops of cells: an image file of a cell with some surroundings, as a person looks at it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import cv2

from edgewbc.images.encode import encode
from edgewbc.pixels import Box, Image, cut

AROUND = 2.0
"""Side of a crop as a multiple of the longer side of the cell's box."""
MAX_SIDE = 320
"""Longest side of a crop in pixels; a larger one is reduced."""
BEYOND = 208, 208, 208
"""Color of what lies beyond the edges of the image."""
QUALITY = 95
"""Of JPEG, with full resolution of color: a person sees no difference."""


def window(image: Image, box: Box | None) -> Box:
    """Return the part of an image that is shown of a cell: left, top, width, height in whole pixels.

    The cell is always in the middle, at an edge of the image too, so that nobody takes a neighbor for it; the part may
    extend beyond the image.

    Args:
        image: uint8 RGB (height, width, 3).
        box: of the cell in pixels; None shows the whole image.
    """
    height, width = image.shape[:2]
    if box is None:
        return 0.0, 0.0, float(width), float(height)
    side = float(max(1, round(AROUND * max(box[2], box[3]))))
    return float(round(box[0] + (box[2] - side) / 2)), float(round(box[1] + (box[3] - side) / 2)), side, side


def crop(image: Image, part: Box) -> bytes:
    """Return a part of an image as the bytes of a JPEG file, reduced to `MAX_SIDE` if it is larger.

    What lies beyond the image is gray (`BEYOND`).
    """
    width, height = round(part[2]), round(part[3])
    factor = min(1.0, MAX_SIDE / max(width, height))
    pixels = cut(image, part, max(1, round(height * factor)), max(1, round(width * factor)), BEYOND)
    options = (cv2.IMWRITE_JPEG_QUALITY, QUALITY, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111)
    return encode(pixels, ".jpg", options)


def save(path: Path, data: bytes) -> str:
    """Write a crop, unless the file holds it already; return its SHA-256.

    The file appears whole. It is not flushed: after a power cut the same command writes it again.
    """
    digest = hashlib.sha256(data).hexdigest()
    try:
        if path.read_bytes() == data:
            return digest
    except OSError:
        pass
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(path)
    return digest
