"""Locate white blood cells in an image by their nuclei, whatever its magnification.

The image is reduced to a fixed size, nuclei are segmented in optical density, and the lobes of one nucleus are joined
by their distance in units of the nucleus. No size in pixels is assumed: the largest nucleus of the image sets the
scale, so that fields and images of single cells take the same path. Lobes that lie further apart are joined if one
body of cytoplasm holds both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Box, Image
from edgewbc.smear import pairs, stain
from edgewbc.smear.lobes import Body, Component

WORK = 240
"""Longer side in pixels of the reduced image that is searched."""

_MIN_STAIN = 0.25
"""Minimum nuclear stain (see `stain.nuclear_stain`) of a nucleus: the palest nuclei seen have 0.4."""
_MAX_OF_DARKEST = 0.45
"""Maximum of the threshold, as a share of the darkest nucleus: a pale nucleus beside a dark one stays in."""
_WEAK_STAIN = 0.15
"""Nuclear stain from which a pixel takes part in choosing the threshold."""
_BIN, _BINS = 1 / 64, 320
"""Width and number of the bins of nuclear stain in which the threshold is chosen."""
_MIN_STAINED_PIXELS = 20
"""Minimum number of stained pixels of the reduced image that can hold a nucleus."""
_MIN_LOBE = 0.04
"""Minimum area of a lobe, as a share of the largest component: smaller ones are granules, platelets or dirt."""
_MAX_GAP = 0.4
"""Largest gap between lobes of one nucleus, in units of the square root of the largest component's area."""
_SEPARATE_CELLS = 0.6, 0.9
"""Two components that are both at least this large (of the largest) and this convex are two cells, however close,
unless one body of cytoplasm holds them."""
_MAX_SHARED_GAP = 1.0
"""Largest gap between lobes that one body of cytoplasm holds, in the unit of `_MAX_GAP`."""
_MIN_SHARED_LOBE = 0.1
"""Minimum area of such a lobe, as a share of the largest component."""
_MIN_CELL = 0.16
"""Minimum nuclear area of a cell, as a share of the cell with the largest one."""
_MIN_NUCLEUS = 0.5, 0.35
"""Minimum square root of the nuclear area of a cell that is whole and of one that is cut off, as a share of the usual
one: platelets have 0.2 to 0.45, nuclei of small lymphocytes and erythroblasts 0.65 and more."""
_SQUARE = 1.2
"""Largest ratio of the sides of an image that counts as square."""
_NEAR_SQUARE, _NEAR_OBLONG, _NEAR_LARGE = 0.16, 0.07, 0.25
"""Largest distance of the one cell of an image from the middle, as a share of the shorter side: in a square image, in
an oblong one, and where the cell fills the image."""
_FILLS = 0.75
"""Longer side of a cell that fills the image, as a share of the image's shorter side."""
_CROWD, _CROWD_AREA = 4, 0.5
"""More cells than this that are whole, with at least this share of the central one's nuclear area, make a field."""
_SMALL = 0.2
"""Longer side of a cell, as a share of the image's shorter side, below which one other such cell makes a field."""
_MARGIN = 0.3
"""Cytoplasm around the nucleus on each side, in units of the square root of the nuclear area."""
_MAX_COMPONENTS = 64
"""Maximum number of components that are looked at, the largest first: noise has thousands."""

_OPENING = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


@dataclass(frozen=True)
class LocatedCell:
    """A white blood cell in an image.

    Attributes:
        box: around nucleus and cytoplasm, in pixels of the image, clipped to it.
        nucleus_area: square pixels of the image.
        cut_off: whether the nucleus touches the edge of the image, so that a part of the cell is missing.
        maybe_two: whether this may be two cells that touch (see `smear.pairs`); known only where the size of nuclei is.
    """

    box: Box
    nucleus_area: float
    cut_off: bool
    maybe_two: bool = False

    @property
    def extent(self) -> float:
        """Longer side of the box around the nucleus alone, in pixels of the image."""
        return max(self.box[2:]) - 2 * _MARGIN * float(np.sqrt(self.nucleus_area))


