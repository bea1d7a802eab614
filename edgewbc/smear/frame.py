"""Borders that are no part of the smear: padding, black corners of a turned image, the dark around a round field.

Such a border would be taken for stain, or for the background. It is replaced by the background before anything is
measured, so that an image with borders gives what it would give without them. An ordinary image costs a look at its
outermost pixels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Image
from edgewbc.smear import stain

_BLACK = 16
"""Highest level of the brightest channel in a black border. Nuclei absorb little blue, and are brighter."""
_DARK = 0.3
"""Level, as a share of the image's bright parts, below which the soft edge of a black border belongs to it."""
_MIN_BLACK = 0.02
"""Minimum share of black pixels among the outermost pixels of an image with a black border."""
_FLAT = 6
"""Largest difference of a padding's pixels from their median, in levels: JPEG's, not a camera's noise."""
_BRIGHTER, _MIN_BRIGHTER = 10, 0.2
"""Levels by which at least this share of the other pixels exceeds a flat surrounding that is no background: light
comes through a smear nowhere better than where nothing is."""
_BLOCK = 10
"""Lines over which the edge of a padding may be blurred: JPEG's blocks have 8."""
_RINGING = 24
"""Largest difference in levels from a padding's color in such a block."""
_MAX_ALIKE = 0.1
"""Largest share of pixels of a bright padding's color just inside of it, and of others in its last lines."""
_MIN_REST = 0.05
"""Minimum share of an image that is not border."""
_ALL = np.ones((3, 3), np.uint8)


def cleared(image: Image) -> Image:
    """Return an image whose borders are replaced by the background: the image itself if it has none.

    Borders are black and at the edge of the image, of any shape; or of one color all around, darker than much of the
    rest, such as the surroundings of a cell that was cut out; or straight, of one color, such as white padding.

    Args:
        image: uint8 RGB (height, width, 3); never modified.
    """
    border = mask(image)
    if border is None:
        return image
    white = stain.background(image, (1 - border).view(np.uint8))
    found = image.copy()
    found[border.view(np.bool_)] = white
    return found


def mask(image: Image) -> NDArray[np.uint8] | None:
    """Return which pixels are no part of the smear, uint8 0 or 1 (height, width); None if all may be."""
    height, width = image.shape[:2]
    if min(height, width) < 2 * _BLOCK:
        return None
    edges = image[0], image[-1], image[:, 0], image[:, -1]
    found = np.zeros((height, width), np.uint8)
    black = np.concatenate([(edge.max(axis=1) <= _BLACK) for edge in edges])
    if black.mean() >= _MIN_BLACK:
        found |= _dark(image)
    flat = [color for edge in edges if (color := _color(edge)) is not None and color.max() > _BLACK]
    if len(flat) == len(edges) and np.ptp(flat, axis=0).max() <= _FLAT:
        found |= _surroundings(image, flat[0])
    if flat:
        found |= _padding(image)
    if not found.any():
        return None
    found = np.asarray(cv2.dilate(found, _ALL, iterations=2), dtype=np.uint8)
    return None if found.mean() > 1 - _MIN_REST else found


def _color(line: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Return the color of pixels (n, 3) that are all alike; None if they are not."""
    if (line.max(axis=0).astype(np.int16) - line.min(axis=0)).max() > 2 * _FLAT:
        return None
    middle = np.asarray(np.median(line, axis=0), dtype=np.float64)
    return middle if np.abs(line - middle).max() <= _FLAT else None


def _dark(image: Image) -> NDArray[np.uint8]:
    """Return what is dark and joined to the black pixels at the edge of the image, with its soft edge."""
    brightest = np.asarray(image.max(axis=2), dtype=np.uint8)
    level = max(_BLACK, int(_DARK * stain.percentile(stain.histogram(brightest), 90)))
    _, labels = cv2.connectedComponents((brightest <= level).view(np.uint8))
    seeds = [
        side[light <= _BLACK]
        for side, light in (
            (labels[0], brightest[0]),
            (labels[-1], brightest[-1]),
            (labels[:, 0], brightest[:, 0]),
            (labels[:, -1], brightest[:, -1]),
        )
    ]
    return np.asarray(np.isin(labels, np.unique(np.concatenate(seeds))), dtype=np.uint8)


def _surroundings(image: Image, color: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the flat surroundings of an image's middle if they are too dark for a background; else nothing."""
    height, width = image.shape[:2]
    alike = cv2.inRange(image, np.floor(color - _FLAT), np.ceil(color + _FLAT)) // 255
    _, labels = cv2.connectedComponents(alike)
    found = np.asarray(labels == labels[0, 0], dtype=np.uint8)
    rest = image[..., 1][found == 0]
    if len(rest) < _MIN_REST * height * width or (rest > color[1] + _BRIGHTER).mean() < _MIN_BRIGHTER:
        return np.zeros((height, width), np.uint8)
    return found


def _padding(image: Image) -> NDArray[np.uint8]:
    """Return the straight borders of one color that end abruptly."""
    height, width = image.shape[:2]
    columns = image.transpose(1, 0, 2)
    sides = image, image[::-1], columns, columns[::-1]
    top, bottom, left, right = (_depth(lines) for lines in sides)
    found = np.zeros((height, width), np.uint8)
    across = (left, width - right), (top, height - bottom)
    for border, lines, deep, (first, last) in zip(
        (found, found[::-1], found.T, found.T[::-1]),
        sides,
        (top, bottom, left, right),
        (across[0], across[0], across[1], across[1]),
        strict=True,
    ):
        if deep and first < last:
            border[: _end(lines, deep, first, last)] = 1
    return found


def _depth(lines: Image) -> int:
    """Return how many of the first lines of an image have one color, up to half of them."""
    color = _color(lines[0])
    if color is None:
        return 0
    deep = 1
    while deep < len(lines) // 2 and np.abs(lines[deep] - color).max() <= _FLAT:
        deep += 1
    return deep


def _end(lines: Image, deep: int, first: int, last: int) -> int:
    """Return where the color of the first lines ends abruptly; 0 if it does not.

    A JPEG's block that holds the end is of nearly that color up to it. A cell on a background of this color begins
    with a narrow part of its outline.
    """
    color = np.median(lines[0], axis=0)

    def alike(at: int, levels: int) -> float:
        return float((np.abs(lines[at, first:last] - color).max(axis=1) <= levels).mean())

    end = min(deep + _BLOCK, len(lines) - 2)
    while deep < end and alike(deep, _RINGING) > 1 - _MAX_ALIKE:
        deep += 1
    return deep if deep < end and alike(deep + 1, _FLAT) <= _MAX_ALIKE else 0
