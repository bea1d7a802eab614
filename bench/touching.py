"""Images of two white cells that touch, composed of public images of single cells, and how they are located.

Cells with a free outline are cut out of pbc's validation images in optical density, turned at random, and put next to
each other on other images of the set, from which the cell was removed: some apart, some so that they touch, some so
that one covers the cytoplasm or the nucleus of the other. The thresholds in `edgewbc.smear.pairs` were chosen on pairs
of the train split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.metrics import wilson
from edgewbc.pixels import Box, Image
from edgewbc.smear import locate, stain
from edgewbc.smear.learning import learn
from edgewbc.smear.locate import LocatedCell
from edgewbc.smear.microscope import FAR_EXTENT

STEPS = ("apart", "touch", "overlap", "nuclei near", "nuclei touch", "nuclei overlap")
"""How close two cells are: a quarter of their distance apart; outlines touch; half-way from there to nuclei that touch;
a few pixels between the nuclei; nuclei touch; nuclei overlap by a quarter of the smaller one's width."""
SHAPES = {"field": (540, 720), "one cell": (363, 363)}
"""Height and width of the images. In the second kind one of the cells is in the middle."""
REPEATS = 60
WHITE = (254, 228, 202)
FOUND = "two", "for review", "one", "other"
"""How two cells were located: as two, as one that is for review, as one like any other, or as none or more than two."""

