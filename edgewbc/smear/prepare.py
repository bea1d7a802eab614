"""From an image to the network's input, for every kind of crop: what training, evaluation and the lab side share."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgewbc import pixels
from edgewbc.pixels import Box, Image, PixelSpec, Reference
from edgewbc.reasons import CUT_OFF, Reason, ReasonKind
from edgewbc.smear import canonical, frame
from edgewbc.smear.canonical import View
from edgewbc.smear.gauge import Gauge
from edgewbc.smear.locate import LocatedCell
from edgewbc.smear.microscope import Profile, colorless
from edgewbc.smear.views import Views


@dataclass(frozen=True)
class PreparedCell:
    """A cell of an image, prepared for the network.

    Attributes:
        image: the network's input, uint8 RGB (spec.height, spec.width, 3).
        number: of the cell in its image, from 1; 0 where the image shows one cell.
        box: of the cell in whole pixels of the image; None where the whole image is prepared.
        reasons: why a person should look at the cell, whatever the network says.
        part: left, top, width and height of what the network sees, in pixels of the image; it may extend beyond it.
        others: further views of the cell, each as `image` (see `smear.views`).
    """

    image: Image
    number: int = 0
    box: Box | None = None
    reasons: tuple[Reason, ...] = ()
    part: Box = (0, 0, 0, 0)
    others: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Preparer:
    """Prepares images for a network.

    Attributes:
        spec: crop and input size of the network.
        profile: of the microscope, for the crop `cell`; None takes the images to be of the reference's.
        views: which further views `one` and `cells` prepare, for the crop `cell`; None prepares none.
    """

    spec: PixelSpec
    profile: Profile | None = None
    views: Views | None = None

    def __call__(self, image: Image, box: Box | None = None) -> Image:
        """Return the network's input of an image of one cell, uint8 RGB (spec.height, spec.width, 3).

        Args:
            image: uint8 RGB (height, width, 3); never modified.
            box: of the cell in pixels of the image, if the image holds others too.
        """
        source = self.source(image)
        return self.prepared(source, box, self.view(source, box))

    def source(self, image: Image) -> Image:
        """Return the image that cells are located in and drawn from: without borders if the crop is `cell`."""
        return image if self.spec.crop != "cell" or self.spec.reference is None else frame.cleared(image)

    def prepared(self, source: Image, box: Box | None, view: View | None) -> Image:
        """Return the network's input of a cell of a `source` whose `view` is known already."""
        if view is None:
            return pixels.prepare(source, self.spec, box)
        return canonical.crop(source, view, self.spec)

    def view(self, source: Image, box: Box | None = None) -> View | None:
        """Return the canonical view of the one cell of a `source`; None where the crop is not `cell`."""
        if self.spec.crop != "cell" or self.spec.reference is None:
            return None
        gauge, profile = self._gauge(source, self.spec.reference)
        cell = gauge.central if box is None else _in_box(gauge, box)
        return canonical.view(source, gauge, cell, profile, self.spec)

    def one(self, image: Image, box: Box | None = None) -> PreparedCell:
        """Prepare an image's one cell, or the one in a box, with the reasons that `cells` would give.

        Args:
            image: uint8 RGB (height, width, 3); never modified.
            box: of the cell in pixels of the image, if the image holds others too.

        Returns:
            The cell, with the box where it was located; None if it was not, or the crop is not `cell`.
        """
        if self.spec.crop != "cell" or self.spec.reference is None:
            return self._without_location(image, box)
        image = frame.cleared(image)
        gauge, profile = self._gauge(image, self.spec.reference)
        cell = gauge.central if box is None else _in_box(gauge, box)
        view = canonical.view(image, gauge, cell, profile, self.spec)
        crop = canonical.crop(image, view, self.spec)
        others = self._others(image, view, crop)
        if cell is None:
            return PreparedCell(crop, part=view.part, others=others)
        return PreparedCell(crop, 0, _whole_pixels(cell.box), self._reasons(profile, view, cell), view.part, others)

    def cells(self, image: Image) -> list[PreparedCell]:
        """Prepare the white cells of an image, the one with the largest nucleus first.

        What an image shows decides whether it is one of a single cell or a field (`locate.is_single`): of the former,
        only the cell in its middle is prepared. With a crop other than `cell` the whole image is one cell.

        Args:
            image: uint8 RGB (height, width, 3); never modified.

        Returns:
            The cells; none where no white cell is located.
        """
        if self.spec.crop != "cell" or self.spec.reference is None:
            return [self._without_location(image)]
        image = frame.cleared(image)
        gauge, profile = self._gauge(image, self.spec.reference)
        single = gauge.single
        found = []
        for number, cell in enumerate(gauge.cells if single is None else [single], 1):
            view = canonical.view(image, gauge, cell, profile, self.spec)
            crop = canonical.crop(image, view, self.spec)
            reasons = self._reasons(profile, view, cell)
            number = number if single is None else 0
            others = self._others(image, view, crop)
            found.append(PreparedCell(crop, number, _whole_pixels(cell.box), reasons, view.part, others))
        return found

    def _gauge(self, source: Image, reference: Reference) -> tuple[Gauge, Profile]:
        """Return what a `source` shows, and the profile of its preparation."""
        profile = self.profile or Profile.of_reference(reference)
        gauge = Gauge.of(source, profile.nucleus)
        return gauge, profile.of_image(gauge.background)

    def _others(self, image: Image, view: View, crop: Image) -> tuple[Image, ...]:
        return () if self.views is None else self.views.others(image, view, crop, self.spec)

    def _without_location(self, image: Image, box: Box | None = None) -> PreparedCell:
        part = self.spec.rectangle(image.shape[0], image.shape[1], box)
        return PreparedCell(pixels.prepare(image, self.spec, box), part=part)

    def _reasons(self, profile: Profile, view: View, cell: LocatedCell) -> tuple[Reason, ...]:
        """Return why a person should look at a cell: it is cut off, or its image is unlike its microscope's.

        An image without color is like those of its microscope, and unlike those that a network in color has seen.
        """
        nucleus, extent = (None, None) if cell.cut_off else (math.sqrt(cell.nucleus_area), cell.extent)
        unlike = profile.unlike(view.background, view.density, nucleus, extent, cell.maybe_two)
        seen, reference = view.density, self.spec.reference
        if seen is not None and colorless(seen) and not (reference is None or colorless(reference.density)):
            unlike.append("color (grayscale?)")
        what = "not of the training images' microscope" if self.profile is None else "unlike this microscope's images"
        return (
            *([CUT_OFF] if cell.cut_off else []),
            *([Reason(ReasonKind.MICROSCOPE, f"{what}: {', '.join(unlike)}")] if unlike else []),
        )


def _whole_pixels(box: Box) -> Box:
    left, top, width, height = box
    return float(math.floor(left)), float(math.floor(top)), float(math.ceil(width)), float(math.ceil(height))


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
