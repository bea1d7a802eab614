"""Whether images are of two microscopes or two stains, which one profile cannot describe."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edgewbc.smear import red_cells
from edgewbc.smear.gauge import ImageObservation
from edgewbc.smear.microscope import MIN_DENSITY

SEPARATE = 3.0
"""Ashman's D from which two groups are two."""
TWO_SIZES, TWO_STAINS = 1.6, 2.5
"""Ratios of the groups' medians from which two microscopes or stains are mixed. Of 40 draws each of 30,
60 and 100 images from PBC, JTSC and BCCD one (of 360) was taken for a mixture; of 180 mixtures of 200 images of two of
them (20, 50 or 80 % of each) 179 were."""
MIN_MIXED = 30
"""Images with a white cell below which no mixture is looked for."""
TWO_BACKGROUNDS = 1.2
"""Ratio of the groups' median levels from which backgrounds are two. Of 160 draws each of 30 to 200 images none of PBC
or BCCD was taken for two, and all of JTSC, whose images are of two preparations, on yellow and on white; of 180
mixtures of 200 images of two of the sets 165 were."""
MIN_GROUP = 0.15
"""Minimum share of the images in the smaller group."""
SAME_RED_CELLS, SAME_LEVELS = 1.2, 8.0
"""Ratio of diameters of red cells, and difference of backgrounds, up to which two groups are of one microscope."""


def find(observations: Sequence[ImageObservation]) -> list[str]:
    """Return in what way images are of two microscopes or two stains, one line each; empty if they are not.

    Nuclei of two sizes alone may be those of two kinds of cell: the images must differ in something else too.
    """
    seen = [each for each in observations if each.nuclei]
    if len(seen) < MIN_MIXED:
        return []
    found = []
    largest = [int(np.argmax(each.nuclei)) for each in seen]
    sizes = np.log([each.nuclei[cell] for each, cell in zip(seen, largest, strict=True)])
    upper = _two_groups(sizes, math.log(TWO_SIZES))
    if upper is not None and _differ(seen, upper):
        small, large = (math.exp(float(np.median(sizes[side]))) for side in (~upper, upper))
        found.append(
            f"images of two magnifications, with nuclei of {small:.0f} and of {large:.0f} pixels: keep them apart"
        )
    green = np.log([max(MIN_DENSITY, each.densities[cell][1]) for each, cell in zip(seen, largest, strict=True)])
    upper = _two_groups(green, math.log(TWO_STAINS))
    if upper is not None:
        pale, dark = (math.exp(float(np.median(green[side]))) for side in (~upper, upper))
        found.append(f"images of two stains, with nuclei of optical density {pale:.2f} and {dark:.2f}: keep them apart")
    return found


def by_background(observations: Sequence[ImageObservation]) -> NDArray[np.bool_] | None:
    """Return which of n images are on the lighter of two backgrounds, bool (n,); None unless there are two."""
    if len(observations) < MIN_MIXED:
        return None
    levels = np.array([seen.gauge.background for seen in observations], dtype=np.float64)
    for channel in range(3):
        upper = _two_groups(np.log(levels[:, channel] + 1), math.log(TWO_BACKGROUNDS))
        if upper is not None:
            return upper
    return None


def _two_groups(values: NDArray[np.float64], apart: float) -> NDArray[np.bool_] | None:
    """Return which values belong to the upper of two groups, bool (n,); None unless there are two.

    The groups are those with the least variance within (Otsu). They are two if their means differ by `SEPARATE` of
    their standard deviations (Ashman's D, Ashman, Bird and Zepf 1994, Astronomical Journal 108:2348), where the best
    split of a normal distribution has 2.65, and their medians by `apart`.
    """
    order = np.sort(values)
    least = max(2, math.ceil(MIN_GROUP * len(order)))

    def within(cut: int) -> float:
        return float(order[:cut].var() * cut + order[cut:].var() * (len(order) - cut))

    cuts = range(least, len(order) - least + 1)
    if not cuts:
        return None
    cut = min(cuts, key=within)
    low, high = order[:cut], order[cut:]
    distance = math.sqrt(2) * (high.mean() - low.mean()) / math.sqrt(low.var() + high.var() + 1e-9)
    if distance < SEPARATE or np.median(high) - np.median(low) < apart:
        return None
    return np.asarray(values >= high[0], dtype=np.bool_)


def _differ(seen: Sequence[ImageObservation], second: NDArray[np.bool_]) -> bool:
    """Return whether two groups of images are of different microscopes, whatever cells they show.

    The size of the red cells decides, where both groups have enough of them; else the size of the images or their
    background. Images that were cut out around their cells are of many sizes, and the smaller cells are on smaller
    ones: sizes tell only where most images of each group have the same.

    Args:
        seen: n images.
        second: which of them belong to the second group, (n,).
    """
    groups = [[each for each, its in zip(seen, second, strict=True) if its == side] for side in (False, True)]
    sides = [Counter(max(each.gauge.height, each.gauge.width) for each in group).most_common(1)[0] for group in groups]
    backgrounds = [np.median([each.gauge.background for each in group], axis=0) for group in groups]
    red = [red_cells.summary([size for each in group for size in each.red_cells]) for group in groups]
    if red[0] is not None and red[1] is not None:
        return not 1 / SAME_RED_CELLS <= red[0].diameter / red[1].diameter <= SAME_RED_CELLS
    alike = all(count > len(group) / 2 for (_, count), group in zip(sides, groups, strict=True))
    two_sizes = alike and sides[0][0] != sides[1][0]
    return two_sizes or bool((np.abs(backgrounds[0] - backgrounds[1]) > SAME_LEVELS).any())