def locate(image: Image, work: int = WORK, nucleus: float | None = None) -> list[LocatedCell]:
    """Locate the white blood cells of an image, the one with the largest nucleus first.

    Nucleated red cells and megakaryocytes are located too: they have nuclei. Platelets and stain deposits are left out
    where the image also holds a larger nucleus, and in fields where the size of nuclei is known.

    Args:
        image: uint8 RGB (height, width, 3); a field or a single cell, of any magnification at which a cell is between
            a thirtieth and the whole of the longer side.
        work: longer side in pixels to which a larger image is reduced first.
        nucleus: square root of the usual nuclear area in pixels of the image, from the microscope's profile. What is
            far too small is then left out, except for the cell that an image of one cell was taken of, which may be a
            platelet.
    """
    return search(image, work, nucleus)[0]


def search(image: Image, work: int = WORK, nucleus: float | None = None) -> tuple[list[LocatedCell], NDArray[np.uint8]]:
    """Locate the white cells as `locate` does; return them and the color of the background, uint8 (3,)."""
    small, factor = stain.reduced(image, work)
    small = np.asarray(cv2.GaussianBlur(small, (5, 5), 0), dtype=np.uint8)
    white = stain.background(small)
    components = _components(nuclei(stain.nuclear_stain(small, white)))
    body = Body(small, white)
    joined = [(cell, False) for cell in _cells(components, body)]
    if nucleus is not None:
        joined = [each for cell, _ in joined for each in _apart(cell, body, nucleus * factor)]
    joined.sort(key=lambda each: (-sum(part.area for part in each[0]), each[0][0].top, each[0][0].left))
    cells = [_located(cell, small.shape[1], small.shape[0], factor, maybe) for cell, maybe in joined]
    cells = [cell for cell in cells if cell.nucleus_area >= _MIN_CELL * cells[0].nucleus_area]
    return cells if nucleus is None else _large(cells, image.shape[0], image.shape[1], nucleus), white


def _large(cells: list[LocatedCell], height: int, width: int, nucleus: float) -> list[LocatedCell]:
    """Return the cells that are large enough for a nucleus of this size, and the one that an image was taken of."""
    kept = central(cells, height, width) if is_single(cells, height, width) else None
    whole, cut_off = _MIN_NUCLEUS
    return [
        cell
        for cell in cells
        if cell is kept or cell.nucleus_area >= ((cut_off if cell.cut_off else whole) * nucleus) ** 2
    ]


def is_single(cells: Sequence[LocatedCell], height: int, width: int) -> bool:
    """Whether an image was taken of one cell, rather than being a field of a smear that may hold any number.

    An image of one cell has it in its middle, whatever else is at its edges. Cameras take oblong fields, and images of
    cells are mostly cut square: a cell must be closer to the middle of an oblong image, and the only one that is whole
    there, so that no cell of a field is left out because another one lies in the middle.

    On public sets, 0.4 % of the images of PBC's test split (n = 2,027, platelets included) and 0.7 % of JTSC (n = 300)
    are taken for fields, and 3.6 % of the oblong fields of BCCD (n = 364) for images of one cell. Were those fields
    square, it would be 18 %: in a field with one cell, that may be in the middle by chance. Judge a folder by its
    majority.

    Args:
        cells: all of an image, from `locate`.
        height, width: of the image, in pixels.
    """
    middle = central(cells, height, width)
    if middle is None:
        return False
    left, top, box_width, box_height = middle.box
    side = min(height, width)
    off = float(np.hypot(left + box_width / 2 - width / 2, top + box_height / 2 - height / 2)) / side
    whole = [cell for cell in cells if not cell.cut_off and cell.nucleus_area >= _CROWD_AREA * middle.nucleus_area]
    oblong = max(height, width) > _SQUARE * side
    if len(whole) > (1 if oblong or max(box_width, box_height) < _SMALL * side else _CROWD):
        return False
    if max(box_width, box_height) >= _FILLS * side:
        return off <= _NEAR_LARGE
    return off <= (_NEAR_OBLONG if oblong else _NEAR_SQUARE)


def central(cells: Sequence[LocatedCell], height: int, width: int) -> LocatedCell | None:
    """Return the cell that an image of one cell was taken of: large and near the center. None where there is none."""

    def weight(cell: LocatedCell) -> float:
        left, top, box_width, box_height = cell.box
        off = (left + box_width / 2 - width / 2) ** 2 + (top + box_height / 2 - height / 2) ** 2
        return cell.nucleus_area * float(np.exp(-off / (2 * (0.22 * width) ** 2)))

    return max(cells, key=weight, default=None)


