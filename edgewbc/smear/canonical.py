"""The canonical crop: a cell of any microscope, in the size and the colors that a network was trained on.

The crop is centered on the nucleus. Its side is set by the microscope, not by the cell, so that small cells stay
small. Colors are mapped in optical density: the background becomes the reference's, and the density of each channel is
multiplied so that nuclei have the reference's density.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Box, Channels, Image, PixelSpec, Reference, cut
from edgewbc.smear.gauge import Gauge, nuclear_density
from edgewbc.smear.locate import LocatedCell
from edgewbc.smear.microscope import MAX_GAIN, MIN_GAIN, Profile

OWN = 1.6
"""Largest factor by which a cell's own nuclear density may differ from its microscope's; beyond, it is cut. The stain
varies between slides and within one; but a pale platelet is not to be made as dark as a nucleus."""


@dataclass(frozen=True)
class View:
    """Where a crop lies in its image, and how its colors are mapped.

    Attributes:
        part: left, top, width and height in whole pixels; it may extend beyond the image.
        background: color of the image's background, uint8 (3,).
        gains: factor on the optical density of each channel.
        density: optical density of the cell's nucleus, as it is; None if it was not measured.
    """

    part: Box
    background: NDArray[np.uint8]
    gains: Channels
    density: Channels | None = None

    def table(self, reference: Reference) -> NDArray[np.uint8]:
        """Return the new level of each level of each channel, uint8 (1, 256, 3), as `cv2.LUT` takes it."""
        levels = np.arange(256)[:, None]
        white = self.background.astype(np.float64)
        density = np.maximum(np.log((white + 1) / (levels + 1)), 0) * self.gains
        mapped = (np.array(reference.background) + 1) * np.exp(-density) - 1
        return np.asarray(np.clip(np.rint(mapped), 0, 255), dtype=np.uint8)[None]

    def scaled(self, factor: float) -> View:
        """Return the view of a larger or smaller square around the same point."""
        left, top, side, _ = self.part
        new = max(1, round(side * factor))
        shift = (side - new) / 2
        return replace(self, part=(round(left + shift), round(top + shift), new, new))


def view(image: Image, gauge: Gauge, cell: LocatedCell | None, profile: Profile, spec: PixelSpec) -> View:
    """Return the canonical view of a cell.

    Args:
        image: uint8 RGB (height, width, 3).
        gauge: of the image.
        cell: one of the gauge's; None takes the center of the image and the colors of the microscope.
        profile: of the microscope.
        spec: with crop `cell` and a reference.
    """
    reference = _reference(spec)
    side = max(1, round(spec.size * profile.nucleus / reference.nucleus))
    measured = None
    x, y = gauge.width / 2, gauge.height / 2
    if cell is not None:
        left, top, width, height = cell.box
        x, y = left + width / 2, top + height / 2
        measured = nuclear_density(image, cell, gauge.background)
    gains = tuple(
        min(max(wanted / min(max(found, usual / OWN), usual * OWN), MIN_GAIN), MAX_GAIN)
        for wanted, found, usual in zip(reference.density, measured or profile.density, profile.density, strict=True)
    )
    part = (round(x - side / 2), round(y - side / 2), side, side)
    return View(part, gauge.background, gains, measured)  # type: ignore[arg-type]


def crop(image: Image, view: View, spec: PixelSpec) -> Image:
    """Return the canonical crop, uint8 RGB (spec.height, spec.width, 3), made in one resampling.

    Args:
        image: uint8 RGB (height, width, 3); never modified.
        view: of a cell in it.
        spec: with crop `cell` and a reference.
    """
    red, green, blue = (int(level) for level in view.background)
    found = cut(image, view.part, spec.height, spec.width, fill=(red, green, blue))
    return recolor(found, view, _reference(spec))


def recolor(image: Image, view: View, reference: Reference) -> Image:
    """Return an image of any size in the colors of the reference; a new array."""
    return np.asarray(cv2.LUT(image, view.table(reference)), dtype=np.uint8)


def _reference(spec: PixelSpec) -> Reference:
    if spec.reference is None:
        raise ValueError("the crop `cell` needs a reference")
    return spec.reference
