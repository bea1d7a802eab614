"""The profile of a microscope: how large cells are on its images, and how background and stain look.

It is learned from unlabeled images (`smear.learning`). With it, cells of any microscope can be brought to the size and
the colors that a network was trained on (`smear.canonical`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.errors import UserError
from edgewbc.pixels import Channels, Reference
from edgewbc.utils.files import parse_json, read_bytes

MIN_CELLS = 20
"""White cells below which a profile is not to be relied on: the median nucleus of 20 cells varies by 5 %."""
MIN_DENSITY = 0.02
"""Minimum optical density: a reference needs one above 0."""

USUAL_STAIN, USUAL_NUCLEUS = 1.35, 1.5
"""Factors to each side that are taken for the spread of a reference, which has none of its own. With what is added
below, 3 of 200 images of PBC's five classes and 18 of 100 of its other three are unlike it, all of JTSC and BCCD."""
FAR_LEVELS = 25.0
"""Levels beyond the spread of the background from which an image is unlike its microscope's."""
FAR_STAIN = 0.35
"""The same for the density of the nucleus, as a share of its spread."""
FAR_SIZE = 1.3
"""The same for the nucleus, as a factor."""
FAR_EXTENT = 2.35
"""Longer side of a nucleus, as a multiple of the microscope's usual nucleus, from which it is taken for those of two
cells that touch: of 400 images of PBC's validation split, 1 % are longer, of JTSC and BCCD none. Of cells that were put
next to another one, seven of eight that were taken for one cell are longer."""

MIN_SCALE, MAX_SCALE = 0.25, 8.0
"""Size of nuclei, as a multiple of the reference's, beyond which a magnification is far off: below, a network sees
pixels rather than chromatin."""
MIN_GAIN, MAX_GAIN = 0.4, 2.5
"""Limits of the factor on the optical density of a channel; a stain that needs more is far off."""
DARKEST = 0.6
"""Background, as a share of the reference's, below which the light is far off."""
COLORLESS = 1.12
"""Ratio of the densities of red, green and blue up to which a nucleus has no color. In color images nuclei absorb green
twice as much as blue, and more."""
FITTING_SIZE, FITTING_STAIN = 1.3, 1.4
"""Factors between the medians of a few images and those of the reference up to which the two can be one microscope."""

MAX_FILE = 1 << 20
FORMAT = 2
"""Format 2 added `preparations`: a reader that ignored them would crop cells by the profile of all images."""


