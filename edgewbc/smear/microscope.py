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
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.errors import UserError
from edgewbc.pixels import Channels, Image, Reference
from edgewbc.smear import locate, red_cells, stain
from edgewbc.smear.locate import LocatedCell
from edgewbc.utils.files import parse_json, read_bytes

SAMPLE = 200
"""Images that a profile is learned from; more change its medians by less than one percent."""
FEWEST_CELLS = 20
"""White cells below which a profile is not to be relied on: the median nucleus of 20 cells varies by 5 %."""

_WORK = 64
"""Longer side in pixels to which the surroundings of a nucleus are reduced for measuring its stain."""
_WITHIN = 0.5
"""Share of the stain of a cell's darkest pixels from which a pixel belongs to the nucleus."""

SMALL = 0.5
"""Nucleus that is left out in fields, as a share of the usual one (platelets have up to 0.45)."""
FEWEST_RED_CELLS = 30
"""Red cells below which their diameter is not given."""
LEAST_DENSITY = 0.02
"""Least optical density: a reference needs one above 0."""
PERCENTILES = (1, 99)
"""What a spread consists of."""

USUAL_STAIN, USUAL_NUCLEUS = 1.35, 1.5
"""Factors to each side that are taken for the spread of a reference, which has none of its own. With what is added
below, 3 of 200 images of PBC's five classes and 18 of 100 of its other three are unlike it, all of JTSC and BCCD."""
FAR_LEVELS = 25.0
"""Levels beyond the spread of the background from which an image is unlike its microscope's."""
FAR_STAIN = 0.35
"""The same for the density of the nucleus, as a share of its spread."""
FAR_SIZE = 1.3
"""The same for the nucleus, as a factor."""

SMALLEST_SCALE, LARGEST_SCALE = 0.25, 8.0
"""Size of nuclei, as a multiple of the reference's, beyond which a magnification is far off: below, a network sees
pixels rather than chromatin."""
SMALLEST_GAIN, LARGEST_GAIN = 0.4, 2.5
"""Limits of the factor on the optical density of a channel; a stain that needs more is far off."""
DARKEST = 0.6
"""Background, as a share of the reference's, below which the light is far off."""
FITTING_SIZE, FITTING_STAIN = 1.3, 1.4
"""Factors between the medians of a few images and those of the reference up to which the two can be one microscope."""

SEPARATE = 3.0
"""Ashman's D from which two groups are two."""
TWO_SIZES, TWO_STAINS = 1.6, 2.5
"""Ratios of the groups' medians from which two microscopes or stains are mixed. Of 40 draws each of 30,
60 and 100 images from PBC, JTSC and BCCD one (of 360) was taken for a mixture; of 180 mixtures of 200 images of two of
them (20, 50 or 80 % of each) 179 were."""
FEWEST_MIXED = 30
"""Images with a white cell below which no mixture is looked for."""
SMALLEST_GROUP = 0.15
"""Least share of the images in the smaller group."""
SAME_RED_CELLS, SAME_LEVELS = 1.2, 8.0
"""Ratio of diameters of red cells, and difference of backgrounds, up to which two groups are of one microscope."""

LARGEST_FILE = 1 << 20
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
class Observation:
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


@dataclass(frozen=True)
class Spread:
    """How far the images of a microscope are spread: percentiles 1 and 99, each a pair of low and high.

    Attributes:
        nucleus: square root of the nuclear area, in pixels.
        background, density: per channel.
    """

    nucleus: tuple[float, float]
    background: tuple[Channels, Channels]
    density: tuple[Channels, Channels]

    @classmethod
    def around(cls, reference: Reference) -> Spread:
        """Return a spread for a reference that does not say how its images are spread."""
        low, high = (_channels(np.array(reference.density) * factor) for factor in (1 / USUAL_STAIN, USUAL_STAIN))
        nucleus = reference.nucleus / USUAL_NUCLEUS, reference.nucleus * USUAL_NUCLEUS
        return cls(nucleus, (reference.background, reference.background), (low, high))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Spread:
        """Read what `to_json` wrote. Raises ValueError, TypeError or KeyError for anything else."""
        low, high = (float(value) for value in values["nucleus"])
        channels = {key: tuple(_three(side) for side in values[key]) for key in ("background", "density")}
        found = np.concatenate([(low, high), *(np.ravel(channels[key]) for key in channels)])
        if not np.isfinite(found).all() or any(len(sides) != 2 for sides in channels.values()):
            raise ValueError("a spread needs a low and a high number each")
        return cls((low, high), channels["background"], channels["density"])  # type: ignore[arg-type]

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        sides = {"background": self.background, "density": self.density}
        return {"nucleus": list(self.nucleus), **{key: [list(side) for side in value] for key, value in sides.items()}}


