"""Two white cells that touch, and were joined into one: split where that is certain, else reported as uncertain.

Lobes of one nucleus lie in one round cell, however far apart they are. So a nucleus that is longer than its cell is
wide, has more stained area than one cell's, and a neck, is that of two cells. Lengths are in units of the microscope's
usual nucleus.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.smear.lobes import Body, Component

_MIN_LONG, _MIN_AREA = 1.8, 1.2
"""Minimum length and area of nuclei that are looked at, in units of the usual nucleus and of its square."""
_MIN_PART = 0.2
"""Minimum share of the nuclear area on each side of the neck."""
_NECK_AT = 0.15
"""Length to each side of the neck over which the narrowest place of the cell is looked for."""
_REACH = 1.6
"""Width of a cell that is looked at on each side."""


@dataclass(frozen=True)
class _Limits:
    """From where a nucleus is that of two cells.

    Attributes:
        area: minimum area, in squares of the usual nucleus.
        length: minimum length.
        neck: largest width of the nucleus at its neck, as a share of that on the slimmer side.
        oblong: minimum length, as a multiple of the width of the cell at the neck.
        part: minimum area on each side.
    """

    area: float
    length: float
    neck: float
    oblong: float
    part: float


_MAYBE = _Limits(1.3, 1.8, 0.6, 1.05, 0.0), _Limits(1.3, 2.2, 0.85, 1.0, 0.0)
_CERTAIN = _Limits(1.4, 2.1, 0.4, 1.3, 0.6)


@dataclass(frozen=True)
class NucleusForm:
    """The form of a nucleus, lengths in units of the usual one.

    Attributes:
        area: of all lobes.
        length: along the longest axis.
        neck: least width across that axis between two parts, as a share of that of the slimmer part.
        oblong: length, as a multiple of the width of the cell at the neck.
        part: area of the smaller one of the parts beside the neck.
        point, axis: where the neck is, in pixels of the reduced image, and the direction of the axis, (x, y).
    """

    area: float
    length: float
    neck: float
    oblong: float
    part: float
    point: NDArray[np.float64]
    axis: NDArray[np.float64]

    @property
    def maybe_two(self) -> bool:
        """Whether this may be the nuclei of two cells, so that a person should look."""
        return any(self._within(limits) for limits in _MAYBE)

    @property
    def certainly_two(self) -> bool:
        """Whether this is the nuclei of two cells, which are counted as two."""
        return self._within(_CERTAIN)

    def _within(self, limits: _Limits) -> bool:
        return (
            self.area >= limits.area
            and self.length >= limits.length
            and self.neck <= limits.neck
            and self.oblong >= limits.oblong
            and self.part >= limits.part
        )


def form(nucleus: Sequence[Component], body: Body, usual: float) -> NucleusForm | None:
    """Return the form of a nucleus that is large and long enough for those of two cells; None for any other.

    Args:
        nucleus: its lobes.
        body: of the image.
        usual: square root of the usual nuclear area, in pixels of the reduced image.
    """
    left, top = (min(getattr(lobe, side) for lobe in nucleus) for side in ("left", "top"))
    right, bottom = (max(getattr(lobe, side) for lobe in nucleus) for side in ("right", "bottom"))
    area = sum(lobe.area for lobe in nucleus)
    if area < _MIN_AREA * usual**2 or np.hypot(right - left, bottom - top) < _MIN_LONG * usual:
        return None
    mask = _filled(nucleus, left, top, right, bottom)
    points = np.argwhere(mask)[:, ::-1].astype(np.float64)
    center = points.mean(axis=0)
    across, axis = np.linalg.eigh(np.cov((points - center).T) + 1e-3 * np.eye(2))[1].T
    along = np.floor((points - center) @ axis).astype(np.intp)
    start = int(along.min())
    widths = np.convolve(np.bincount(along - start), (0.25, 0.5, 0.25), "same")
    if len(widths) < _MIN_LONG * usual:
        return None
    before = widths.cumsum()
    slimmer = np.minimum(np.maximum.accumulate(widths), np.maximum.accumulate(widths[::-1])[::-1])
    smaller = np.minimum(before, before[-1] - before)
    necks = np.where(smaller >= _MIN_PART * before[-1], widths / np.maximum(slimmer, 1e-6), np.inf)
    at = int(necks.argmin())
    point = center + (left, top) + (start + at + 0.5) * axis
    reach, near = int(_REACH * usual) + 1, int(_NECK_AT * usual)
    waist = int(body.widths(point + np.arange(-near, near + 1)[:, None] * axis, across, reach).min())
    length = len(widths) / usual
    return NucleusForm(
        area / usual**2,
        length,
        float(necks[at]),
        length * usual / max(1, waist),
        float(smaller[at]) / usual**2,
        point,
        axis,
    )


def split(nucleus: Sequence[Component], shape: NucleusForm) -> tuple[list[Component], list[Component]]:
    """Return the lobes on each side of the neck; one that lies across it is cut."""
    sides: tuple[list[Component], list[Component]] = [], []
    for lobe in nucleus:
        place = (lobe.outline - shape.point) @ shape.axis
        if (place > 0).all() or (place <= 0).all():
            sides[int(place[0] > 0)].append(lobe)
            continue
        mask = _filled([lobe], lobe.left, lobe.top, lobe.right, lobe.bottom)
        y, x = np.indices(mask.shape)
        beyond = (x + lobe.left - shape.point[0]) * shape.axis[0] + (y + lobe.top - shape.point[1]) * shape.axis[1] > 0
        for number, side in enumerate((mask & ~beyond, mask & beyond)):
            sides[number].extend(_parts(side, lobe.left, lobe.top))
    return sides


def _filled(nucleus: Sequence[Component], left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
    """Return the lobes as a mask of this rectangle, uint8 0 or 1; holes are filled."""
    mask = np.zeros((bottom - top, right - left), np.uint8)
    outlines = [np.rint(lobe.outline).astype(np.int32) for lobe in nucleus]
    cv2.drawContours(mask, outlines, -1, 1, cv2.FILLED, offset=(-left, -top))
    return mask


def _parts(mask: NDArray[np.uint8], left: int, top: int) -> list[Component]:
    """Return the parts of a lobe that was cut, as components; specks are left out."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(left, top))
    found = []
    for outline in outlines:
        x, y, width, height = cv2.boundingRect(outline)
        one = np.zeros((height, width), np.uint8)
        cv2.drawContours(one, [outline], -1, 1, cv2.FILLED, offset=(-x, -y))
        area = int(one.sum())
        if area > 0.02 * mask.size:
            found.append(Component(x, y, x + width, y + height, area, np.asarray(outline, dtype=np.float32)[:, 0]))
    return found
