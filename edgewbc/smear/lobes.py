"""Lobes of nuclei, and the body of cytoplasm that holds them, in an image that was reduced for locating cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Image

_MIN_CYTOPLASM_DENSITY = 0.08
"""Minimum optical density of cytoplasm in green light."""
_MIN_WAIST = 0.92, 0.72
"""Minimum width of a cell between two lobes, as a share of the width of the narrower lobe, and of the cell there."""
_REACH = 0.65
"""Width that is looked at on each side, in units of the square root of the area of both lobes."""

Point = NDArray[np.float32]


@dataclass(frozen=True)
class Component:
    """A connected part of the nuclear mask, in pixels of the reduced image.

    Attributes:
        left, top, right, bottom: bounds.
        area: number of pixels.
        outline: points of the outer contour, x and y, float32 (n, 2).
    """

    left: int
    top: int
    right: int
    bottom: int
    area: int
    outline: NDArray[np.float32]

    @property
    def convexity(self) -> float:
        """Area over that of the convex hull, 0 to 1."""
        return self.area / max(1.0, float(cv2.contourArea(cv2.convexHull(self.outline))))

    @property
    def center(self) -> Point:
        """Mean of the outline."""
        return np.asarray(self.outline.mean(axis=0), dtype=np.float32)

    def nearest(self, other: Component) -> tuple[float, Point, Point]:
        """Return the distance between two outlines in pixels, and the nearest point of each."""
        mine, others = self.outline[::2], other.outline[::2]
        steps = ((mine[:, None] - others[None]) ** 2).sum(axis=2)
        one, two = divmod(int(steps.argmin()), len(others))
        return float(np.sqrt(steps[one, two])), mine[one], others[two]


class Body:
    """Where an image absorbs green light: cells, whether red or white, with their cytoplasm."""

    def __init__(self, small: Image, white: NDArray[np.uint8]) -> None:
        self._green = np.asarray(cv2.extractChannel(small, 1), dtype=np.uint8)
        self._level = (int(white[1]) + 1) * float(np.exp(-_MIN_CYTOPLASM_DENSITY)) - 1

    def holds(self, first: Component, second: Component, one: Point, other: Point) -> bool:
        """Return whether one cell holds two lobes: no background between them, and no waist either.

        A cell is at least as wide between two lobes as the smaller one is; two cells that touch are not.

        Args:
            first, second: the lobes.
            one, other: the nearest points of their outlines.
        """
        steps = int(np.hypot(*(other - one))) + 1
        between = one + (other - one) * (np.arange(steps + 1) / steps)[:, None]
        if not self._inside(between).all():
            return False
        axis = second.center - first.center
        across = np.array((-axis[1], axis[0])) / max(1e-6, float(np.hypot(*axis)))
        reach = int(_REACH * np.sqrt(first.area + second.area)) + 1
        waist = self.width((one + other) / 2, across, reach)
        of_lobe, of_cell = _MIN_WAIST
        return waist >= of_lobe * min(float(np.ptp(lobe.outline @ across)) for lobe in (first, second)) and (
            waist >= of_cell * min(self.width(lobe.center, across, reach) for lobe in (first, second))
        )

    def width(self, middle: NDArray[np.floating[Any]], across: NDArray[np.float64], reach: int) -> int:
        """Return how wide the body is at a point, in pixels, up to `reach` to each side."""
        return int(self.widths(middle[None], across, reach)[0])

    def widths(self, middles: NDArray[np.floating[Any]], across: NDArray[np.float64], reach: int) -> NDArray[np.intp]:
        """Return how wide the body is at points (n, 2), as `width` does."""
        steps = np.arange(reach)[:, None] * across
        sides = np.stack([middles[:, None] - steps, middles[:, None] + steps])
        outside = ~self._inside(sides.reshape(-1, 2)).reshape(2, len(middles), reach)
        return np.asarray(np.where(outside.any(axis=2), outside.argmax(axis=2), reach).sum(axis=0), dtype=np.intp)

    def _inside(self, points: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """Return whether points (n, 2) are in a cell; those outside of the image are not."""
        x, y = np.rint(points).astype(np.intp).T
        height, width = self._green.shape
        within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        absorbing = self._green[y.clip(0, height - 1), x.clip(0, width - 1)] <= self._level
        return np.asarray(within & absorbing, dtype=np.bool_)