@dataclass(frozen=True)
class ImageSpread:
    """How far the images of a microscope are spread: percentiles 1 and 99, each a pair of low and high.

    Attributes:
        nucleus: square root of the nuclear area, in pixels.
        background, density: per channel.
    """

    nucleus: tuple[float, float]
    background: tuple[Channels, Channels]
    density: tuple[Channels, Channels]

    @classmethod
    def around(cls, reference: Reference) -> ImageSpread:
        """Return a spread for a reference that does not say how its images are spread."""
        low, high = (rounded(np.array(reference.density) * factor) for factor in (1 / USUAL_STAIN, USUAL_STAIN))
        nucleus = reference.nucleus / USUAL_NUCLEUS, reference.nucleus * USUAL_NUCLEUS
        return cls(nucleus, (reference.background, reference.background), (low, high))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ImageSpread:
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
        remarks: what a person may want to know of the images, one line each; no reason not to rely on the profile.
        preparations: a profile for each of two preparations that the images are of, which differ in their background
            and may differ in stain and in the size of cells; empty if they are of one.
    """

    nucleus: float
    background: Channels
    density: Channels
    images: int
    cells: int
    red_cell: float | None = None
    spread: ImageSpread | None = None
    mixed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    preparations: tuple[Profile, ...] = ()

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
            preparations = tuple(cls.from_json(one) for one in values.get("preparations", ()))
            if any(one.preparations for one in preparations):
                raise ValueError("the profile of a preparation has preparations of its own")
            return cls(
                reference.nucleus,
                reference.background,
                reference.density,
                int(values["images"]),
                int(values["cells"]),
                None if red_cell is None else float(red_cell),
                None if spread is None else ImageSpread.from_json(spread),
                tuple(str(line) for line in values.get("mixed", ())),
                tuple(str(line) for line in values.get("remarks", ())),
                preparations,
            )
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"not a microscope profile ({error})") from None

    @classmethod
    def read(cls, path: Path) -> Profile:
        """Read a profile from a file.

        Raises:
            UserError: it cannot be read, or is not a profile.
        """
        try:
            return cls.from_json(parse_json(read_bytes(path, MAX_FILE)))
        except OSError as error:
            raise UserError(f"{path}: cannot be read: {error.strerror or error}") from None
        except ValueError as error:
            raise UserError(f"{path}: {error}: make one with `edgewbc microscope learn`") from None

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {
            "format": FORMAT if self.preparations else 1,
            **self.reference.to_json(),
            "images": self.images,
            "cells": self.cells,
            "red_cell": self.red_cell,
            "spread": None if self.spread is None else self.spread.to_json(),
            "mixed": list(self.mixed),
            **({"remarks": list(self.remarks)} if self.remarks else {}),
            **({"preparations": [one.to_json() for one in self.preparations]} if self.preparations else {}),
        }

    def of_image(self, background: NDArray[np.uint8]) -> Profile:
        """Return the profile of an image's preparation, by the color of its background, uint8 (3,): the nearest one's.

        It is this profile itself where the images are of one preparation.
        """
        color = background.astype(np.float64)
        return min(self.preparations, key=lambda one: np.abs(color - one.background).sum(), default=self)

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
        few = f"learned from {self.cells} white cells in {self.images} images; at least {MIN_CELLS} cells are needed"
        mixed = [line for one in (self, *self.preparations) for line in one.mixed]
        return [*([few] if self.cells < MIN_CELLS else []), *dict.fromkeys(mixed)]

    def unlike(
        self,
        background: NDArray[np.uint8],
        density: Channels | None,
        nucleus: float | None,
        extent: float | None = None,
        maybe_two: bool = False,
    ) -> list[str]:
        """Return in what an image is far from this microscope's, in words for a person; empty if it is not.

        Args:
            background: color of its background, uint8 (3,).
            density: optical density of its nucleus; None if it was not measured.
            nucleus: square root of its nuclear area in pixels; None if it is not to be compared.
            extent: longer side of its nucleus in pixels; the same.
            maybe_two: whether its form is that of two nuclei.
        """
        spread = self.spread or ImageSpread.around(self.reference)
        found = []
        low, high = np.array(spread.background)
        if (background < low - FAR_LEVELS).any() or (background > high + FAR_LEVELS).any():
            found.append("background")
        if density is not None:
            low, high = np.array(spread.density)
            margin = FAR_STAIN * (high - low) + MIN_DENSITY
            if (density < low - margin).any() or (density > high + margin).any():
                found.append("stain of the nucleus")
        if nucleus is not None and not spread.nucleus[0] / FAR_SIZE <= nucleus <= spread.nucleus[1] * FAR_SIZE:
            found.append("size of the nucleus")
        if maybe_two or (extent is not None and extent > FAR_EXTENT * self.nucleus):
            found.append("length of the nucleus (two cells?)")
        return found

    def far_off(self, reference: Reference) -> list[str]:
        """Return why images of this microscope cannot be brought to a reference; empty if they can, one line each."""
        if self.preparations:
            return list(dict.fromkeys(line for one in self.preparations for line in one.far_off(reference)))
        found = []
        scale = self.nucleus / reference.nucleus
        if not MIN_SCALE <= scale <= MAX_SCALE:
            found.append(f"nuclei of {self.nucleus:.0f} pixels, {scale:.2g} times the training images'")
        gains = np.array(reference.density) / np.maximum(self.density, MIN_DENSITY)
        if (gains[:2] < MIN_GAIN).any() or (gains[:2] > MAX_GAIN).any():
            found.append(
                f"a stain whose nuclei absorb {1 / gains[0]:.2g} (red) and {1 / gains[1]:.2g} (green) times as much"
            )
        if (np.array(self.background) < DARKEST * np.array(reference.background)).any():
            found.append(f"a background of {', '.join(f'{level:.0f}' for level in self.background)} (red, green, blue)")
        return found

    def fits(self, reference: Reference) -> bool:
        """Whether images of this microscope look like the reference's without any mapping."""
        if self.preparations:
            return all(one.fits(reference) for one in self.preparations)
        return (
            1 / FITTING_SIZE <= self.nucleus / reference.nucleus <= FITTING_SIZE
            and bool((np.abs(np.subtract(self.background, reference.background)) <= FAR_LEVELS).all())
            and bool((np.abs(np.log(np.divide(self.density, reference.density)[:2])) <= np.log(FITTING_STAIN)).all())
        )


def colorless(density: Channels) -> bool:
    """Whether nuclei absorb all channels alike: the image has no color, or that of the light alone."""
    return max(density) <= COLORLESS * min(density)


def rounded(values: NDArray[np.float64]) -> Channels:
    """Return a number per channel with three decimals, as profiles hold them."""
    red, green, blue = (round(float(value), 3) for value in values)
    return red, green, blue


def _three(values: Sequence[float]) -> Channels:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
