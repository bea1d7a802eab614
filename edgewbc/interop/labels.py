"""A labeled image, as labeling programs exchange it, in no particular format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath


class LabelForm(StrEnum):
    """Programs whose files of labels are read and written."""

    LABEL_STUDIO = "label-studio"
    FIFTYONE = "fiftyone"


@dataclass(frozen=True)
class LabeledImage:
    """An image of one cell.

    Attributes:
        file: its name, relative to the folder of the labels, with forward slashes.
        label: a person's label; empty if there is none.
        suggestion: label that a network gave; empty if there is none.
        probability: of the suggestion, 0 to 1.
        number: of the cell, for people; 0 if it has none.
        case: id of the case that it is from; empty if it is from none.
        sha256: of the image file; empty if it is not known.
    """

    file: str
    label: str = ""
    suggestion: str = ""
    probability: float | None = None
    number: int = 0
    case: str = ""
    sha256: str = ""

    @property
    def stem(self) -> str:
        """The file's name without folders and suffix."""
        return PurePosixPath(self.file).stem
