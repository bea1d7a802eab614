"""Facts about the images that a bundle's network was trained on: appearance, sizes and notes of the decoder.

A network gives a confident label to any image. These facts travel in `manifest.json` (`training_images`), so that an
image unlike all of them can be flagged for review.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.images.decode import is_damage
from edgewbc.pixels import PixelSpec
from edgewbc.reasons import Reason, ReasonKind
from edgewbc.smear.appearance import UsualRange
from edgewbc.smear.unusual import reason

SIZE_FACTOR = 1.5
"""How far the size of an image may be from those of training, where the crop has a fixed number of pixels."""
COMMON = 0.01
"""Share of the training images from which on a decoder note they have is no longer a reason for review."""

UNDESCRIBED = (
    "the bundle does not describe its training images: images unlike them are not detected, and are classified like "
    "any other (export it again with --data)"
)
"""Remark on a bundle without `training_images`."""

Percentiles = tuple[float, float, float]
"""Percentiles 1, 50 and 99."""


@dataclass(frozen=True)
class TrainingImages:
    """Facts about the images that a network was trained on.

    Attributes:
        appearance: range of their appearance, measured on the prepared images.
        width, height: percentiles 1, 50 and 99 of their sizes in pixels.
        notes: share of the images that carry a note of the decoder, 0 to 1, by note.
        unusual: share of the validation images for which `reasons` are found, 0 to 1; None if there are none.
    """

    appearance: UsualRange
    width: Percentiles
    height: Percentiles
    notes: Mapping[str, float]
    unusual: float | None = None

    @classmethod
    def of(
        cls, measured: Sequence[NDArray[np.float32]], sizes: Sequence[tuple[int, int]], notes: Mapping[str, int]
    ) -> TrainingImages:
        """Summarize images.

        Args:
            measured: appearance of each image, from `appearance.measure`.
            sizes: width and height of each decoded image.
            notes: number of images by note.

        Raises:
            ValueError: there are none.
        """
        found = UsualRange.of(measured)
        width, height = (_percentiles([size[axis] for size in sizes]) for axis in (0, 1))
        return cls(found, width, height, {note: round(count / len(sizes), 4) for note, count in notes.items()})

    @classmethod
    def from_json(cls, values: Any) -> TrainingImages:
        """Read what `to_json` wrote.

        Raises:
            ValueError: it is not of that form.
        """
        try:
            width, height = (_three(values["size"][side]) for side in ("width", "height"))
            notes = {str(note): float(share) for note, share in values["notes"].items()}
            unusual = values.get("unusual")
            unusual = None if unusual is None else float(unusual)
            found = values["appearance"]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError("training_images is malformed") from None
        if not np.isfinite([*width, *height, *notes.values(), unusual or 0.0]).all() or min(*width, *height) < 1:
            raise ValueError("training_images has a size or share that is not a number")
        return cls(UsualRange.from_json(found), width, height, notes, unusual)

    def to_json(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return {
            "appearance": self.appearance.to_json(),
            "size": {"width": list(self.width), "height": list(self.height)},
            "notes": dict(self.notes),
            "unusual": self.unusual,
        }

    def reasons(
        self,
        pixels: PixelSpec,
        size: tuple[int, int] | None,
        notes: Sequence[str],
        measured: NDArray[np.float32] | None,
    ) -> list[Reason]:
        """Return why a person should look at an image that the network was not trained for; empty if there is nothing.

        Args:
            pixels: crop and input size of the network.
            size: width and height of the decoded image in pixels; None if unknown.
            notes: of the decoder. Damage is always a reason; other notes are none if training images carried them too.
            measured: appearance of the prepared image; None if it was not measured.
        """
        kept = [note for note in notes if is_damage(note) or self.notes.get(note, 0.0) < COMMON]
        if size is not None and (why := self.size_problem(pixels, *size)):
            kept.append(why)
        found = [Reason(ReasonKind.IMAGE, text) for text in kept]
        if measured is not None and (unusual := self.appearance.unusual(measured)):
            found.append(reason(unusual))
        return found

    def size_problem(self, pixels: PixelSpec, width: int, height: int) -> str:
        """Return what is wrong with the size of an image; empty if nothing is, or the crop adapts to the size."""
        if pixels.crop != "centre":
            return ""
        usual = f"image of {width} x {height} pixels, trained on about {self.width[1]:.0f} x {self.height[1]:.0f}"
        if max(width / self.width[2], height / self.height[2]) > SIZE_FACTOR:
            return f"{usual}: only its center is seen"
        if max(self.width[0] / width, self.height[0] / height) > SIZE_FACTOR:
            return f"{usual}: the cell is seen at another scale"
        return ""


def _percentiles(values: Sequence[int]) -> Percentiles:
    low, middle, high = np.percentile(values, (1, 50, 99)).tolist()
    return low, middle, high


def _three(values: Sequence[float]) -> Percentiles:
    low, middle, high = (float(value) for value in values)
    return low, middle, high
