"""From an image to the network's input, for every kind of crop: what training, evaluation and the lab side share."""

from __future__ import annotations

from dataclasses import dataclass

from edgewbc import pixels
from edgewbc.pixels import Box, Image, PixelSpec
from edgewbc.smear import canonical
from edgewbc.smear.canonical import View
from edgewbc.smear.locate import LocatedCell
from edgewbc.smear.microscope import Gauge, Profile


@dataclass(frozen=True)
class Preparer:
    """Prepares images for a network.

    Attributes:
        spec: crop and input size of the network.
        profile: of the microscope, for the crop `cell`; None takes the images to be of the reference's.
    """

    spec: PixelSpec
    profile: Profile | None = None

    def __call__(self, image: Image, box: Box | None = None) -> Image:
        """Return the network's input of an image of one cell, uint8 RGB (spec.height, spec.width, 3).

        Args:
            image: uint8 RGB (height, width, 3); never modified.
            box: of the cell in pixels of the image, if the image holds others too.
        """
        return self.prepared(image, box, self.view(image, box))

    def prepared(self, image: Image, box: Box | None, view: View | None) -> Image:
        """Return the network's input of a cell whose view is known already; see `view`."""
        return pixels.prepare(image, self.spec, box) if view is None else canonical.crop(image, view, self.spec)

    def view(self, image: Image, box: Box | None = None) -> View | None:
        """Return the canonical view of an image's one cell; None where the crop is not `cell`."""
        if self.spec.crop != "cell" or self.spec.reference is None:
            return None
        gauge = Gauge.of(image)
        profile = self.profile or Profile.of_reference(self.spec.reference)
        cell = gauge.central if box is None else _in_box(gauge, box)
        return canonical.view(image, gauge, cell, profile, self.spec)


def _in_box(gauge: Gauge, box: Box) -> LocatedCell | None:
    """Return the located cell with the largest overlap with a box; the box itself where there is none."""

    def overlap(cell: LocatedCell) -> float:
        wide = min(cell.box[0] + cell.box[2], box[0] + box[2]) - max(cell.box[0], box[0])
        tall = min(cell.box[1] + cell.box[3], box[1] + box[3]) - max(cell.box[1], box[1])
        return max(0.0, wide) * max(0.0, tall)

    best = max(gauge.cells, key=overlap, default=None)
    if best is not None and overlap(best) > 0:
        return best
    return LocatedCell(box, 0.0, cut_off=True)
