"""One cell of a case: what the software said of it, what people decided, and where its image is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from edgewbc.cases.labels import NOT_WHITE_CELLS
from edgewbc.lab.results import Status
from edgewbc.pixels import Box


class Exclusion(StrEnum):
    """Why a located cell is not counted, whatever its label is."""

    SAME_IMAGE = "in a copy of an image file"
    OVERLAP = "seen in an overlapping field already"
    CUT_OFF = "cut off by the edge of the image"
    BEYOND = "beyond the number of cells asked for"


@dataclass(frozen=True, slots=True)
class CaseCell:
    """A cell of a case, as it stands after all decisions so far.

    Attributes:
        id: of the cell in its case; it never changes. (It is the id of its row in `results` of the journal.)
        order: place in the order of counting, from 1.
        image: absolute path of the image file.
        number: of the cell in its image, from 1, the one with the largest nucleus first; 0 where the image shows one.
        box: left, top, width, height in pixels of the image; None where the whole image is the cell, no white cell was
            located, or the image could not be read.
        status: what the software made of the cell. It does not change by a decision.
        machine: label that the software gave; empty if it gave none.
        probability: of that label; None if there is none.
        probabilities: by class, in the bundle's order; empty if there are none.
        reasons: why the status is not `ok`, one each.
        label: label that counts now: the person's if there is one, else the software's if the status is `ok`; empty
            while the cell is open, or excluded.
        decided: a person's label; empty if nobody decided, or the decision was undone.
        who, at, why: of that decision; empty without one. `at` is UTC.
        excluded: why the cell is not counted whatever its label is; None if it is counted. A person's decision
            overrides it.
        duplicate_of: id of the cell of which this one is a second image; 0 if it is none.
        confirm: the software's label is not enough, because the slide's images are unlike those of training.
        crop: image file of the cell with some surroundings; None if there is none (an unreadable image).
        window: left, top, width, height of the crop in pixels of the image; None if there is no crop.
        image_sha256: of the image file that was read; empty if it could not be read.
    """

    id: int
    order: int
    image: Path
    number: int
    box: Box | None
    status: Status
    machine: str
    probability: float | None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    label: str = ""
    decided: str = ""
    who: str = ""
    at: str = ""
    why: str = ""
    excluded: Exclusion | None = None
    duplicate_of: int = 0
    confirm: bool = False
    crop: Path | None = None
    window: Box | None = None
    image_sha256: str = ""

    @property
    def open(self) -> bool:
        """Whether a person has to decide before the case can be signed."""
        return not self.decided and self.excluded is None and (self.status != Status.OK or self.confirm)

    @property
    def counted(self) -> bool:
        """Whether the cell is one of the white cells whose shares add up to 100 %."""
        return bool(self.label) and self.label not in NOT_WHITE_CELLS

    @property
    def changed(self) -> bool:
        """Whether a person gave the cell another label than the software did."""
        return bool(self.decided) and self.decided != self.machine
