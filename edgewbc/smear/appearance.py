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
class UsualRange:
    """What was usual among training images.

    Attributes:
        low, high: bounds of each quantity, by name.
        images: how many images they were taken from.
    """

    low: Mapping[str, float]
    high: Mapping[str, float]
    images: int

    @classmethod
    def of(cls, measured: Sequence[NDArray[np.float32]]) -> UsualRange:
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
    def from_json(cls, values: Mapping[str, Any]) -> UsualRange:
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
    found: NDArray[np.float32] = measure_all(image[None])[0]
    return found


def measure_all(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Measure images of one size, float32 (n, len(QUANTITIES)).

    Each step is done for all of them before the next: the images are small, and most of the time would go into calls.

    Args:
        images: uint8 RGB (n, height, width, 3), prepared for the network; at least one.
    """
    small = _reduced(images)
    white = stain.backgrounds(small)
    nuclei = (stain.nuclear_stains(small, white) > _NUCLEUS).view(np.uint8)
    sides = nuclei[:, 0], nuclei[:, -1], nuclei[:, :, 0], nuclei[:, :, -1]
    found = np.empty((len(images), len(QUANTITIES)), np.float32)
    found[:, :3] = white
    found[:, 3:6] = _densities(small, nuclei, white)
    found[:, 6], found[:, 7], found[:, 8] = _nuclei(nuclei)
    found[:, 9] = sum(np.count_nonzero(side, axis=1) for side in sides) / sum(side.shape[1] for side in sides)
    found[:, 10], found[:, 11] = _sharpness(images)
    return found


def _reduced(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images with a shorter side of at most `SIDE` pixels."""
    height, width = images.shape[1:3]
    factor = min(1.0, SIDE / min(height, width))
    if factor == 1:
        return images
    size = max(1, round(width * factor)), max(1, round(height * factor))
    found = np.empty((len(images), size[1], size[0], 3), np.uint8)
    for image, small in zip(images, found, strict=True):
        cv2.resize(image, size, small, interpolation=cv2.INTER_AREA)
    return found


def _densities(
    images: NDArray[np.uint8], nuclei: NDArray[np.uint8], white: NDArray[np.uint8]
) -> list[tuple[float, ...]]:
    """Return the mean optical density of the nuclei in each channel, of each image; 0 without nuclei."""
    found = []
    for image, mask, background in zip(images, nuclei, white.tolist(), strict=True):
        mean = cv2.mean(image, mask) if mask.any() else background
        found.append(tuple(math.log((level + 1.0) / (of + 1.0)) for level, of in zip(background, mean, strict=False)))
    return found


def _nuclei(nuclei: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return of each image what is said of its nuclei: size, number, and distance from the center.

    The size is the square root of the largest one's share of the area; the distance, of the one nearest to the center
    for its size, is a share of the width.
    """
    height, width = nuclei.shape[1:]
    found = [cv2.connectedComponentsWithStats(cv2.dilate(mask, _LOBES))[2:] for mask in nuclei]
    areas = np.concatenate([stats[1:, cv2.CC_STAT_AREA] for stats, _ in found])
    x, y = np.concatenate([centers[1:] for _, centers in found]).T
    off = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) / width
    central = areas * np.exp(-((off / 0.22) ** 2) / 2)
    size, number, offset = np.zeros(len(nuclei)), np.zeros(len(nuclei)), np.ones(len(nuclei))
    end = 0
    for index, (stats, _) in enumerate(found):
        each = slice(end, end := end + len(stats) - 1)
        if each.start < end:
            size[index] = largest = areas[each].max()
            number[index] = np.count_nonzero(areas[each] >= _CELL * largest)
            offset[index] = off[each.start + central[each].argmax()]
    return np.sqrt(size / (height * width)), number, offset


def _sharpness(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], list[float]]:
    """Return steepest edges as a share of the contrast, and the mean difference from the mean of the neighbors."""
    count, height, width = images.shape[:3]
    green = np.ascontiguousarray(images[..., 1])
    counts = stain.histograms(green)
    contrast = stain.percentiles(counts, 90) - stain.percentiles(counts, 1)
    smooth = np.empty_like(green)
    for image, found in zip(green, smooth, strict=True):
        cv2.blur(image, (3, 3), found)
    rows = green.reshape(-1, width)
    rough = cv2.absdiff(rows, smooth.reshape(-1, width)).reshape(green.shape)
    lines = green.reshape(count, -1)
    across = _steepness(rows[:, 1:], rows[:, :-1], count)
    down = _steepness(lines[:, width:], lines[:, :-width], count)
    return np.maximum(across, down) / np.maximum(1, contrast), [cv2.mean(image)[0] for image in rough]


def _steepness(one: NDArray[np.uint8], other: NDArray[np.uint8], count: int) -> NDArray[np.int64] | int:
    """Return percentile 99 of the differences between neighbors, of each of so many images; 0 where there are none."""
    return stain.percentiles(stain.histograms(cv2.absdiff(one, other).reshape(count, 1, -1)), 99) if one.size else 0
