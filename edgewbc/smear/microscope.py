"""The profile of a microscope: how large cells are on its images, and how background and stain look.

It is learned from unlabeled images. With it, cells of any microscope can be brought to the size and the colors that a
network was trained on (`smear.canonical`).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Channels, Image, Reference
from edgewbc.smear import locate, stain
from edgewbc.smear.locate import LocatedCell

SAMPLE = 200
"""Images that a profile is learned from; more change its medians by less than one percent."""
FEWEST_CELLS = 20
"""White cells below which a profile is not to be relied on: the median nucleus of 20 cells varies by 5 %."""

_WORK = 64
"""Longer side in pixels to which the surroundings of a nucleus are reduced for measuring its stain."""
_WITHIN = 0.5
"""Share of the stain of a cell's darkest pixels from which a pixel belongs to the nucleus."""

FORMAT = 1


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
    def of(cls, image: Image) -> Gauge:
        """Measure an image, uint8 RGB (height, width, 3)."""
        height, width = image.shape[:2]
        small = np.asarray(cv2.GaussianBlur(_reduced(image, locate.WORK), (0, 0), 1.0), dtype=np.uint8)
        return cls(stain.background(small), tuple(locate.locate(image)), height, width)

    @property
    def central(self) -> LocatedCell | None:
        """The cell that an image of one cell was taken of; None where there is none."""
        return locate.central(self.cells, self.height, self.width)


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
    darkest = float(np.percentile(stained, 95))
    nucleus = (stained > max(0.05, _WITHIN * darkest)).view(np.uint8)
    if not nucleus.any():
        return None
    medians = [
        stain.percentile(stain.histogram(np.ascontiguousarray(small[..., channel]), nucleus), 50)
        for channel in range(3)
    ]
    red, green, blue = (
        math.log((float(level) + 1) / (median + 1)) for level, median in zip(background, medians, strict=True)
    )
    return red, green, blue


@dataclass(frozen=True)
class Profile:
    """What the images of one microscope look like, with medians over images.

    Attributes:
        nucleus: square root of the nuclear area of white cells, in pixels.
        background: color of the background, 0 to 255.
        density: optical density of the nuclei.
        images, cells: number of images and of white cells that were measured.
    """

    nucleus: float
    background: Channels
    density: Channels
    images: int
    cells: int

    @classmethod
    def of_reference(cls, reference: Reference) -> Profile:
        """Return the profile of the microscope that a network was trained on; images and cells are 0."""
        return cls(reference.nucleus, reference.background, reference.density, 0, 0)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Profile:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is not of that form, or of a newer format.
        """
        try:
            if values["format"] > FORMAT:
                raise ValueError("written by a newer edgewbc; update edgewbc to read it")
            reference = Reference.from_json(values)
            return cls(
                reference.nucleus, reference.background, reference.density, int(values["images"]), int(values["cells"])
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a microscope profile ({error})") from None

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {"format": FORMAT, **self.reference.to_json(), "images": self.images, "cells": self.cells}

    @property
    def reference(self) -> Reference:
        """This profile as the appearance to which others are brought."""
        return Reference(self.nucleus, self.background, self.density)

    @property
    def sha256(self) -> str:
        """Hash of the profile's JSON."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    @property
    def problems(self) -> list[str]:
        """Why the profile is not to be relied on, one line each; empty if it is."""
        if self.cells < FEWEST_CELLS:
            return [f"learned from {self.cells} white cells; at least {FEWEST_CELLS} are needed"]
        return []


def learn(images: Iterable[Image]) -> Profile | None:
    """Learn the profile of a microscope from unlabeled images of fields or single cells; None without a white cell.

    Args:
        images: uint8 RGB (height, width, 3) each; of a sample of `SAMPLE`, or all.
    """
    nuclei: list[float] = []
    backgrounds: list[NDArray[np.uint8]] = []
    densities: list[Channels] = []
    for image in images:
        gauge = Gauge.of(image)
        backgrounds.append(gauge.background)
        for cell in gauge.cells:
            density = None if cell.cut_off else nuclear_density(image, cell, gauge.background)
            if density is not None:
                nuclei.append(math.sqrt(cell.nucleus_area))
                densities.append(density)
    if not nuclei:
        return None
    low = 0.02  # a reference needs a density above 0
    return Profile(
        round(float(np.median(nuclei)), 2),
        _medians(backgrounds),
        _medians([tuple(max(low, value) for value in density) for density in densities]),
        len(backgrounds),
        len(nuclei),
    )


def sample(count: int, most: int = SAMPLE) -> list[int]:
    """Return which of `count` images to learn from: at most `most`, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, most))}) if count else []


def _medians(values: Sequence[Any]) -> Channels:
    red, green, blue = (round(float(value), 3) for value in np.median(np.asarray(values, dtype=np.float64), axis=0))
    return red, green, blue


def _reduced(image: Image, longest: int) -> Image:
    height, width = image.shape[:2]
    factor = min(1.0, longest / max(height, width))
    if factor == 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
