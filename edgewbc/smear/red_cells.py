"""Diameter of the red blood cells of an image in pixels: a ruler for the magnification that needs no white cell.

Red cells are separated from the background in green light, which hemoglobin absorbs. The outlines are cut where cells
touch (where they turn inward) and at the edges of the image; a circle is fitted to each remaining arc (Kasa 1976, IEEE
Transactions on Instrumentation and Measurement IM-25:8-14), and counts as a red cell if the arc covers more than half
of the circle and follows it closely. Pale centers do not matter, because only outer outlines are used.

Measured on public sets, in pixels (quartiles over the images with at least three red cells in parentheses):

| set | images with three | pooled median | nucleus, square root of area | red cell / nucleus |
|---|---|---|---|---|
| PBC, one cell, 300 of its images | 190 | 73.9 (71.1 to 76.7) | 78.9 (72.6 to 91.1) | 0.94 |
| BCCD, 364 fields | 165 | 91.4 (88.5 to 95.0) | 108.4 (89.3 to 118.4) | 0.84 |
| JTSC, one cell, 300 images | 0 (lysed, cut off) | none | 36.6 (33.3 to 40.9) | |

Red cells are the better ruler where they are seen: their median varies by 7 % between the images of a set (distance of
the quartiles), the nucleus by 23 % or more, and with the mixture of classes: the ratio is 0.99 for the neutrophils of
PBC, 0.87 for its lymphocytes, 0.69 for its monocytes, and 0.83, 0.96 and 0.62 on BCCD, where cells are spread more. The
annotated boxes of red cells on BCCD are larger by 15 %: they leave a margin around the outline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from edgewbc.pixels import Image
from edgewbc.smear import stain

MIN_RED_CELLS = 3
"""Minimum number of red cells that give a diameter."""

_SIDE, _FINE_SIDE = 240, 720
"""Longer side in pixels of the reduced image that is searched, and of a second one if the cells are small in it."""
_SMALL_DIAMETER = 14.0
"""Diameter in pixels of the reduced image below which the search is repeated on a larger one."""
_MANY_OUTLINES = 12
"""Minimum number of outlines in the reduced image for that."""
_MAX_DIAMETER = 0.6
"""Largest diameter of a red cell, as a share of the longer side of the image."""
_MIN_DIAMETER = 8.0
"""Smallest diameter of a red cell in pixels of the reduced image."""
_LEVEL = 0.4
"""Gray level of an outline on the way from the background to the red cells: near the background, so that pale ones
are not broken up. It lies about half a pixel outside of the edge, which makes up for outlines that run through the
centers of their pixels."""
_MIN_CONTRAST = 8
"""Minimum difference in gray levels between background and red cells."""
_NUCLEAR_STAIN = 0.25
"""Nuclear stain (see `stain.nuclear_stain`) from which a pixel belongs to a nucleus or a platelet."""
_MAX_STAINED = 0.08
"""Largest share of such pixels in a red cell."""
_INWARD = -0.25
"""Angle in radians, between one side of a point of an outline and the other, from which two cells touch there."""
_MIN_SPAN = 3.6
"""Minimum angle in radians that an arc covers."""
_MIN_POINTS = _MIN_SPAN * _MIN_DIAMETER / 2
"""Minimum number of points of such an arc."""
_MAX_CHORD = 0.65
"""Largest distance between the ends of such an arc, as a share of the number of its points: a quick test."""
_MAX_DEVIATION = 0.05
"""Largest root mean square distance of an arc from its circle, as a share of the radius."""
_MAX_AXES_RATIO = 1.35
"""Largest ratio of the axes of a cell whose whole outline is visible."""
_MIN_CONVEXITY = 0.94
"""Minimum share of its convex hull that such a cell fills."""
_MAX_DIFFERENCE = 0.4
"""Largest difference from the usual diameter, as a share of the larger one; others are not red cells."""
_MIN_SHARE_ALIKE = 0.6
"""Minimum share of the measured diameters that differ by no more than that; otherwise none of them is used."""

_Points = NDArray[np.float32]


@dataclass(frozen=True)
class RedCells:
    """The red cells of an image, or of several.

    Attributes:
        diameter: median, in pixels; of a cell that is not round, the diameter of a circle of the same area.
        count: number of red cells that were measured.
        spread: distance between the quartiles as a share of the median.
    """

    diameter: float
    count: int
    spread: float


def diameter(image: Image, background: NDArray[np.uint8]) -> RedCells | None:
    """Measure the red cells of one image; None if fewer than `MIN_RED_CELLS` can be measured, or if they differ widely.

    Args:
        image: uint8 RGB (height, width, 3): a field or a single cell, of any magnification.
        background: uint8 (3,), from `stain.background`.
    """
    return summary(diameters(image, background))


def summary(values: ArrayLike) -> RedCells | None:
    """Summarize diameters in pixels, (n,), of one image or pooled over the images of one microscope.

    Images of a single cell show few whole red cells each: pool their `diameters` rather than their medians.

    Returns:
        None if there are fewer than `MIN_RED_CELLS`, or if they differ so widely that they cannot all be red cells. A
        few outliers, such as dirt, are left out.
    """
    found = np.sort(np.asarray(values, dtype=np.float64))
    if len(found) < MIN_RED_CELLS:
        return None
    area = (found**2).cumsum()
    usual = found[area.searchsorted(area[-1] / 2)]  # half of the red area belongs to larger cells: dirt hardly counts
    near = found[(found > usual * (1 - _MAX_DIFFERENCE)) & (found < usual / (1 - _MAX_DIFFERENCE))]
    if len(near) < max(MIN_RED_CELLS, _MIN_SHARE_ALIKE * len(found)):
        return None
    quarter, middle, three_quarters = np.percentile(near, (25, 50, 75)).tolist()
    return RedCells(middle, len(near), (three_quarters - quarter) / middle)


def diameters(image: Image, background: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the diameters of the red cells of an image in pixels, float32 (n,): those with most of their outline seen.

    Args:
        image: uint8 RGB (height, width, 3).
        background: uint8 (3,), from `stain.background`.
    """
    longer = max(image.shape[:2])
    found, outlines = _search(image, background, _SIDE)
    small = not len(found) or float(np.median(found)) * _SIDE / longer < _SMALL_DIAMETER
    if longer > 1.5 * _SIDE and small and outlines >= _MANY_OUTLINES:
        finer, _ = _search(image, background, _FINE_SIDE)
        agreed = summary(finer)
        if agreed is not None and agreed.count >= 2 * MIN_RED_CELLS:
            return finer
    return found