@dataclass(frozen=True)
class Profile:
    """What the images of one microscope look like, with medians over images.

    Attributes:
        nucleus: square root of the nuclear area of white cells, in pixels.
        background: color of the background, 0 to 255.
        density: optical density of the nuclei.
        images, cells: number of images and of white cells that were measured.
        red_cell: diameter of red cells in pixels; None if too few were seen.
        spread: how far the images are spread; None takes a usual spread.
        mixed: in what way the images are of two kinds, one line each; empty if they are not.
    """

    nucleus: float
    background: Channels
    density: Channels
    images: int
    cells: int
    red_cell: float | None = None
    spread: Spread | None = None
    mixed: tuple[str, ...] = ()

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
            red_cell, spread = values.get("red_cell"), values.get("spread")
            return cls(
                reference.nucleus,
                reference.background,
                reference.density,
                int(values["images"]),
                int(values["cells"]),
                None if red_cell is None else float(red_cell),
                None if spread is None else Spread.from_json(spread),
                tuple(str(line) for line in values.get("mixed", ())),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not a microscope profile ({error})") from None

    @classmethod
    def read(cls, path: Path) -> Profile:
        """Read a profile from a file.

        Raises:
            UserError: it cannot be read, or is no profile.
        """
        try:
            return cls.from_json(parse_json(read_bytes(path, LARGEST_FILE)))
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
        except ValueError as error:
            raise UserError(f"{path}: {error}: make one with `edgewbc microscope learn`") from None

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {
            "format": FORMAT,
            **self.reference.to_json(),
            "images": self.images,
            "cells": self.cells,
            "red_cell": self.red_cell,
            "spread": None if self.spread is None else self.spread.to_json(),
            "mixed": list(self.mixed),
        }

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
        few = f"learned from {self.cells} white cells in {self.images} images; at least {FEWEST_CELLS} cells are needed"
        return [*([few] if self.cells < FEWEST_CELLS else []), *self.mixed]

    def unlike(self, background: NDArray[np.uint8], density: Channels | None, nucleus: float | None) -> list[str]:
        """Return in what an image is far from this microscope's, in words for a person; empty if it is not.

        Args:
            background: color of its background, uint8 (3,).
            density: optical density of its nucleus; None if it was not measured.
            nucleus: square root of its nuclear area in pixels; None if it is not to be compared.
        """
        spread = self.spread or Spread.around(self.reference)
        found = []
        low, high = np.array(spread.background)
        if (background < low - FAR_LEVELS).any() or (background > high + FAR_LEVELS).any():
            found.append("background")
        if density is not None:
            low, high = np.array(spread.density)
            margin = FAR_STAIN * (high - low) + LEAST_DENSITY
            if (density < low - margin).any() or (density > high + margin).any():
                found.append("stain of the nucleus")
        if nucleus is not None and not spread.nucleus[0] / FAR_SIZE <= nucleus <= spread.nucleus[1] * FAR_SIZE:
            found.append("size of the nucleus")
        return found

    def far_off(self, reference: Reference) -> list[str]:
        """Return why images of this microscope cannot be brought to a reference; empty if they can, one line each."""
        found = []
        scale = self.nucleus / reference.nucleus
        if not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
            found.append(f"nuclei of {self.nucleus:.0f} pixels, {scale:.2g} times the training images'")
        gains = np.array(reference.density) / np.maximum(self.density, LEAST_DENSITY)
        if (gains[:2] < SMALLEST_GAIN).any() or (gains[:2] > LARGEST_GAIN).any():
            found.append(
                f"a stain whose nuclei absorb {1 / gains[0]:.2g} (red) and {1 / gains[1]:.2g} (green) times as much"
            )
        if (np.array(self.background) < DARKEST * np.array(reference.background)).any():
            found.append(f"a background of {', '.join(f'{level:.0f}' for level in self.background)} (red, green, blue)")
        return found

    def fits(self, reference: Reference) -> bool:
        """Whether images of this microscope look like the reference's without any mapping."""
        return (
            1 / FITTING_SIZE <= self.nucleus / reference.nucleus <= FITTING_SIZE
            and bool((np.abs(np.subtract(self.background, reference.background)) <= FAR_LEVELS).all())
            and bool((np.abs(np.log(np.divide(self.density, reference.density)[:2])) <= np.log(FITTING_STAIN)).all())
        )


def observe(image: Image) -> Observation:
    """Measure an image to learn from, uint8 RGB (height, width, 3): a field or a single cell."""
    gauge = Gauge.of(image)
    measured = [
        (math.sqrt(cell.nucleus_area), density)
        for cell in gauge.cells
        if not cell.cut_off and (density := nuclear_density(image, cell, gauge.background)) is not None
    ]
    return Observation(
        gauge,
        tuple(nucleus for nucleus, _ in measured),
        tuple(density for _, density in measured),
        tuple(red_cells.diameters(image, gauge.background).tolist()),
    )


def learn(images: Iterable[Image]) -> Profile | None:
    """Learn the profile of a microscope from unlabeled images of fields or single cells; None without a white cell.

    Args:
        images: uint8 RGB (height, width, 3) each; of a sample of `SAMPLE`, or all.
    """
    return summarize([observe(image) for image in images])


def summarize(observations: Sequence[Observation]) -> Profile | None:
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
    spread = Spread(
        (round(float(low), 2), round(float(high), 2)),
        (
            _channels(np.percentile(backgrounds, PERCENTILES[0], axis=0)),
            _channels(np.percentile(backgrounds, PERCENTILES[1], axis=0)),
        ),
        (
            _channels(np.percentile(densities, PERCENTILES[0], axis=0)),
            _channels(np.percentile(densities, PERCENTILES[1], axis=0)),
        ),
    )
    return Profile(
        round(float(np.median(nuclei)), 2),
        _channels(np.median(backgrounds, axis=0)),
        _channels(np.median(np.maximum(densities, LEAST_DENSITY), axis=0)),
        len(observations),
        len(nuclei),
        None if red is None or red.count < FEWEST_RED_CELLS else round(red.diameter, 2),
        spread,
        tuple(_mixed(observations)),
    )


def _mixed(observations: Sequence[Observation]) -> list[str]:
    """Return in what way images are of two microscopes or two stains, one line each; empty if they are not.

    Nuclei of two sizes alone may be those of two kinds of cell: the images must differ in something else too.
    """
    seen = [each for each in observations if each.nuclei]
    if len(seen) < FEWEST_MIXED:
        return []
    found = []
    largest = [int(np.argmax(each.nuclei)) for each in seen]
    sizes = np.log([each.nuclei[cell] for each, cell in zip(seen, largest, strict=True)])
    second = _two_groups(sizes, math.log(TWO_SIZES))
    if second is not None and _differ(seen, second):
        small, large = (math.exp(float(np.median(sizes[side]))) for side in (~second, second))
        found.append(
            f"images of two magnifications, with nuclei of {small:.0f} and of {large:.0f} pixels: keep them apart"
        )
    green = np.log([max(LEAST_DENSITY, each.densities[cell][1]) for each, cell in zip(seen, largest, strict=True)])
    second = _two_groups(green, math.log(TWO_STAINS))
    if second is not None:
        pale, dark = (math.exp(float(np.median(green[side]))) for side in (~second, second))
        found.append(f"images of two stains, with nuclei of optical density {pale:.2f} and {dark:.2f}: keep them apart")
    return found


def _two_groups(values: NDArray[np.float64], apart: float) -> NDArray[np.bool_] | None:
    """Return which values belong to the upper of two groups, bool (n,); None unless there are two.

    The groups are those with the least variance within (Otsu). They are two if their means differ by `SEPARATE` of
    their standard deviations (Ashman's D, Ashman, Bird and Zepf 1994, Astronomical Journal 108:2348), where the best
    split of a normal distribution has 2.65, and their medians by `apart`.
    """
    order = np.sort(values)
    least = max(2, math.ceil(SMALLEST_GROUP * len(order)))

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


def _differ(seen: Sequence[Observation], second: NDArray[np.bool_]) -> bool:
    """Whether two groups of images differ in their size, their background, or the size of their red cells."""
    groups = [[each for each, its in zip(seen, second, strict=True) if its == side] for side in (False, True)]
    sides = [np.median([max(each.gauge.height, each.gauge.width) for each in group]) for group in groups]
    backgrounds = [np.median([each.gauge.background for each in group], axis=0) for group in groups]
    red = [red_cells.summary([size for each in group for size in each.red_cells]) for group in groups]
    if red[0] is not None and red[1] is not None:
        return not 1 / SAME_RED_CELLS <= red[0].diameter / red[1].diameter <= SAME_RED_CELLS
    return sides[0] != sides[1] or bool((np.abs(backgrounds[0] - backgrounds[1]) > SAME_LEVELS).any())


def sample(count: int, most: int = SAMPLE) -> list[int]:
    """Return which of `count` images to learn from: at most `most`, evenly spread."""
    return sorted({round(index) for index in np.linspace(0, count - 1, min(count, most))}) if count else []


def _channels(values: NDArray[np.float64]) -> Channels:
    red, green, blue = (round(float(value), 3) for value in values)
    return red, green, blue


def _three(values: Sequence[float]) -> Channels:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _reduced(image: Image, longest: int) -> Image:
    height, width = image.shape[:2]
    factor = min(1.0, longest / max(height, width))
    if factor == 1:
        return image
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