def nuclei(stained: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the mask of nuclei, uint8 0 or 1, by Otsu's threshold on the nuclear stain within fixed bounds."""
    weak = round(_WEAK_STAIN / _BIN)
    some = stained[stained >= weak * _BIN]  # to count all pixels would take twice as long, and change nothing
    counts = np.asarray(cv2.calcHist([some], [0], None, [_BINS], [0.0, _BINS * _BIN]), dtype=np.float64).ravel()
    strong = counts[weak:]
    if strong.sum() < _MIN_STAINED_PIXELS:
        return np.zeros(stained.shape, np.uint8)
    darkest = _BIN * int((stained.size - counts[::-1].cumsum()[::-1]).searchsorted(0.995 * stained.size))
    threshold = max(_MIN_STAIN, min(_BIN * (weak + stain.otsu(strong) + 1), _MAX_OF_DARKEST * darkest))
    mask = (stained > threshold).view(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, _OPENING), dtype=np.uint8)


def _components(mask: NDArray[np.uint8]) -> list[Component]:
    """Return the connected parts of a mask that can be lobes of a nucleus, the largest first."""
    bits = cv2.CV_16U if mask.size < 1 << 16 else cv2.CV_32S  # 16 bits take a third of the time
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, ltype=bits)
    order = sorted(range(1, count), key=lambda index: -int(stats[index, cv2.CC_STAT_AREA]))[:_MAX_COMPONENTS]
    found = []
    for index in order:
        left, top, width, height, area = (int(value) for value in stats[index])
        if area < _MIN_LOBE * stats[order[0], cv2.CC_STAT_AREA]:
            break
        part = (labels[top : top + height, left : left + width] == index).astype(np.uint8)
        outlines, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE, offset=(left, top))
        outline = np.asarray(outlines[0], dtype=np.float32)[:, 0]
        found.append(Component(left, top, left + width, top + height, area, outline))
    return found


def _cells(components: list[Component], body: Body) -> list[list[Component]]:
    """Join the components that are lobes of one nucleus."""
    if not components:
        return []
    cell_of = list(range(len(components)))
    for first, second in combinations(range(len(components)), 2):
        if cell_of[first] != cell_of[second] and _one_nucleus(components[first], components[second], components, body):
            cell_of = [cell_of[first] if cell == cell_of[second] else cell for cell in cell_of]
    return [
        [part for part, its in zip(components, cell_of, strict=True) if its == cell] for cell in dict.fromkeys(cell_of)
    ]


def _one_nucleus(first: Component, second: Component, components: list[Component], body: Body) -> bool:
    """Whether two components are lobes of one nucleus. The first is the larger one."""
    unit = float(np.sqrt(components[0].area))
    apart = max(
        max(first.left, second.left) - min(first.right, second.right),
        max(first.top, second.top) - min(first.bottom, second.bottom),
    )
    if apart > _MAX_SHARED_GAP * unit:
        return False
    gap, one, other = first.nearest(second)
    large, convex = _SEPARATE_CELLS
    alike = second.area >= large * components[0].area and min(first.convexity, second.convexity) > convex
    if gap <= _MAX_GAP * unit and not alike:
        return True
    return (
        gap <= _MAX_SHARED_GAP * unit
        and second.area >= _MIN_SHARED_LOBE * components[0].area
        and body.holds(first, second, one, other)
    )


def _apart(cell: list[Component], body: Body, usual: float) -> list[tuple[list[Component], bool]]:
    """Return the cells that were joined into one, and whether each may still be two."""
    form = pairs.form(cell, body, usual)
    if form is None:
        return [(cell, False)]
    if not form.certainly_two:
        return [(cell, form.maybe_two)]
    return [each for side in pairs.split(cell, form) for each in _apart(side, body, usual)]


def _located(cell: list[Component], width: int, height: int, factor: float, maybe_two: bool = False) -> LocatedCell:
    area = sum(part.area for part in cell)
    left, top = min(part.left for part in cell), min(part.top for part in cell)
    right, bottom = max(part.right for part in cell), max(part.bottom for part in cell)
    cut_off = left == 0 or top == 0 or right == width or bottom == height
    margin = _MARGIN * float(np.sqrt(area))
    left_edge, top_edge = max(0.0, left - margin), max(0.0, top - margin)
    box_width = min(float(width), right + margin) - left_edge
    box_height = min(float(height), bottom + margin) - top_edge
    box = (left_edge / factor, top_edge / factor, box_width / factor, box_height / factor)
    return LocatedCell(box, area / factor**2, cut_off, maybe_two)
