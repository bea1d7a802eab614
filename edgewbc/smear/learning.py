"""Learning the profile of a microscope from unlabeled images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from edgewbc.pixels import Image
from edgewbc.smear import mixture, red_cells
from edgewbc.smear.gauge import ImageObservation, observe
from edgewbc.smear.microscope import MIN_CELLS, MIN_DENSITY, USUAL_NUCLEUS, ImageSpread, Profile, rounded

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

    Images on two backgrounds are of two preparations, which may differ in stain and in the size of cells too: each has
    a profile of its own in the profile of all, if it has cells enough.
    """
    profile = _of_one_preparation(observations)
    lighter = mixture.by_background(observations)
    if profile is None or lighter is None:
        return profile
    both = [
        _of_one_preparation([seen for seen, its in zip(observations, lighter, strict=True) if its == side])
        for side in (False, True)
    ]
    levels = np.array([seen.gauge.background for seen in observations], dtype=np.float64)
    colors = " and ".join(
        ", ".join(f"{level:.0f}" for level in np.median(levels[side], axis=0)) for side in (~lighter, lighter)
    )
    images = f"images on two backgrounds, of color {colors} (red, green, blue)"
    preparations = tuple(one for one in both if one is not None and one.cells >= MIN_CELLS)
    if len(preparations) < len(both):
        line = f"{images}: if they are of two preparations, {MIN_CELLS} white cells or more of each fit better"
        return replace(profile, remarks=(*profile.remarks, line))
    scales = [one.nucleus for one in preparations]
    line = (
        f"{images}: taken for two preparations, each with a scale and a stain of its own (nuclei of {scales[0]:.0f} "
        f"and {scales[1]:.0f} pixels)"
    )
    return replace(profile, remarks=(*profile.remarks, line), preparations=preparations)


def _of_one_preparation(observations: Sequence[ImageObservation]) -> Profile | None:
    """Return the profile of images of one preparation; None without a white cell.

    In fields, what is far smaller than the usual nucleus is left out: platelets and stain deposits. Where red cells say
    that the nuclei are far from those of white cells, as in a folder of platelets, the scale is that of the red cells,
    and so is the range of nuclei that is usual: the nuclei that were seen are not those of white cells.
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
    if by_red_cells:
        low, high = usual / USUAL_NUCLEUS, usual * USUAL_NUCLEUS
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
        (scale,) if scale else (),
    )