Density = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CutOut:
    """A white cell that was cut out of its image.

    Attributes:
        density: optical density, (h, w, 3).
        cover: how much of a pixel is the cell's, 0 to 1, (h, w).
        cell, nucleus: masks, (h, w).
        rest: optical density of the image without the cell, (height, width, 3).
    """

    density: Density
    cover: NDArray[np.float32]
    cell: Mask
    nucleus: Mask
    rest: Density

    @classmethod
    def of(cls, image: Image) -> CutOut | None:
        """Cut out the cell in the middle of an image; None if its outline is not free, as where a red cell touches."""
        height, width = image.shape[:2]
        cells, white = locate.search(image)
        cell = locate.central(cells, height, width)
        if cell is None or cell.cut_off:
            return None
        smooth = np.asarray(cv2.GaussianBlur(image, (5, 5), 0), dtype=np.uint8)
        left, top, wide, tall = (round(value) for value in cell.box)
        nuclei = np.zeros((height, width), np.uint8)
        inside = slice(top, top + tall), slice(left, left + wide)
        nuclei[inside] = locate.nuclei(stain.nuclear_stain(smooth, white))[inside]
        stained = (stain.optical_density(smooth, white)[..., 1] >= 0.08).view(np.uint8) | nuclei
        stained = cv2.morphologyEx(stained, cv2.MORPH_OPEN, _ellipse(13))
        _, labels = cv2.connectedComponents(stained)
        counts = np.bincount(labels[nuclei > 0], minlength=2)
        if not counts[1:].any():
            return None
        outlines, _ = cv2.findContours(
            (labels == counts[1:].argmax() + 1).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        outline = max(outlines, key=cv2.contourArea)
        left, top, wide, tall = cv2.boundingRect(outline)
        area, hull = cv2.contourArea(outline), cv2.contourArea(cv2.convexHull(outline))
        at_edge = left <= 6 or top <= 6 or left + wide >= width - 6 or top + tall >= height - 6
        if at_edge or area < 0.94 * hull or max(wide, tall) > 1.5 * min(wide, tall) or area < 1.1 * nuclei.sum():
            return None
        mask = np.zeros((height, width), np.uint8)
        cv2.drawContours(mask, [outline], -1, 1, cv2.FILLED)
        density = _density(image, white)
        around = cv2.GaussianBlur(cv2.dilate(mask, _ellipse(9)).astype(np.float32), (0, 0), 2)
        cover = np.asarray(cv2.GaussianBlur(cv2.dilate(mask, _ellipse(3)).astype(np.float32), (0, 0), 1.5), np.float32)
        part = slice(top - 6, top + tall + 6), slice(left - 6, left + wide + 6)
        rest = np.asarray(density * (1 - around)[..., None], np.float32)
        return cls(density[part], cover[part], mask[part] > 0, ((nuclei & mask) > 0)[part], rest)

    def turned(self, rng: np.random.Generator) -> CutOut:
        """Return the cell turned by a multiple of 90 degrees, and flipped or not."""
        quarters, flip = int(rng.integers(4)), bool(rng.integers(2))

        def turn(part: NDArray[Any]) -> NDArray[Any]:
            return np.rot90(part[:, ::-1] if flip else part, quarters)

        return CutOut(turn(self.density), turn(self.cover), turn(self.cell), turn(self.nucleus), self.rest)

    @property
    def center(self) -> NDArray[np.float64]:
        """Center of the cell in its own pixels, (x, y)."""
        return np.asarray(np.argwhere(self.cell).mean(axis=0)[::-1], dtype=np.float64)

    def put(self, canvas: Density, at: NDArray[np.float64]) -> Box:
        """Cover a part of a canvas with the cell, centered at (x, y), in place; return its box there."""
        x, y = np.rint(at - self.center).astype(int)
        height, width = self.cell.shape
        left, top = max(0, x), max(0, y)
        right, bottom = min(canvas.shape[1], x + width), min(canvas.shape[0], y + height)
        mine = slice(top - y, bottom - y), slice(left - x, right - x)
        cover = self.cover[mine][..., None]
        below = canvas[top:bottom, left:right]
        canvas[top:bottom, left:right] = below * (1 - cover) + self.density[mine] * cover
        rows, columns = np.argwhere(self.cell[mine]).T
        return (
            float(left + columns.min()),
            float(top + rows.min()),
            float(np.ptp(columns) + 1),
            float(np.ptp(rows) + 1),
        )


def compose(
    first: CutOut, second: CutOut, step: str, rests: Sequence[Density], rng: np.random.Generator, kind: str
) -> tuple[Image, tuple[Box, Box]]:
    """Return an image of two cells as close as `step` says, of one of `SHAPES`, and their boxes."""
    height, width = SHAPES[kind]
    canvas = np.zeros((height, width, 3), np.float32)
    for top in range(0, height, 360):
        for left in range(0, width, 360):
            tile = rests[int(rng.integers(len(rests)))][: height - top, : width - left][:360, :360]
            canvas[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    turn = rng.uniform(0, 2 * np.pi)
    way = np.array((np.cos(turn), np.sin(turn)))
    outlines = _contact(first, second, first.cell, second.cell, way)
    nuclei = _contact(first, second, first.nucleus, second.nucleus, way)
    small = float(np.sqrt(min(first.nucleus.sum(), second.nucleus.sum())))
    apart = {
        "apart": 1.25 * outlines,
        "touch": outlines - 3,
        "overlap": (outlines + nuclei) / 2,
        "nuclei near": nuclei + 5,
        "nuclei touch": nuclei - 2,
        "nuclei overlap": nuclei - 0.25 * small,
    }[step]
    middle = np.array((width, height)) / 2
    if kind == "field":
        middle = middle + rng.uniform(-0.2, 0.2, 2) * (width, height) - way * apart / 2
    boxes = first.put(canvas, middle), second.put(canvas, middle + way * apart)
    light = (np.array(WHITE, np.float32) + 1) * np.exp(-canvas) - 1
    return np.clip(np.rint(light), 0, 255).astype(np.uint8), boxes


def found(cells: Iterable[LocatedCell], boxes: Sequence[Box], usual: float) -> str:
    """Return how the cells with these boxes were located: one of `FOUND`."""
    here = [cell for cell in cells if any(_middle_in(box, cell.box) or _middle_in(cell.box, box) for box in boxes)]
    if len(here) != 1:
        return FOUND[0] if len(here) == len(boxes) else FOUND[3]
    (cell,) = here
    doubtful = cell.maybe_two or cell.cut_off or cell.extent > FAR_EXTENT * usual
    return FOUND[1] if doubtful else FOUND[2]


def measure(images: Mapping[str, Sequence[Image]], repeats: int = REPEATS, seed: int = 0) -> dict[str, Any]:
    """Return how pairs of cells are located, with and without the usual size of nuclei, which tells two from one.

    Args:
        images: by class, of single cells.
        repeats: pairs of each kind of image and each distance.
        seed: of the draw.

    Raises:
        ValueError: no cell can be cut out of these images.
    """
    rng = np.random.default_rng(seed)
    cells = {label: [cut for image in each if (cut := CutOut.of(image)) is not None] for label, each in images.items()}
    labels = [label for label, each in cells.items() if each]
    rests = [cut.rest for label in labels for cut in cells[label]]
    profile = learn(list(chain.from_iterable(images.values())))
    if profile is None or not labels:
        raise ValueError("no cell can be cut out of these images")
    result: dict[str, Any] = {"cells": {label: len(cells[label]) for label in labels}, "nucleus": profile.nucleus}
    for kind in SHAPES:
        counts: dict[str, Counter[str]] = {}
        for step in STEPS:
            for _ in range(repeats):
                chosen = [cells[label] for label in rng.choice(labels, 2)]
                first, second = (each[int(rng.integers(len(each)))].turned(rng) for each in chosen)
                image, boxes = compose(first, second, step, rests, rng, kind)
                for how, nucleus in (("without", None), ("with", profile.nucleus)):
                    outcome = found(locate.locate(image, nucleus=nucleus), boxes, profile.nucleus)
                    for group in (step, "all"):
                        counts.setdefault(f"{how} {group}", Counter())[outcome] += 1
        result[kind] = {name: _shares(each) for name, each in counts.items()}
    return result


def _shares(counts: Counter[str]) -> dict[str, Any]:
    n = counts.total()
    return {"n": n, **{name: counts[name] for name in FOUND}, "taken_for_one": wilson(counts["one"], n)}


def _middle_in(box: Box, around: Box) -> bool:
    x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
    return around[0] <= x <= around[0] + around[2] and around[1] <= y <= around[1] + around[3]


def _contact(first: CutOut, second: CutOut, mine: Mask, other: Mask, way: NDArray[np.float64]) -> float:
    """Return the distance of two cells' centers at which a mask of each begin to touch, along a direction."""
    side = 1000
    field = np.zeros((side, side), np.bool_)
    x, y = np.rint(np.argwhere(mine)[:, ::-1] - first.center + side / 2).astype(int).T
    field[y, x] = True
    points = np.argwhere(other)[:, ::-1] - second.center + side / 2
    for apart in range(side // 2 - 120, 0, -2):
        x, y = np.rint(points + way * apart).astype(int).clip(0, side - 1).T
        if field[y, x].any():
            return float(apart)
    return 0.0


def _density(image: Image, white: NDArray[np.uint8]) -> Density:
    return np.asarray(-np.log((image.astype(np.float32) + 1) / (white.astype(np.float32) + 1)), dtype=np.float32)


def _ellipse(side: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), dtype=np.uint8)
