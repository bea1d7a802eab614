"""Cells that are seen twice because fields overlap: found by matching the images, whatever the stage reports.

A cell and one of an earlier image that look alike suggest by how much the two images are shifted. They are the same
cell if the whole of the overlap, red cells included, then agrees: different cells do not have the same neighbors. The
images must be of one magnification, and not turned.

Of 342 cells on ten synthetic slides, whose fields overlap by 20 or 60 %, all 102 that a field before shows are found,
and no other. In public sets, 13 of 297 cells of BCCD and 15 of 300 of JTSC were found to be second images of a cell;
the six pairs that were looked at were.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Box, Image

Gray = NDArray[np.float32]

CELL = 32.0
"""Pixels to which a cell's box is reduced before images are compared."""
SIDE = 16
"""Pixels of the square that is compared first."""
ALIKE = 0.6
"""Correlation of these squares from which two cells may be the same."""
CANDIDATES = 8
"""Cells that are looked at closely, the most alike first."""
SLACK = 6
"""Reduced pixels by which the boxes of one cell may differ between two images."""
MIN_OVERLAP = 0.75
"""Minimum width and height of the overlap, in cells."""
SAME = 0.9
"""Minimum correlation of the overlap. Measured: 0.97 and more for the same cell (109 pairs on synthetic slides)."""
FINE, SAME_DETAIL = 1.5, 0.75
"""Reduced pixels up to which structures are detail, and the least correlation of detail. Where images are tight, round
cells cover nearly all of the overlap and look alike, but not in their detail. Measured: 0.87 and more for the same
cell; for others up to 0.43 on synthetic slides (4,496 pairs), PBC (2,706) and BCCD (1,015), and up to 0.62 on the tight
images of JTSC (3,656)."""
MEMORY = 256 << 20
"""Bytes of reduced images that are kept; the oldest are dropped, and cells in them are not found again."""


@dataclass(frozen=True)
class _Seen:
    """A reduced image, and the centers of its cells in its pixels."""

    gray: Gray
    name: int


class Overlaps:
    """Finds the cells of an image that were seen in an image before; feed it the images in their order."""

    def __init__(self) -> None:
        self._scale = 0.0
        self._images: deque[_Seen] = deque()
        self._bytes = 0
        self._next = 0
        self._by_name: dict[int, Gray] = {}
        self._squares: list[NDArray[np.float32]] = []
        self._cells: list[tuple[int, tuple[float, float], int]] = []

    def add(self, image: Image, boxes: Sequence[Box | None], ids: Sequence[int]) -> list[int]:
        """Return for each cell of an image the id of the cell before it that is the same one; 0 if there is none.

        Args:
            image: uint8 RGB (height, width, 3).
            boxes: of its cells in pixels; None takes the middle of the image.
            ids: of the cells, above 0.
        """
        found = [0] * len(ids)
        if not ids:
            return found
        places = [_middle(image) if box is None else box for box in boxes]
        if not self._scale:
            self._scale = CELL / max(1.0, float(np.median([max(box[2:]) for box in places])))
        gray = self._reduced(image)
        centers = [
            ((left + width / 2) * self._scale, (top + height / 2) * self._scale) for left, top, width, height in places
        ]
        squares = np.stack([_square(gray, center) for center in centers])
        if self._cells:
            alike = squares @ np.stack(self._squares).T
            for index, row in enumerate(alike):
                for earlier in np.argsort(-row, kind="stable")[:CANDIDATES]:
                    if row[earlier] < ALIKE:
                        break
                    name, center, number = self._cells[earlier]
                    before = self._by_name.get(name)
                    if before is not None and _same(gray, centers[index], before, center):
                        found[index] = number
                        break
        self._keep(gray, centers, squares, [0 if same else number for same, number in zip(found, ids, strict=True)])
        return found

    def _reduced(self, image: Image) -> Gray:
        """Return the green channel, in which stain has most contrast, reduced to the scale of the comparison."""
        green = np.ascontiguousarray(image[..., 1])
        size = max(1, round(image.shape[1] * self._scale)), max(1, round(image.shape[0] * self._scale))
        method = cv2.INTER_AREA if self._scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(green, size, interpolation=method), dtype=np.float32)

    def _keep(self, gray: Gray, centers: Sequence[tuple[float, float]], squares: Gray, ids: Sequence[int]) -> None:
        """Keep an image with the cells that are new in it; drop the oldest images if they are too many."""
        name, self._next = self._next, self._next + 1
        self._images.append(_Seen(gray, name))
        self._by_name[name] = gray
        self._bytes += gray.nbytes
        for center, square, number in zip(centers, squares, ids, strict=True):
            if number:
                self._squares.append(square)
                self._cells.append((name, center, number))
        while self._bytes > MEMORY and len(self._images) > 1:
            oldest = self._images.popleft()
            del self._by_name[oldest.name]
            self._bytes -= oldest.gray.nbytes
            first = next((i for i, cell in enumerate(self._cells) if cell[0] != oldest.name), len(self._cells))
            del self._cells[:first], self._squares[:first]


def _middle(image: Image) -> Box:
    """Return the middle of an image of one cell that was not located."""
    height, width = image.shape[:2]
    side = min(height, width) / 2
    return (width - side) / 2, (height - side) / 2, side, side


def _square(gray: Gray, center: tuple[float, float]) -> Gray:
    """Return the surroundings of a cell as a vector of mean 0 and length 1, float32 (SIDE * SIDE,)."""
    patch = np.asarray(cv2.getRectSubPix(gray, (round(1.25 * CELL), round(1.25 * CELL)), center))
    small = np.asarray(cv2.resize(patch, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.float32).reshape(-1)
    small -= small.mean()
    small /= max(float(np.linalg.norm(small)), 1e-6)
    return small


def _same(gray: Gray, at: tuple[float, float], before: Gray, was: tuple[float, float]) -> bool:
    """Return whether two images agree where they overlap, if the cell at one place is that at a place in the other.

    Args:
        gray, before: the two images.
        at, was: the cell's center (x, y) in each.
    """
    shift_x, shift_y = round(was[0] - at[0]), round(was[1] - at[1])
    height, width = gray.shape
    # The part of `gray` that lies inside of `before` for each shift that is tried.
    left, top = max(0, SLACK - shift_x), max(0, SLACK - shift_y)
    right = min(width, before.shape[1] - shift_x - SLACK)
    bottom = min(height, before.shape[0] - shift_y - SLACK)
    least = MIN_OVERLAP * CELL
    if right - left < least or bottom - top < least:
        return False
    template = gray[top:bottom, left:right]
    left_of, top_of = left + shift_x - SLACK, top + shift_y - SLACK
    around = before[top_of : bottom + shift_y + SLACK, left_of : right + shift_x + SLACK]
    if _agreement(template, around) < SAME:
        return False
    return _agreement(_detail(template), _detail(around)) >= SAME_DETAIL


def _agreement(template: Gray, around: Gray) -> float:
    """Return the highest correlation of a template with the parts of an image; 0 for a template without contrast."""
    if float(template.std()) < 1e-3:
        return 0.0
    return float(cv2.matchTemplate(around, template, cv2.TM_CCOEFF_NORMED).max())


def _detail(gray: Gray) -> Gray:
    return np.asarray(gray - cv2.GaussianBlur(gray, (0, 0), FINE), dtype=np.float32)
