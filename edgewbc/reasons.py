"""Why a person should look at a cell: a kind that programs tell apart, and a text for the person.

Tables and journals keep only the texts, separated by `SEPARATOR`, so `read` finds the kind again by how a text begins.
A `Reason` refuses a text whose kind would not be found again. Of a text that contains the separator, the rest is read
as a reason of the kind `IMAGE`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

SEPARATOR = "; "


class ReasonKind(StrEnum):
    """What a reason is about.

    `threshold`: the probability is below the review threshold, or the class is always reviewed. `unfamiliar`: the
    cell's features are unlike those of training. `unusual`: the image's appearance is unlike that of the training
    images. `microscope`: the image is unlike those of its microscope. `unknown_microscope`: the microscope is not
    known. `cut_off`: the edge of the image cuts the cell off. `no_cell`: no white cell was located. `image`: the file
    or its size, such as damage or a missing color. `error`: there is no prediction.
    """

    THRESHOLD = "threshold"
    UNFAMILIAR = "unfamiliar"
    UNUSUAL = "unusual"
    MICROSCOPE = "microscope"
    UNKNOWN_MICROSCOPE = "unknown_microscope"
    CUT_OFF = "cut_off"
    NO_CELL = "no_cell"
    IMAGE = "image"
    ERROR = "error"


BEGINNINGS: dict[ReasonKind, tuple[str, ...]] = {
    ReasonKind.THRESHOLD: ("probability ", "every "),
    ReasonKind.UNFAMILIAR: ("unlike the training cells: ",),
    ReasonKind.UNUSUAL: ("unlike the training images: ",),
    ReasonKind.MICROSCOPE: ("not of the training images' microscope: ", "unlike this microscope's images: "),
    ReasonKind.UNKNOWN_MICROSCOPE: ("unknown microscope: ",),
    ReasonKind.CUT_OFF: ("cut off by the edge of the image",),
    ReasonKind.NO_CELL: ("no white cell located",),
}
"""How the texts of each kind begin. Those of other kinds begin with anything else."""


def _kind(text: str) -> ReasonKind:
    return next((kind for kind, starts in BEGINNINGS.items() if text.startswith(starts)), ReasonKind.IMAGE)


@dataclass(frozen=True)
class Reason:
    """A reason for review, for being unfamiliar, or for an error.

    Attributes:
        kind: what it is about.
        text: a phrase for a person.

    Raises:
        ValueError: the text does not begin as those of its kind do.
    """

    kind: ReasonKind
    text: str

    def __post_init__(self) -> None:
        """Check that the kind will be found again."""
        if self.kind is not ReasonKind.ERROR and _kind(self.text) is not self.kind:
            raise ValueError(f"{self.text!r} does not begin as a reason of the kind {self.kind} does")

    def __str__(self) -> str:
        """Return the text."""
        return self.text


CUT_OFF = Reason(ReasonKind.CUT_OFF, "cut off by the edge of the image")
NO_CELL = Reason(ReasonKind.NO_CELL, "no white cell located")


def write(reasons: Iterable[Reason]) -> str:
    """Return the texts of reasons in one line, as tables and journals keep them; empty without any."""
    return SEPARATOR.join(each.text for each in reasons)


def read(line: str) -> tuple[Reason, ...]:
    """Return the reasons that `write` wrote, in this version or an earlier one."""
    return tuple(Reason(_kind(text), text) for text in line.split(SEPARATOR) if text)
