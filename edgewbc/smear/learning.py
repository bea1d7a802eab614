"""Learning the profile of a microscope from unlabeled images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from edgewbc.pixels import Image
from edgewbc.smear import mixture, red_cells
from edgewbc.smear.gauge import ImageObservation, observe
from edgewbc.smear.microscope import MIN_DENSITY, ImageSpread, Profile, rounded

SAMPLE = 200
"""Images that a profile is learned from; more change its medians by less than one percent."""
SMALL = 0.5
"""Nucleus that is left out in fields, as a share of the usual one (platelets have up to 0.45)."""
MIN_RED_CELLS = 30
"""Red cells below which their diameter is not given."""
PERCENTILES = (1, 99)
"""What a spread consists of."""


def sample(count: int, most: int = SAMPLE) -> list[int]:
    """Return which of `count` images to learn from: at most `most`, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, most))}) if count else []


def learn(images: Iterable[Image]) -> Profile | None:
    """Learn the profile of a microscope from unlabeled images of fields or single cells; None without a white cell.

    Args:
        images: uint8 RGB (height, width, 3) each; of a sample of `SAMPLE`, or all.
    """
    return summarize([observe(image) for image in images])


def summarize(observations: Sequence[ImageObservation]) -> Profile | None:
    """Return the profile of a microscope from observed images; None without a white cell.

    In fields, what is far smaller than the usual nucleus is left out: platelets and stain deposits.
    """
    largest = [max(seen.nuclei) for seen in observations if seen.nuclei]
    if not largest:
        return None
    least = SMALL * float(np.median(largest))
    kept = [
        (nucleus, density)
        for seen in observations
        for nucleus, density in zip(seen.nuclei, seen.densities, strict=True)
        if nucleus >= least or len(seen.nuclei) == 1
    ]
    nuclei = np.array([nucleus for nucleus, _ in kept])
    densities = np.array([density for _, density in kept])
    backgrounds = np.array([seen.gauge.background for seen in observations], dtype=np.float64)
    red = red_cells.summary([size for seen in observations for size in seen.red_cells])
    low, high = np.percentile(nuclei, PERCENTILES)
    spread = ImageSpread(
        (round(float(low), 2), round(float(high), 2)),
        (
            rounded(np.percentile(backgrounds, PERCENTILES[0], axis=0)),
            rounded(np.percentile(backgrounds, PERCENTILES[1], axis=0)),
        ),
        (
            rounded(np.percentile(densities, PERCENTILES[0], axis=0)),
            rounded(np.percentile(densities, PERCENTILES[1], axis=0)),
        ),
    )
    return Profile(
        round(float(np.median(nuclei)), 2),
        rounded(np.median(backgrounds, axis=0)),
        rounded(np.median(np.maximum(densities, MIN_DENSITY), axis=0)),
        len(observations),
        len(nuclei),
        None if red is None or red.count < MIN_RED_CELLS else round(red.diameter, 2),
        spread,
        tuple(mixture.find(observations)),
        tuple(filter(None, [mixture.backgrounds(observations)])),
    )
