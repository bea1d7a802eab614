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
RED_CELL, LEAST_RED_CELL, MOST_RED_CELL = 0.9, 0.75, 1.2
"""Diameter of red cells as a share of the usual nucleus, and the limits outside of which the nuclei are not those of a
usual mixture of white cells. It is 0.93 on PBC and 0.84 on BCCD (see `red_cells`); of PBC's monocytes alone 0.69, of
its platelets 2."""
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

    In fields, what is far smaller than the usual nucleus is left out: platelets and stain deposits. Where red cells say
    that the nuclei are far from those of white cells, as in a folder of platelets, the scale is that of the red cells.
    """
    largest = [max(seen.nuclei) for seen in observations if seen.nuclei]
    if not largest:
        return None
    red = red_cells.summary([size for seen in observations for size in seen.red_cells])
    red = None if red is None or red.count < MIN_RED_CELLS else red
    usual = float(np.median(largest))
    by_red_cells = red is not None and not LEAST_RED_CELL <= red.diameter / usual <= MOST_RED_CELL
    if red is not None and by_red_cells:
        usual = red.diameter / RED_CELL
    least = SMALL * usual
    kept = [
        (nucleus, density)
        for seen in observations
        for nucleus, density in zip(seen.nuclei, seen.densities, strict=True)
        if nucleus >= least or len(seen.nuclei) == 1
    ]
    if not kept:
        return None
    nuclei = np.array([nucleus for nucleus, _ in kept])
    found = float(np.median(nuclei))
    scale = (
        f"the nuclei have {found:.0f} pixels, which does not fit those of white cells beside red cells of "
        f"{red.diameter:.0f}: {usual:.0f} pixels are taken for a usual nucleus, by the red cells"
        if red is not None and by_red_cells
        else ""
    )
    densities = np.array([density for _, density in kept])
    backgrounds = np.array([seen.gauge.background for seen in observations], dtype=np.float64)
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
        round(usual if by_red_cells else found, 2),
        rounded(np.median(backgrounds, axis=0)),
        rounded(np.median(np.maximum(densities, MIN_DENSITY), axis=0)),
        len(observations),
        len(nuclei),
        None if red is None else round(red.diameter, 2),
        spread,
        tuple(mixture.find(observations)),
        tuple(filter(None, [scale, mixture.backgrounds(observations)])),
    )
