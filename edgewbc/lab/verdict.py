"""The verdict on a whole run: do its images look like those that the model was trained on?

A single doubtful image goes to a person. Where far more images are doubtful than on the validation images, the others
cannot be trusted either: of another laboratory's cells a model gets many wrong with a high probability. Then the shares
of the cell types are not reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from edgewbc.bundle.manifest import BundleManifest
from edgewbc.lab.results import ResultRow, Status
from edgewbc.lab.thresholds import REVIEW_BELOW
from edgewbc.metrics import wilson
from edgewbc.reasons import ReasonKind

MIN_IMAGES = 10
"""Images below which there is no verdict."""
FACTOR = 3.0
"""How many times as many images as in validation must be doubtful."""
LOWEST = 0.10
"""Share of doubtful images up to which a run is accepted, however few there were in validation."""
MOST_CUT_OFF = 2.0
"""Cells that are cut off, as a multiple of the whole ones, above which no shares are given."""
_SHARED = {ReasonKind.IMAGE, ReasonKind.MICROSCOPE}
"""Kinds of reasons that the images of a folder may share, such as 16 bits per channel."""
UNKNOWN = 0.05
"""Share of doubtful images that is expected of a bundle that was exported without validation images."""


@dataclass(frozen=True)
class Usual:
    """What a bundle says of its validation images.

    Attributes:
        review_below: probability below which an image is doubtful: the bundle's own, whatever threshold a run uses.
        share: of the validation images that were doubtful, 0 to 1; the default of 1 allows for any number.
    """

    review_below: float = REVIEW_BELOW
    share: float = 1.0

    @classmethod
    def of(cls, manifest: BundleManifest) -> Usual:
        """Read it from a bundle's manifest."""
        below = REVIEW_BELOW if manifest.review_below is None else manifest.review_below
        share = UNKNOWN if manifest.accepted is None else 1 - manifest.accepted
        if manifest.training_images is not None:
            share += manifest.training_images.unusual or 0.0
        if manifest.familiarity is not None:
            share += manifest.familiarity.false_alarms
        return cls(below, 1.0 if below > 1 else min(1.0, max(0.0, share)))


@dataclass
class Verdict:
    """Counts the doubtful images of a run: below the bundle's threshold, or with another reason for review.

    Attributes:
        usual: what is expected.
        images: number of rows with a prediction.
        doubtful: number of rows with a prediction that is in doubt.
        unfamiliar: number of those whose cell does not look like the cells of training.
        empty: number of images in which no white cell was located.
        cut_off: number of rows with a prediction whose cell is cut off by the edge of its image.
        warnings: what is known before any image is classified (`lab.microscope.Microscope.warnings`).
    """

    usual: Usual = field(default_factory=Usual)
    images: int = 0
    doubtful: int = 0
    unfamiliar: int = 0
    empty: int = 0
    cut_off: int = 0
    warnings: Sequence[str] = ()
    _why: Counter[str] = field(default_factory=Counter)

    def add(self, row: ResultRow) -> None:
        """Count a row. A cell at the edge of a field is for review on every microscope, and does not count."""
        kinds = {reason.kind for reason in row.reasons}
        self.empty += ReasonKind.NO_CELL in kinds
        if row.probability is None:
            return
        if ReasonKind.CUT_OFF in kinds:
            self.cut_off += 1
            return
        self.images += 1
        self.unfamiliar += row.status == Status.UNFAMILIAR
        unlike = row.status == Status.REVIEW and bool(kinds - {ReasonKind.THRESHOLD})
        self._why.update({reason.text for reason in row.reasons if reason.kind in _SHARED})
        self.doubtful += unlike or row.status == Status.UNFAMILIAR or row.probability < self.usual.review_below

    @property
    def unlike(self) -> bool:
        """Whether the images do not look like those that the model was trained on, so that no percentages are given.

        So it is where there are warnings, far more images are doubtful than in validation, or most cells are cut off.
        """
        return bool(self.warnings) or self.doubted or self.mostly_cut_off

    @property
    def mostly_cut_off(self) -> bool:
        """Whether most cells are cut off, far more than in fields, so that the others are no sample of them."""
        return self.cut_off >= MIN_IMAGES and self.cut_off > MOST_CUT_OFF * self.images

    @property
    def doubted(self) -> bool:
        """Whether far more images are doubtful than in validation.

        So it is where their share is significantly (Wilson, 95 %) above `FACTOR` times that of the validation images,
        and above `LOWEST`.
        """
        bounds = wilson(self.doubtful, self.images)
        return self.images >= MIN_IMAGES and bounds is not None and bounds[0] > max(LOWEST, FACTOR * self.usual.share)

    @property
    def _most_common(self) -> str:
        """The one reason that most doubtful rows share, as the end of a sentence; empty if they share none."""
        why, count = self._why.most_common(1)[0] if self._why else ("", 0)
        return f"; {count} of them for this reason: {why}" if 2 * count > self.doubtful else ""

    @property
    def sentence(self) -> str:
        """What to tell a person; empty if there is nothing to tell."""
        return self.sentence_with("No differential is given.")

    def sentence_with(self, consequence: str) -> str:
        """Return what to tell a person; `consequence` is what follows where the images are unlike those of training."""
        found = [*self.warnings]
        if self.empty >= MIN_IMAGES and self.empty > self.images:
            found.append(
                f"No white cell was located in {self.empty} images: if they show white cells, check light, stain and "
                "magnification."
            )
        if self.mostly_cut_off:
            found.append(
                f"{self.cut_off} of {self.cut_off + self.images} cells are cut off by the edge of their image: take "
                "images with more around each cell, without borders."
            )
        if self.doubted:
            unfamiliar = f", {self.unfamiliar} of them unfamiliar cells" if self.unfamiliar else ""
            found.append(
                f"These images do not look like the ones this model was trained on: {self.doubtful} of {self.images} "
                f"need review{unfamiliar}{self._most_common}."
            )
        if self.unlike:
            found.append(consequence)
        if self.doubted and not self.warnings:  # a warning ends with the same advice
            found.append("Check stain, magnification and camera, or adapt a model to your own cells (`edgewbc adapt`).")
        return " ".join(found)

    def to_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        return {
            "unlike_training_images": self.unlike,
            "images": self.images,
            "doubtful": self.doubtful,
            **({"unfamiliar": self.unfamiliar} if self.unfamiliar else {}),
            "usual_percent": round(100 * self.usual.share, 2),
            **({"no_white_cell": self.empty} if self.empty else {}),
            **({"cut_off": self.cut_off} if self.cut_off else {}),
            "message": self.sentence,
        }
