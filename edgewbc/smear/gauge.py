"""What one image shows of its microscope: background, white cells, the stain of their nuclei, and red cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Channels, Image
from edgewbc.smear import frame, locate, red_cells, stain
from edgewbc.smear.locate import LocatedCell

_WORK = 64
"""Longer side in pixels to which the surroundings of a nucleus are reduced for measuring its stain."""
_WITHIN = 0.5
"""Share of the stain of a cell's darkest pixels from which a pixel belongs to the nucleus."""


@dataclass(frozen=True)
class Gauge:
    """What one image shows of its microscope.

    Attributes:
        background: color of the background, uint8 (3,).
        cells: the located white cells, the one with the largest nucleus first.
        height, width: of the image, in pixels.
    """

    background: NDArray[np.uint8]
    cells: tuple[LocatedCell, ...]
    height: int
    width: int

    @classmethod
    def of(cls, image: Image, nucleus: float | None = None) -> Gauge:
        """Measure an image, uint8 RGB (height, width, 3); with the usual nucleus of its microscope if it is known."""
        height, width = image.shape[:2]
        cells, background = locate.search(image, nucleus=nucleus)
        return cls(background, tuple(cells), height, width)

    @property
    def central(self) -> LocatedCell | None:
        """The cell that an image of one cell was taken of; None where there is none."""
        return locate.central(self.cells, self.height, self.width)

    @property
    def single(self) -> LocatedCell | None:
        """The one cell that the image was taken of; None if it is a field, or has no cell."""
        return self.central if locate.is_single(self.cells, self.height, self.width) else None


def nuclear_density(image: Image, cell: LocatedCell, background: NDArray[np.uint8]) -> Channels | None:
    """Return the median optical density of a cell's nucleus; None where no pixel is stained.

    Args:
        image: uint8 RGB (height, width, 3).
        cell: as located in it.
        background: color of the background, uint8 (3,).
    """
    left, top, width, height = cell.box
    around = image[int(top) : math.ceil(top + height), int(left) : math.ceil(left + width)]
    small = _reduced(around, _WORK)
    stained = stain.nuclear_stain(small, background)
    nucleus = (stained > max(0.05, _WITHIN * _quantile(stained, 0.95))).view(np.uint8)
    if not nucleus.any():
        return None
    medians = [stain.percentile(stain.histogram(small, nucleus, channel), 50) for channel in range(3)]
    red, green, blue = (
        math.log((float(level) + 1) / (median + 1)) for level, median in zip(background, medians, strict=True)
    )
    return red, green, blue


@dataclass(frozen=True)
class ImageObservation:
    """What a profile is learned from: one image.

    Attributes:
        gauge: background and located cells.
        nuclei: square root of the nuclear area of each cell that is not cut off, in pixels.
        densities: optical density of those nuclei.
        red_cells: diameters in pixels.
    """

    gauge: Gauge
    nuclei: tuple[float, ...]
    densities: tuple[Channels, ...]
    red_cells: tuple[float, ...] = ()


def observe(image: Image) -> ImageObservation:
    """Measure an image to learn from, uint8 RGB (height, width, 3): a field or a single cell."""
    image = frame.cleared(image)
    gauge = Gauge.of(image)
    measured = [
        (math.sqrt(cell.nucleus_area), density)
        for cell in gauge.cells
        if not cell.cut_off and (density := nuclear_density(image, cell, gauge.background)) is not None
    ]
    return ImageObservation(
        gauge,
        tuple(nucleus for nucleus, _ in measured),
        tuple(density for _, density in measured),
        tuple(red_cells.diameters(image, gauge.background).tolist()),
    )


def _quantile(values: NDArray[np.float32], share: float) -> float:
    """Return the quantile between two values, as `np.quantile` does to the last digit, in a fifth of its time."""
    place = (values.size - 1) * share
    low, high = int(place), min(int(place) + 1, values.size - 1)
    one, other = np.partition(values, (low, high), axis=None)[[low, high]]
    part = place - low
    step = other - one
    return float(one + step * np.float32(part) if part < 0.5 else other - step * np.float32(1 - part))


def _reduced(image: Image, longest: int) -> Image:
    height, width = image.shape[:2]
    factor = min(1.0, longest / max(height, width))
    if factor == 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
