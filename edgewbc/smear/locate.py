"""Locate white blood cells in an image by their nuclei, whatever its magnification.

The image is reduced to a fixed size, nuclei are segmented in optical density, and the lobes of one nucleus are joined
by their distance in units of the nucleus. No size in pixels is assumed: the largest nucleus of the image sets the
scale, so that fields and images of single cells take the same path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Box, Image
from edgewbc.smear import stain

WORK = 240
"""Longer side in pixels of the reduced image that is searched."""

_FLOOR = 0.25
"""Least nuclear stain (see `stain.nuclear_stain`) of a nucleus: the palest nuclei seen have 0.4."""
_OF_DARKEST = 0.45
"""Most that the threshold may be, as a share of the darkest nucleus: a pale nucleus beside a dark one stays in."""
_STAINED = 0.15
"""Nuclear stain from which a pixel takes part in choosing the threshold."""
_FEWEST = 20
"""Fewest stained pixels of the reduced image that can hold a nucleus."""
_LOBE = 0.04
"""Least area of a lobe, as a share of the largest component: smaller ones are granules, platelets or dirt."""
_GAP = 0.4
"""Largest gap between lobes of one nucleus, in units of the square root of the largest component's area."""
_APART = 0.6, 0.9
"""Two components that are both at least this large (of the largest) and this convex are two cells, however close."""
_CELL = 0.16
"""Least nuclear area of a cell, as a share of the cell with the largest one."""
_MARGIN = 0.3
"""Cytoplasm around the nucleus on each side, in units of the square root of the nuclear area."""
_MOST = 64
"""Most components that are looked at, the largest first: noise has thousands."""

_OPENING = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


@dataclass(frozen=True)
class LocatedCell:
    """A white blood cell in an image.

    Attributes:
        box: around nucleus and cytoplasm, in pixels of the image, clipped to it.
        nucleus_area: square pixels of the image.
        cut_off: whether the nucleus touches the edge of the image, so that a part of the cell is missing.
    """

    box: Box
    nucleus_area: float
    cut_off: bool


@dataclass(frozen=True)
class _Component:
    """A connected part of the nuclear mask, in pixels of the reduced image."""

    left: int
    top: int
    right: int
    bottom: int
    area: int
    outline: NDArray[np.float32]

    @property
    def convexity(self) -> float:
        return self.area / max(1.0, float(cv2.contourArea(cv2.convexHull(self.outline))))

    def gap(self, other: _Component) -> float:
        """Return the distance between two outlines in pixels."""
        steps = self.outline[::2, None] - other.outline[None, ::2]
        return float(np.sqrt((steps**2).sum(axis=2).min()))


def locate(image: Image, work: int = WORK) -> list[LocatedCell]:
    """Locate the white blood cells of an image, the one with the largest nucleus first.

    Nucleated red cells and megakaryocytes are located too: they have nuclei. Platelets and stain deposits are left out
    where the image also holds a larger nucleus.

    Args:
        image: uint8 RGB (height, width, 3); a field or a single cell, of any magnification at which a cell is between
            a thirtieth and the whole of the longer side.
        work: longer side in pixels to which a larger image is reduced first.
    """
    height, width = image.shape[:2]
    factor = min(1.0, work / max(height, width))
    small = image
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), dtype=np.uint8)
    components = _components(_nuclei(small))
    cells = _cells(components)
    largest = max((sum(part.area for part in cell) for cell in cells), default=0)
    cells = [cell for cell in cells if sum(part.area for part in cell) >= _CELL * largest]
    cells.sort(key=lambda cell: (-sum(part.area for part in cell), cell[0].top, cell[0].left))
    return [_located(cell, small.shape[1], small.shape[0], factor) for cell in cells]


