"""Which microscope a run's images are of: a given profile, one learned from the images, or that of the training images.

A cell is cropped and colored by the profile of its microscope. Where it is not known, no cell may be counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewbc import reasons
from edgewbc.images.decode import ImageError, decode
from edgewbc.images.files import read
from edgewbc.lab.cpu_budget import one_thread_in_opencv
from edgewbc.pixels import Image, Reference
from edgewbc.reasons import Reason, ReasonKind
from edgewbc.smear import learning
from edgewbc.smear.gauge import ImageObservation, observe
from edgewbc.smear.microscope import Profile
from edgewbc.utils.progress import Progress, quiet

LEARN = "edgewbc microscope learn"
REMEDY = (
    f"collect images of this microscope, 50 or more, run `{LEARN} FOLDER --to scope.json`, and name it with "
    "--microscope scope.json"
)
ADAPT = "adapt a model to your own cells (`edgewbc adapt`)"


@dataclass(frozen=True)
class Microscope:
    """What a run takes its images' microscope to be.

    Attributes:
        profile: of the microscope; None takes it to be that of the training images, and each image is compared.
        unknown: why the profile is not to be relied on, so that every cell is for review; empty if it is.
    """

    profile: Profile | None = None
    unknown: str = ""

    @classmethod
    def given(cls, profile: Profile) -> Microscope:
        """Use a profile that a person named."""
        return cls(profile, "; ".join(profile.problems))

    @classmethod
    def learned(cls, profile: Profile | None, reference: Reference) -> Microscope:
        """Use what was learned from a run's own images.

        Where they are too few, the microscope is taken to be that of the training images if they look like it.
        """
        if profile is None:
            return cls()
        problems = profile.problems
        if problems and not profile.mixed and profile.fits(reference):
            return cls()
        return cls(profile, "; ".join(problems))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Microscope:
        """Read what `to_json` wrote. Raises ValueError, TypeError, AttributeError or KeyError for anything else."""
        profile = values["profile"]
        return cls(None if profile is None else Profile.from_json(profile), str(values["unknown"]))

    def to_json(self) -> dict[str, Any]:
        """Return profile, its hash, and `unknown` as JSON values."""
        profile = self.profile
        return {
            "profile": None if profile is None else profile.to_json(),
            "sha256": None if profile is None else profile.sha256,
            "unknown": self.unknown,
        }

    @property
    def reason(self) -> Reason | None:
        """Why every cell is for review; None if none is for this."""
        if not self.unknown:
            return None
        text = f"unknown microscope: {self.unknown.replace(reasons.SEPARATOR, ', ')}"
        return Reason(ReasonKind.UNKNOWN_MICROSCOPE, text)

    def describe(self, reference: Reference) -> str:
        """Return a line for a person: what is known of the microscope."""
        profile = self.profile
        if profile is None:
            return (
                "microscope: taken to be that of the training images; images that do not look like it are for review "
                f"(`{LEARN}` makes a profile for --microscope)"
            )
        times = " and ".join(f"{one.nucleus / reference.nucleus:.2f}" for one in profile.preparations or (profile,))
        return (
            f"microscope: profile of {profile.images} images with {profile.cells} white cells; nuclei are {times} "
            "times as large in pixels as on the training images"
        )

    @property
    def remarks(self) -> list[str]:
        """What a person may want to know of the images, a line each; percentages are given nevertheless."""
        remarks = () if self.profile is None else self.profile.remarks
        return [f"{remark[0].upper()}{remark[1:]}." for remark in remarks]

    def warnings(self, reference: Reference, adapted: bool = False) -> list[str]:
        """Return why no percentages are given, whatever the cells are, a line each, with the remedy.

        Args:
            reference: appearance of the training images.
            adapted: whether the model was adapted to a lab's own cells, which may well be far from the reference.
        """
        found = []
        if self.unknown:
            found.append(
                f"The microscope of these images is not known: {self.unknown}. Every cell is for review: {REMEDY}."
            )
        far = [] if self.profile is None or adapted else self.profile.far_off(reference)
        if far:
            found.append(
                "These images are far from those that this model was trained on, even after they are brought to their "
                f"scale and stain: {'; '.join(far)}. Check light, stain and magnification, or {ADAPT}."
            )
        return found


def learn(files: Sequence[Path | str], progress: Progress = quiet) -> Profile | None:
    """Learn a profile from image files: from `learning.SAMPLE` of them at most, evenly spread, that can be read.

    Returns:
        None if no white cell is located in any of them.
    """
    return learning.summarize([seen for _, _, seen in observations(files, progress)])


def observations(
    files: Sequence[Path | str], progress: Progress = quiet
) -> Iterator[tuple[Path, Image, ImageObservation]]:
    """Yield path, pixels and what was observed of a sample of image files; unreadable ones are skipped."""
    chosen = [Path(files[index]) for index in learning.sample(len(files))]
    with one_thread_in_opencv():
        for path in progress(chosen, "learn the microscope", len(chosen)):
            try:
                image = decode(read(path).data).image
            except (ImageError, MemoryError):
                continue
            yield path, image, observe(image)