def _search(image: Image, background: NDArray[np.uint8], work: int) -> tuple[NDArray[np.float32], int]:
    """Return the diameters in pixels of the image, searched for in a reduced one, and the number of outlines in it."""
    small, factor = stain.reduced(image, work)
    small = np.asarray(cv2.GaussianBlur(small, (3, 3), 0), dtype=np.uint8)
    nuclei = (stain.nuclear_stain(small, background) > _NUCLEAR_STAIN).view(np.uint8)
    mask = _absorbing(np.asarray(cv2.extractChannel(small, 1), dtype=np.uint8), nuclei, int(background[1]))
    if mask is None:
        return np.empty(0, np.float32), 0
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for outline in outlines:
        if len(outline) >= _MIN_POINTS:
            found += [size for size, center in _cells(outline, mask.shape) if not _stained(nuclei, center, size)]
    return np.asarray(found, dtype=np.float32) / np.float32(factor), len(outlines)


def _absorbing(green: NDArray[np.uint8], nuclei: NDArray[np.uint8], background: int) -> NDArray[np.uint8] | None:
    """Return the mask, 0 or 1, of what absorbs green light; None where nothing does but nuclei."""
    counts = stain.histogram(green, np.asarray(1 - nuclei, dtype=np.uint8)).astype(np.float64)
    if not counts.any():
        return None
    dark = counts[: stain.otsu(counts) + 1]
    cells = stain.percentile(dark.astype(np.float32), 50) if dark.any() else background
    if background - cells < _MIN_CONTRAST:
        return None
    return (green <= background - _LEVEL * (background - cells)).view(np.uint8)