def central(cells: Sequence[LocatedCell], height: int, width: int) -> LocatedCell | None:
    """Return the cell that an image of one cell was taken of: large and near the center. None where there is none."""

    def weight(cell: LocatedCell) -> float:
        left, top, box_width, box_height = cell.box
        off = (left + box_width / 2 - width / 2) ** 2 + (top + box_height / 2 - height / 2) ** 2
        return cell.nucleus_area * float(np.exp(-off / (2 * (0.22 * width) ** 2)))

    return max(cells, key=weight, default=None)


def _nuclei(small: Image) -> NDArray[np.uint8]:
    """Return the mask of nuclei, uint8 0 or 1, by Otsu's threshold on the nuclear stain within fixed bounds."""
    stained = stain.nuclear_stain(small, stain.background(small))
    values = stained[stained > _STAINED]
    if len(values) < _FEWEST:
        return np.zeros(stained.shape, np.uint8)
    threshold = max(_FLOOR, min(_otsu(values), _OF_DARKEST * float(np.percentile(stained, 99.5))))
    mask = (stained > threshold).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _OPENING), dtype=np.uint8)


def _otsu(values: NDArray[np.float32], bins: int = 128) -> float:
    """Return the threshold with the largest variance between classes (Otsu 1979)."""
    counts, edges = np.histogram(values, bins)
    centers = (edges[:-1] + edges[1:]) / 2
    share = counts / counts.sum()
    below, mean = np.cumsum(share), np.cumsum(share * centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mean[-1] * below - mean) ** 2 / (below * (1 - below))
    return float(centers[np.nanargmax(np.where(np.isfinite(between), between, -1.0))])


def _components(mask: NDArray[np.uint8]) -> list[_Component]:
    """Return the connected parts of a mask that can be lobes of a nucleus, the largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    order = sorted(range(1, count), key=lambda index: -int(stats[index, cv2.CC_STAT_AREA]))[:_MOST]
    found = []
    for index in order:
        left, top, width, height, area = (int(value) for value in stats[index])
        if area < _LOBE * stats[order[0], cv2.CC_STAT_AREA]:
            break
        part = (labels[top : top + height, left : left + width] == index).astype(np.uint8)
        outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(left, top))
        outline = np.asarray(outlines[0], dtype=np.float32)[:, 0]
        found.append(_Component(left, top, left + width, top + height, area, outline))
    return found


def _cells(components: list[_Component]) -> list[list[_Component]]:
    """Join the components that are lobes of one nucleus."""
    if not components:
        return []
    cell_of = list(range(len(components)))
    reach = _GAP * float(np.sqrt(components[0].area))
    for first, second in combinations(range(len(components)), 2):
        if cell_of[first] != cell_of[second] and _one_nucleus(components[first], components[second], reach, components):
            cell_of = [cell_of[first] if cell == cell_of[second] else cell for cell in cell_of]
    return [
        [part for part, its in zip(components, cell_of, strict=True) if its == cell] for cell in dict.fromkeys(cell_of)
    ]


def _one_nucleus(first: _Component, second: _Component, reach: float, components: list[_Component]) -> bool:
    apart = max(
        max(first.left, second.left) - min(first.right, second.right),
        max(first.top, second.top) - min(first.bottom, second.bottom),
    )
    if apart > reach:
        return False
    large, convex = _APART
    if second.area >= large * components[0].area and min(first.convexity, second.convexity) > convex:
        return False
    return first.gap(second) <= reach


def _located(cell: list[_Component], width: int, height: int, factor: float) -> LocatedCell:
    area = sum(part.area for part in cell)
    left, top = min(part.left for part in cell), min(part.top for part in cell)
    right, bottom = max(part.right for part in cell), max(part.bottom for part in cell)
    cut_off = left == 0 or top == 0 or right == width or bottom == height
    margin = _MARGIN * float(np.sqrt(area))
    left_edge, top_edge = max(0.0, left - margin), max(0.0, top - margin)
    box_width = min(float(width), right + margin) - left_edge
    box_height = min(float(height), bottom + margin) - top_edge
    box = (left_edge / factor, top_edge / factor, box_width / factor, box_height / factor)
    return LocatedCell(box, area / factor**2, cut_off)
