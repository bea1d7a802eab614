"""Near-duplicate detection: a perceptual hash selects candidates, the correlation of thumbnails decides.

The hash alone is not specific enough: it encodes little but the rough layout of light and dark, which single centered
cells share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.data import similar_hashes
from edgewbc.data.similar_hashes import Hashes
from edgewbc.pixels import Image
from edgewbc.utils.optional import need
from edgewbc.utils.progress import Progress, quiet

Places: TypeAlias = NDArray[np.int64]
"""Numbers of images, int64 (n,)."""

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
MOST: Final = 20
"""Near duplicates of an image that are listed. Images that look the same by the thousand, such as black or blank ones,
would be pairs by the million: of those, only as many pairs are listed as connect all of them."""
_BLOCK = 1024  # pairs of thumbnails at once
_FEW = 32


@dataclass(frozen=True)
class Fingerprint:
    """Fingerprint of an image: hash bits, bool (64,), and thumbnail, uint8 RGB (48, 48, 3)."""

    bits: NDArray[np.bool_]
    thumbnail: Image

    @property
    def hash(self) -> int:
        """The bits as one number of 64 bits, in this machine's order of bytes."""
        return int(np.packbits(self.bits).view(np.uint64)[0])


@dataclass(frozen=True, slots=True)
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


class _Listed:
    """Which images the listed pairs connect, and in how many pairs each of them is.

    Connected images form a tree in `_above`, which leads from each to the one that stands for all of them.
    """

    def __init__(self, count: int, most: int) -> None:
        self._above = np.arange(count)
        self._pairs = np.zeros(count, np.int64)
        self._most = most

    def wanted(self, ones: Places, twos: Places) -> NDArray[np.bool_]:
        """Return which pairs are to be listed, bool (n,): those that connect, and those of images in few pairs."""
        few = (self._pairs[ones] < self._most) & (self._pairs[twos] < self._most)
        few[~few] = self._tops(ones[~few]) != self._tops(twos[~few])
        return few

    def add(self, one: int, two: int) -> bool:
        """List a pair if it is wanted; return whether it was."""
        top, other = self._top(one), self._top(two)
        if top == other and max(self._pairs[one], self._pairs[two]) >= self._most:
            return False
        self._above[max(top, other)] = min(top, other)
        self._pairs[[one, two]] += 1
        return True

    def _tops(self, images: Places) -> Places:
        tops = self._above[images]
        while not np.array_equal(above := self._above[tops], tops):
            tops = above
        self._above[images] = tops  # the way is shorter next time
        return tops

    def _top(self, image: int) -> int:
        above = self._above
        while above[image] != image:
            above[image] = above[above[image]]
            image = int(above[image])
        return image


def near_duplicates(
    prints: Sequence[Fingerprint], bits: int = HASH_BITS, correlation: float = CORRELATION
) -> list[Near]:
    """Return the pairs of images that look the same, sorted, with `first < second`; see `near_pairs`.

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
    places: Places,
    thumbnails: NDArray[np.uint8],
    bits: int = HASH_BITS,
    correlation: float = CORRELATION,
    progress: Progress = quiet,
    max_exact: int = MAX_EXACT,
    most: int = MOST,
) -> list[Near]:
    """Return the pairs of images that look the same, sorted, with `first < second`.

    Rotated and mirrored copies are not detected. Of more than `max_exact` images, some of the pairs whose hashes differ
    in many bits are not found either (see `similar_hashes.recall`). A pair is left out if one of its images is in
    `most` pairs already and others connect the two, so that the list grows with the number of images, however many of
    them look the same, and whoever follows the pairs still reaches all of these.

    Args:
        hashes: of the images, uint64 (n,).
        places: of their thumbnails, int64 (n,).
        thumbnails: uint8 RGB (at least n, 48, 48, 3); may be mapped from a file.
        bits: largest number of differing hash bits of a candidate.
        correlation: smallest correlation of the thumbnails.
        progress: shows progress.
        max_exact: images up to which every hash is compared with every other.
        most: pairs of an image beyond which a pair is listed only to connect.
    """
    exact = len(hashes) <= max_exact
    pairs = (similar_hashes.all_pairs if exact else similar_hashes.most_pairs)(hashes, bits)
    found: list[Near] = []
    listed, size = _Listed(len(hashes), most), _BLOCK
    for ones, twos in progress(pairs, "compare", None):
        for at in range(0, len(ones), _BLOCK):
            one, two = ones[at : at + _BLOCK], twos[at : at + _BLOCK]
            while len(wanted := np.flatnonzero(listed.wanted(one, two))):
                one, two = one[wanted], two[wanted]
                alike = _correlations(thumbnails[places[one[:size]]], thumbnails[places[two[:size]]])
                same = np.flatnonzero(alike >= correlation)
                new = [k for k in same if listed.add(int(one[k]), int(two[k]))]
                differ = similar_hashes.distances(hashes[one[new]], hashes[two[new]])
                found += [
                    Near(int(one[k]), int(two[k]), int(d), float(alike[k])) for k, d in zip(new, differ, strict=True)
                ]
                one, two = one[size:], two[size:]
                size = min(_BLOCK, 2 * size) if len(new) == len(same) else _FEW  # else most that follow are not wanted
    return sorted(found, key=lambda near: (near.first, near.second))


def _correlations(ones: NDArray[np.uint8], twos: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the pairwise correlation of two stacks of images (n, h, w, 3), (n,); 1 for two uniform images."""
    a, b = _centered(ones), _centered(twos)
    size_a, size_b = np.sqrt(_products(a, a)), np.sqrt(_products(b, b))
    flat = (size_a < 1) & (size_b < 1)
    return np.where(flat, np.float32(1), _products(a, b) / np.maximum(size_a * size_b, np.float32(1e-6)))


def _centered(stack: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images (n, h, w, 3) less the mean of each channel, (n, h * w * 3)."""
    images, height, width, channels = stack.shape
    pixels = height * width
    flat = stack.reshape(images, pixels, channels).astype(np.float32)
    flat -= np.full((1, pixels), 1 / pixels, np.float32) @ flat  # in a fraction of the time of `mean`
    return flat.reshape(images, pixels * channels)


def _products(ones: NDArray[np.float32], twos: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("ni,ni->n", ones, twos), np.float32)
