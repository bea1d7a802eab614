"""Near duplicates: a perceptual hash names the candidates, the correlation of small pictures decides.

A hash alone is not enough here: single centred cells look alike to it, because it sees little but the rough layout of
light and dark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Image
from edgewbc.utils.optional import need

HASH_BITS: Final = 12
"""Candidates differ in at most this many of the 64 bits of imagehash's `phash`."""

CORRELATION: Final = 0.90
"""Candidates are near duplicates when the RGB values of their thumbnails, less the mean of each channel, correlate at
least so well. Among the 38 million pairs of PBC's 8,746 cells, the same cell taken twice has 0.99 and 0.95, and no two
cells have more than 0.85. A cell's own copy keeps 0.96 when it is saved as a poor JPEG, made brighter, restained, or
loses 3 % at the edge, and 0.90 when it is moved by 1 % of its width; beyond that it is no longer found."""

THUMBNAIL: Final = 48
_BLOCK = 1024  # rows of the distance matrix at once: 9,000 columns of float32 take 36 MB


@dataclass(frozen=True)
class Fingerprint:
    """What a picture is compared by: 64 bits as bool (64,), thumbnail uint8 RGB (48, 48, 3)."""

    bits: NDArray[np.bool_]
    thumbnail: Image


@dataclass(frozen=True)
class Near:
    """Two pictures (by position) that look the same: bits that differ, correlation of the thumbnails."""

    first: int
    second: int
    bits: int
    correlation: float


def fingerprint(picture: Image) -> Fingerprint:
    """Fingerprint of a decoded picture. Raises UserError where imagehash is not installed."""
    imagehash = need("imagehash", "edgewbc data audit")
    pillow = need("PIL.Image", "edgewbc data audit")
    small = cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA)
    thumbnail = cv2.resize(picture, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    bits = imagehash.phash(pillow.fromarray(small)).hash.ravel()
    return Fingerprint(np.asarray(bits, dtype=bool), np.asarray(thumbnail, dtype=np.uint8))


def near_duplicates(
    prints: Sequence[Fingerprint], bits: int = HASH_BITS, correlation: float = CORRELATION
) -> list[Near]:
    """All pairs of pictures that look the same, by position; first < second, in order.

    Turned or mirrored copies are not found: neither the hash nor the correlation follows them.
    """
    if len(prints) < 2:
        return []
    signs = np.where(np.stack([p.bits for p in prints]), np.float32(1), np.float32(-1))
    thumbnails = np.stack([p.thumbnail for p in prints])
    found = []
    for start in range(0, len(prints), _BLOCK):
        # The dot product of two vectors of +1 and -1 is 64 less twice the number of bits that differ.
        differ = (signs.shape[1] - signs[start : start + _BLOCK] @ signs[start:].T) / 2
        rows, columns = np.nonzero(differ <= bits)
        keep = columns > rows
        rows, columns = rows[keep], columns[keep]
        for at in range(0, len(rows), _BLOCK):
            one, two = rows[at : at + _BLOCK], columns[at : at + _BLOCK]
            alike = _correlations(thumbnails[start + one], thumbnails[start + two])
            found += [
                Near(start + int(i), start + int(j), int(differ[i, j]), float(r))
                for i, j, r in zip(one, two, alike, strict=True)
                if r >= correlation
            ]
    return found


def _correlations(ones: NDArray[np.uint8], twos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Correlation of the pictures (n, h, w, 3) of two stacks, pair by pair, (n,). Two flat pictures have 1."""
    a, b = (stack.astype(np.float32) - stack.mean((1, 2), keepdims=True, dtype=np.float32) for stack in (ones, twos))
    size_a, size_b = np.sqrt(np.sum(a * a, (1, 2, 3))), np.sqrt(np.sum(b * b, (1, 2, 3)))
    flat = (size_a < 1) & (size_b < 1)
    return np.where(flat, np.float32(1), np.sum(a * b, (1, 2, 3)) / np.maximum(size_a * size_b, np.float32(1e-6)))
