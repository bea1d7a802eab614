"""Background and optical density of a stained smear.

Light passes the stain as Beer and Lambert describe: with I0 the background and I a pixel, the optical density
-ln(I / I0) of each channel is proportional to the amount of stain (Ruifrok and Johnston 2001, Analytical and
Quantitative Cytology and Histology 23:291-299). One is added to both, so that black pixels stay finite.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Image

_DENSITY = -np.log((np.arange(256) + 1.0) / 256.0)
"""Optical density of each gray level against white."""
_AGAINST = np.maximum(_DENSITY[:, None] - _DENSITY, 0.0).astype(np.float32)
"""Optical density of each gray level (rows) against each background level (columns); 0 where brighter."""
_NUCLEAR = np.array([[1.0, 0.5, -1.0]], np.float32)
"""Weights of the optical densities in `nuclear_stain`."""

_BRIGHT = 70
"""Percentile of the green channel above which a pixel counts as background: stain and red cells absorb green most."""


def reduced(image: Image, work: int) -> tuple[Image, float]:
    """Reduce an image to a longer side of `work` pixels: quickly, by means of two by two pixels and one interpolation.

    Args:
        image: uint8 RGB (height, width, 3).
        work: longer side in pixels; an image that is smaller is left as it is.

    Returns:
        The reduced image, and its size as a share of the image's (at most 1).
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    if longer <= work:
        return image, 1.0
    size = max(1, round(width * work / longer)), max(1, round(height * work / longer))
    small = image
    while max(small.shape[:2]) >= 2 * work and min(small.shape[:2]) >= 2:
        half = small.shape[0] // 2, small.shape[1] // 2  # an odd row or column is left out: only whole factors are fast
        small = cv2.resize(small[: 2 * half[0], : 2 * half[1]], half[::-1], interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, size, interpolation=cv2.INTER_LINEAR), dtype=np.uint8), work / longer


def background(image: Image, part: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Return the background color, uint8 (3,): the median of the pixels that absorb the least green light.

    Args:
        image: uint8 RGB (height, width, 3); reduced in size and smoothed, for speed and against noise.
        part: which pixels to look at, 0 or 1; None takes all.
    """
    found: NDArray[np.uint8] = backgrounds(image[None], None if part is None else part[None])[0]
    return found


def backgrounds(images: NDArray[np.uint8], parts: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Return the background color of each image, uint8 (n, 3); see `background`.

    Args:
        images: uint8 RGB (n, height, width, 3).
        parts: which pixels to look at, 0 or 1, (n, height, width); None takes all.
    """
    green = np.ascontiguousarray(images[..., 1])
    counts = histograms(green, parts)
    least = percentiles(counts, _BRIGHT)
    counts[np.arange(256) < least[:, None]] = 0
    bright = (green >= least[:, None, None]).view(np.uint8)
    if parts is not None:
        bright &= parts
    red, blue = (histograms(images, bright, channel) for channel in (0, 2))
    return np.stack([percentiles(each, 50) for each in (red, counts, blue)], axis=1).astype(np.uint8)


def histogram(
    values: NDArray[np.uint8], mask: NDArray[np.generic] | None = None, channel: int = 0
) -> NDArray[np.float32]:
    """Return the number of pixels of each gray level, float32 (256,); only of those where `mask`, uint8, is not 0.

    Args:
        values: uint8 (height, width) or (height, width, channels).
        mask: uint8 (height, width); None counts all pixels.
        channel: that is counted.
    """
    return np.asarray(cv2.calcHist([values], [channel], mask, [256], [0, 256]), dtype=np.float32).ravel()


def histograms(
    values: NDArray[np.uint8], masks: NDArray[np.uint8] | None = None, channel: int = 0
) -> NDArray[np.float32]:
    """Return what `histogram` does of each of several images, float32 (n, 256), from one histogram of two dimensions.

    Args:
        values: uint8 (n, height, width) or (n, height, width, channels).
        masks: uint8 (n, height, width); None counts all pixels.
        channel: that is counted.
    """
    count, height, width = values.shape[:3]
    if count == 1:
        return histogram(values[0], None if masks is None else masks[0], channel)[None]
    if count > 256:  # the number of an image is a byte
        parts = range(0, count, 256)
        of = [None if masks is None else masks[at : at + 256] for at in parts]
        return np.concatenate(
            [histograms(values[at : at + 256], one, channel) for at, one in zip(parts, of, strict=True)]
        )
    rows = values.reshape(count * height, width, *values.shape[3:])
    mask = None if masks is None else masks.reshape(count * height, width)
    ranges = [0, count, 0, 256]
    found = cv2.calcHist([_numbers(count, height, width), rows], [0, 1 + channel], mask, [count, 256], ranges)
    return np.asarray(found, dtype=np.float32)


@lru_cache(16)
def _numbers(count: int, height: int, width: int) -> NDArray[np.uint8]:
    """Return the number of the image that each pixel of so many belongs to, uint8 (count * height, width)."""
    return np.repeat(np.arange(count, dtype=np.uint8), height * width).reshape(count * height, width)


def percentile(counts: NDArray[np.float32], percent: float) -> int:
    """Return the least gray level that at least this share of the pixels does not exceed, from their histogram."""
    below = counts.cumsum()
    return int(below.searchsorted(percent / 100 * below[-1]))


def percentiles(counts: NDArray[np.float32], percent: float) -> NDArray[np.int64]:
    """Return what `percentile` does of each of several histograms (n, 256), int64 (n,)."""
    below = counts.cumsum(axis=1)
    found: NDArray[np.int64] = (below >= percent / 100 * below[:, -1:]).argmax(axis=1)
    return found


def otsu(counts: NDArray[np.float64]) -> int:
    """Return the last bin below the threshold with the largest variance between the two sides (Otsu 1979).

    Args:
        counts: histogram, float64 (n,), not all 0.
    """
    below, sums = counts.cumsum(), (counts * np.arange(len(counts))).cumsum()
    total, mean = below[-1], sums[-1] / below[-1]
    return int(((mean * below - sums) ** 2 / np.maximum(below * (total - below), 1e-9)).argmax())


def optical_density(image: Image, white: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the optical density of each channel, float32 (height, width, 3); 0 where brighter than the background.

    Args:
        image: uint8 RGB (height, width, 3).
        white: background color, uint8 (3,).
    """
    return np.asarray(cv2.LUT(image, _AGAINST[None, :, white]), dtype=np.float32)


def nuclear_stain(image: Image, white: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how much a pixel looks like a nucleus, float32 (height, width): R + G / 2 - B in optical density.

    Azure B, the stain of nuclei, absorbs red and green and little blue. Hemoglobin absorbs blue as much as green and
    little red, so that red cells come out near or below 0 even where they are as dark as the cytoplasm.

    Args:
        image: uint8 RGB (height, width, 3).
        white: background color, uint8 (3,).
    """
    return np.asarray(cv2.transform(optical_density(image, white), _NUCLEAR), dtype=np.float32)


def nuclear_stains(images: NDArray[np.uint8], white: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what `nuclear_stain` does of each of several images (n, height, width, 3), float32 (n, height, width).

    Args:
        images: uint8 RGB (n, height, width, 3).
        white: background color of each, uint8 (n, 3).
    """
    density = np.empty(images.shape, np.float32)
    for image, color, found in zip(images, white, density, strict=True):
        cv2.LUT(image, _AGAINST[None, :, color], found)
    stained = cv2.transform(density.reshape(-1, images.shape[2], 3), _NUCLEAR)
    return np.asarray(stained, dtype=np.float32).reshape(images.shape[:3])
