"""Does an image look like those that a network was trained on? A few numbers per image, and their range in training.

A network gives a confident label to anything: noise, swapped channels, a cell four times too large, another
laboratory's stain. The numbers here say what of an image is unusual (light, stain, size, sharpness), in words that a
person can act on. They are measured on the prepared image, at the network's input size, so that every image is
measured at the scale at which the network sees it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Image
from edgewbc.smear import stain
from edgewbc.smear.unusual import Unusual

SIDE = 40
"""Pixels to which the shorter side is reduced for everything but sharpness."""

_NUCLEUS = 0.25
"""Nuclear stain (see `stain.nuclear_stain`) from which a pixel counts as nucleus."""
_CELL = 0.16
"""Minimum area of a second nucleus, as a share of the largest."""
_LOBES = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
"""Joins the lobes of one nucleus."""

QUANTILES = (0.5, 99.5)
"""Percentiles of the training images that bound what is usual."""
MARGIN = 0.35
"""What is added on each side, as a share of the distance between the two: 1 % of PBC's validation images fall outside
(n = 1,030), and all images of another laboratory, noise, swapped channels or a negative."""

FEW = 10.0
"""What is added to the margin, divided by the number of images: few images do not show how much images vary."""

QUANTITIES = {
    "background_red": "background: red",
    "background_green": "background: green",
    "background_blue": "background: blue",
    "density_red": "stain of the nucleus: red",
    "density_green": "stain of the nucleus: green",
    "density_blue": "stain of the nucleus: blue",
    "nucleus": "size of the nucleus",
    "cells": "number of nuclei",
    "offset": "distance of the nucleus from the center",
    "border": "nuclei cut off by the edge",
    "edge": "sharpness",
    "grain": "noise",
}
"""What is measured, in the order of the vector, and how a reason calls it."""


@dataclass(frozen=True)
class Range:
    """What was usual among training images.

    Attributes:
        low, high: bounds of each quantity, by name.
        images: how many images they were taken from.
    """

    low: Mapping[str, float]
    high: Mapping[str, float]
    images: int

    @classmethod
    def of(cls, measured: Sequence[NDArray[np.float32]]) -> Range:
        """Take the range from measured images, each float32 (len(QUANTITIES),); it is wider if they are few.

        Raises:
            ValueError: there are none.
        """
        if not len(measured):
            raise ValueError("no images to take a range from")
        low, high = np.percentile(np.stack(measured), QUANTILES, axis=0)
        margin = np.maximum((MARGIN + FEW / len(measured)) * (high - low), 1e-3)
        return cls(
            dict(zip(QUANTITIES, (float(f"{value:.5g}") for value in low - margin), strict=True)),
            dict(zip(QUANTITIES, (float(f"{value:.5g}") for value in high + margin), strict=True)),
            len(measured),
        )

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Range:
        """Read back `to_json`. Quantities of another version are ignored.

        Raises:
            ValueError: it is not of that form, or a bound is not a finite number.
        """
        try:
            low, high = (
                {name: float(values[side][name]) for name in QUANTITIES if name in values[side]}
                for side in ("low", "high")
            )
            images = int(values["images"])
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError("the range of appearance is malformed") from None
        if low.keys() != high.keys() or not all(np.isfinite([*low.values(), *high.values()])):
            raise ValueError("the range of appearance has a bound that is not a number")
        return cls(low, high, images)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"low": dict(self.low), "high": dict(self.high), "images": self.images}

    def unusual(self, measured: NDArray[np.float32]) -> list[Unusual]:
        """Return what of an image lies outside the range; empty if nothing does.

        Args:
            measured: float32 (len(QUANTITIES),), from `measure`.
        """
        found = []
        for (name, words), value in zip(QUANTITIES.items(), measured.tolist(), strict=True):
            if name in self.low and not self.low[name] <= value <= self.high[name]:
                found.append(Unusual(words, float(f"{value:.5g}"), self.low[name], self.high[name]))
        return found


def measure(image: Image) -> NDArray[np.float32]:
    """Measure an image, float32 (len(QUANTITIES),).

    Args:
        image: uint8 RGB (height, width, 3), prepared for the network (`pixels.prepare`).
    """
    height, width = image.shape[:2]
    factor = min(1.0, SIDE / min(height, width))
    small = image
    if factor < 1:
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    white = stain.background(small)
    nuclei = (stain.nuclear_stain(small, white) > _NUCLEUS).view(np.uint8)
    area, cells, offset = _nucleus(nuclei)
    density = [0.0, 0.0, 0.0]
    if area:
        mean = cv2.mean(small, nuclei)
        density = [math.log((level + 1.0) / (mean[channel] + 1.0)) for channel, level in enumerate(white.tolist())]
    sides = (nuclei[0], nuclei[-1], nuclei[:, 0], nuclei[:, -1])
    rim = sum(int(np.count_nonzero(side)) for side in sides) / sum(len(side) for side in sides)
    edge, grain = _sharpness(image)
    values = [*white.tolist(), *density, math.sqrt(area / nuclei.size), cells, offset, rim, edge, grain]
    return np.array(values, np.float32)


def _nucleus(nuclei: NDArray[np.uint8]) -> tuple[int, int, float]:
    """Area of the largest nucleus in pixels, number of nuclei, and distance from the center as a share of the width."""
    height, width = nuclei.shape
    _, _, stats, centers = cv2.connectedComponentsWithStats(cv2.dilate(nuclei, _LOBES))
    areas = stats[1:, cv2.CC_STAT_AREA]
    if not len(areas):
        return 0, 0, 1.0
    off = np.hypot(centers[1:, 0] - (width - 1) / 2, centers[1:, 1] - (height - 1) / 2) / width
    middle = int((areas * np.exp(-((off / 0.22) ** 2) / 2)).argmax())
    return int(areas.max()), int((areas >= _CELL * areas.max()).sum()), float(off[middle])


def _sharpness(image: Image) -> tuple[float, float]:
    """Steepest edges as a share of the contrast, and the mean difference from the mean of the neighbors."""
    green = np.asarray(cv2.extractChannel(image, 1), dtype=np.uint8)
    counts = stain.histogram(green)
    contrast = stain.percentile(counts, 90) - stain.percentile(counts, 1)
    rough = cv2.mean(cv2.absdiff(green, cv2.blur(green, (3, 3))))[0]
    return max(_steepness(green[:, 1:], green[:, :-1]), _steepness(green[1:], green[:-1])) / max(1, contrast), rough


def _steepness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    """Percentile 99 of the differences between neighbors."""
    return stain.percentile(stain.histogram(np.asarray(cv2.absdiff(one, other), dtype=np.uint8)), 99) if one.size else 0
