"""The microscope of a run: the one that a person names, or the one that is learned from the run's images.

And whether a bundle that takes each image for one cell was given fields of a smear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgewbc.bundle.bundle import Bundle
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.images.files import read
from edgewbc.lab.classify import LoadedBundle
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.lab.microscope import Microscope, learn
from edgewbc.smear import frame, learning
from edgewbc.smear.gauge import Gauge
from edgewbc.smear.microscope import Profile
from edgewbc.utils.progress import Progress

MAX_LOOKED_AT, MIN_FIELDS = 16, 3
"""Images that are looked at to tell fields from single cells; fields that it takes."""
FIELD_BUNDLE = "wbc5-travel"
"""The released bundle that locates the cells of fields."""


def named_microscope(file: Path | None, bundle: Bundle) -> Microscope | None:
    """Return the microscope whose profile a person named; None if nobody did.

    Raises:
        UserError: the file is not a profile, or the bundle locates no cells.
    """
    if file is None:
        return None
    if bundle.pixels.crop != "cell":
        raise UserError(
            f"--microscope: {bundle.manifest.name} takes images as they are (crop {bundle.pixels.crop}): leave it out"
        )
    return Microscope.given(Profile.read(file))


def learned_microscope(bundle: Bundle, files: Sequence[str], progress: Progress) -> Microscope:
    """Learn the microscope of a run's images, for a bundle that locates cells."""
    reference = bundle.pixels.reference
    return Microscope() if reference is None else Microscope.learned(learn(files, progress), reference)


def tell_microscope(model: LoadedBundle, say: Callable[[str], None]) -> None:
    """Say what is known of the microscope, and what a person should know before reading any result."""
    reference = model.bundle.pixels.reference
    if model.by_cell and reference is not None:
        say(model.microscope.describe(reference))
        for line in (*model.warnings, *model.microscope.remarks):
            say(line)


@dataclass(frozen=True)
class FieldsAmong:
    """How many images of a sample are fields of a smear; as text, such as "4 of 7 sampled images"."""

    fields: int
    looked_at: int

    @property
    def most(self) -> bool:
        """Whether most of them are fields. (One or two that seem so do not tell, unless they are all there is.)"""
        return self.fields >= min(MIN_FIELDS, max(1, self.looked_at)) and 2 * self.fields > self.looked_at

    def __str__(self) -> str:
        return f"{self.fields} of {self.looked_at} sampled images"


def fields_among(files: Sequence[str]) -> FieldsAmong:
    """Look at a sample of image files, and return how many are fields of a smear. One that cannot be read is none."""
    looked_at = fields = 0
    with one_thread_in_opencv():
        for index in learning.sample(len(files), MAX_LOOKED_AT):
            try:
                seen = Gauge.of(frame.cleared(decode(read(Path(files[index])).data).image))
            except (ImageError, MemoryError):
                continue
            looked_at += 1
            fields += bool(seen.cells) and seen.single is None
    return FieldsAmong(fields, looked_at)


def fields_warning(bundle: Bundle, files: Sequence[str]) -> str:
    """Return what to tell a person who gives fields of a smear to a bundle that takes each image for one cell.

    Args:
        bundle: that classifies them.
        files: the images; a sample of them is looked at.

    Returns:
        Empty if the bundle locates cells, or most of the images show single cells.
    """
    if bundle.pixels.crop == "cell":
        return ""
    found = fields_among(files)
    if not found.most:
        return ""
    return (
        f"{found} are fields of a smear, and {bundle.manifest.name} takes each image for one cell, at the scale of its "
        f"training images. Count fields with a bundle that locates their cells: --model {FIELD_BUNDLE}."
    )
