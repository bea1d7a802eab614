"""Near-duplicate detection: a perceptual hash selects candidates, the correlation of thumbnails decides.

The hash alone is not specific enough: it encodes little but the rough layout of light and dark, which single centered
cells share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.data import similar_hashes
from edgewbc.data.similar_hashes import Hashes
from edgewbc.pixels import Image
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

HASH_BITS: Final = 12
"""Candidates differ in at most this many of the 64 bits of imagehash's `phash`."""

CORRELATION: Final = 0.90
"""Smallest correlation of near duplicates, of the RGB values of their thumbnails less the mean of each channel.

Among the 38 million pairs of PBC's 8,746 cells, the two pairs that show one cell twice have 0.99 and 0.95, and no two
different cells have more than 0.85. A copy keeps 0.96 when it is saved as a low-quality JPEG, brightened, restained or
cropped by 3 %, and 0.90 when it is shifted by 1 % of its width; larger shifts are not detected."""

THUMBNAIL: Final = 48
MAX_EXACT: Final = 100_000
"""Images up to which every hash is compared with every other; that takes half a minute."""
_BLOCK = 1024  # pairs of thumbnails at once


@dataclass(frozen=True)
class Fingerprint:
    """Fingerprint of an image: hash bits, bool (64,), and thumbnail, uint8 RGB (48, 48, 3)."""

    bits: NDArray[np.bool_]
    thumbnail: Image

    @property
    def hash(self) -> int:
        """The bits as one number of 64 bits, in this machine's order of bytes."""
        return int(np.packbits(self.bits).view(np.uint64)[0])


@dataclass(frozen=True)
class Near:
    """Two images, by index, that look the same: number of differing bits, correlation of the thumbnails."""

    first: int
    second: int
    bits: int
    correlation: float


def fingerprint(image: Image) -> Fingerprint:
    """Compute the fingerprint of an image, uint8 RGB (h, w, 3). Raises UserError if imagehash is not installed."""
    imagehash = need("imagehash", "edgewbc data audit")
    pillow = need("PIL.Image", "edgewbc data audit")
    small = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
    thumbnail = cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    bits = imagehash.phash(pillow.fromarray(small)).hash.ravel()
    return Fingerprint(np.asarray(bits, dtype=bool), np.asarray(thumbnail, dtype=np.uint8))


def near_duplicates(
    prints: Sequence[Fingerprint], bits: int = HASH_BITS, correlation: float = CORRELATION
) -> list[Near]:
    """Return all pairs of images that look the same, sorted, with `first < second`; see `near_pairs`.

    Args:
        prints: fingerprints of the images.
        bits: largest number of differing hash bits of a candidate.
        correlation: smallest correlation of the thumbnails.
    """
    if len(prints) < 2:
        return []
    hashes = np.array([each.hash for each in prints], dtype=np.uint64)
    thumbnails = np.stack([each.thumbnail for each in prints])
    return near_pairs(hashes, np.arange(len(prints)), thumbnails, bits, correlation)


def near_pairs(
    hashes: Hashes,
    places: NDArray[np.int64],
    thumbnails: NDArray[np.uint8],
    bits: int = HASH_BITS,
    correlation: float = CORRELATION,
    progress: Progress = quiet,
    max_exact: int = MAX_EXACT,
) -> list[Near]:
    """Return the pairs of images that look the same, sorted, with `first < second`.

    Rotated and mirrored copies are not detected. Of more than `max_exact` images, some of the pairs whose hashes differ
    in many bits are not found either (see `similar_hashes.recall`).

    Args:
        hashes: of the images, uint64 (n,).
        places: of their thumbnails, int64 (n,).
        thumbnails: uint8 RGB (at least n, 48, 48, 3); may be mapped from a file.
        bits: largest number of differing hash bits of a candidate.
        correlation: smallest correlation of the thumbnails.
        progress: shows progress.
        max_exact: images up to which every hash is compared with every other.
    """
    exact = len(hashes) <= max_exact
    pairs = (similar_hashes.all_pairs if exact else similar_hashes.most_pairs)(hashes, bits)
    found = []
    for ones, twos in progress(pairs, "compare", None):
        for at in range(0, len(ones), _BLOCK):
            one, two = ones[at : at + _BLOCK], twos[at : at + _BLOCK]
            alike = _correlations(thumbnails[places[one]], thumbnails[places[two]])
            same = alike >= correlation
            differ = similar_hashes.distances(hashes[one[same]], hashes[two[same]])
            found += [
                Near(int(i), int(j), int(d), float(r))
                for i, j, d, r in zip(one[same], two[same], differ, alike[same], strict=True)
            ]
    return sorted(found, key=lambda near: (near.first, near.second))


def _correlations(ones: NDArray[np.uint8], twos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the pairwise correlation of two stacks of images (n, h, w, 3), (n,); 1 for two uniform images."""
    a, b = (stack.astype(np.float32) - stack.mean((1, 2), keepdims=True, dtype=np.float32) for stack in (ones, twos))
    size_a, size_b = np.sqrt(np.sum(a * a, (1, 2, 3))), np.sqrt(np.sum(b * b, (1, 2, 3)))
    flat = (size_a < 1) & (size_b < 1)
    return np.where(flat, np.float32(1), np.sum(a * b, (1, 2, 3)) / np.maximum(size_a * size_b, np.float32(1e-6)))