def _cells(outline: NDArray[np.int32], shape: tuple[int, ...]) -> Iterator[tuple[float, tuple[float, float]]]:
    """Yield diameter and center (x, y) of the red cells along an outline, in pixels of the reduced image."""
    left, top, width, height = cv2.boundingRect(outline)
    inside = left > 0 and top > 0 and left + width < shape[1] and top + height < shape[0]
    whole = _whole(outline) if inside else None
    if whole is not None:
        yield whole
        return
    points = outline[:, 0].astype(np.float32)
    cut = _turns(points, outline) < _INWARD
    if not inside:
        cut |= (points <= 0).any(axis=1) | (points >= (shape[1] - 1, shape[0] - 1)).any(axis=1)
    for arc in _arcs(points, cut):
        across = float(np.hypot(*(arc[-1] - arc[0])))
        if across > _MAX_CHORD * len(arc):
            continue
        x, y, radius, off = _circle(arc)
        span = cv2.arcLength(arc, False) / radius
        if off <= _MAX_DEVIATION and span >= _MIN_SPAN and _MIN_DIAMETER <= 2 * radius <= _MAX_DIAMETER * max(shape):
            yield 2 * radius, (x, y)


def _whole(outline: NDArray[np.int32]) -> tuple[float, tuple[float, float]] | None:
    """Return diameter and center of a cell that is separate and inside the image; None if it is not."""
    _, (width, height), _ = cv2.minAreaRect(outline)
    area = float(cv2.contourArea(outline))
    if min(width, height) < _MIN_DIAMETER or max(width, height) > _MAX_AXES_RATIO * min(width, height):
        return None
    if area < _MIN_CONVEXITY * float(cv2.contourArea(cv2.convexHull(outline))):
        return None
    left, top, right, bottom = cv2.boundingRect(outline)
    return float(np.sqrt(4 * area / np.pi)), (left + right / 2, top + bottom / 2)


def _turns(points: _Points, outline: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return by how much the outline turns at each point, in radians, float32 (n,): negative where it turns inward."""
    reach = max(3, min(7, len(points) // 12))
    around = np.concatenate([points[-2 * reach :], points, points[: 2 * reach]])
    around = np.asarray(cv2.blur(around, (1, reach | 1), borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
    here = around[2 * reach : -2 * reach]
    before, after = here - around[reach : -3 * reach], around[3 * reach : -reach or None] - here
    turn = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1))
    return np.asarray(turn * np.sign(cv2.contourArea(outline, oriented=True)), dtype=np.float32)


def _arcs(points: _Points, cut: NDArray[np.bool_]) -> Iterator[_Points]:
    """Yield the runs of points of a closed outline between those where it is cut."""
    if not cut.any():
        yield points
        return
    start = int(cut.argmax())
    points = np.concatenate([points[start:], points[:start]])
    free = ~np.concatenate([cut[start:], cut[:start]])
    changes = np.flatnonzero(np.diff(free, append=False))
    for first, last in zip(changes[::2], changes[1::2], strict=True):
        if last - first >= _MIN_POINTS:
            yield points[first + 1 : last + 1]


def _circle(points: _Points) -> tuple[float, float, float, float]:
    """Fit a circle: center x and y, radius, and root mean square distance of the points as a share of the radius."""
    middle = points.mean(axis=0)
    x, y = (points - middle).astype(np.float64).T
    square = x * x + y * y
    xx, xy, yy, xs, ys = (float(first @ second) for first, second in ((x, x), (x, y), (y, y), (x, square), (y, square)))
    scale = 2 * max(xx * yy - xy * xy, 1e-9)
    a, b = (xs * yy - ys * xy) / scale, (ys * xx - xs * xy) / scale
    radius = max(1e-9, (a * a + b * b + (xx + yy) / len(x)) ** 0.5)
    away = np.sqrt((x - a) ** 2 + (y - b) ** 2) - radius
    off = (float(away @ away) / len(x)) ** 0.5
    return float(middle[0]) + a, float(middle[1]) + b, radius, off / radius


def _stained(nuclei: NDArray[np.uint8], center: tuple[float, float], size: float) -> bool:
    """Whether the square inside a circle holds a nucleus or a platelet."""
    x, y = center
    reach = 0.4 * size
    square = nuclei[
        max(0, int(y - reach)) : max(0, int(y + reach)) + 1, max(0, int(x - reach)) : max(0, int(x + reach)) + 1
    ]
    return square.size == 0 or cv2.countNonZero(square) > _MAX_STAINED * square.size
