"""The labels that a person may give a cell of a case: the cell types, and what a network has no class for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from edgewbc.cells import CLASSES, ERYTHROBLAST, OTHER_CLASSES, PLATELET, in_order
from edgewbc.errors import UserError

BLAST: Final = "blast"
OTHER: Final = "other"
"""A white cell of a type that has no label, such as a plasma cell; it is one of the 100."""
UNCERTAIN: Final = "uncertain"
"""A white cell whose type the person cannot tell; it is one of the 100, in a line of its own."""
NOT_A_CELL: Final = "not a cell"
"""An artifact, a smudge, or an image without a white cell; it is not counted."""

WHITE_CELLS: Final = (*CLASSES, OTHER_CLASSES[0], BLAST, OTHER, UNCERTAIN)
"""Labels of white cells in the order of the sheet: their shares add up to 100 %."""
NOT_WHITE_CELLS: Final = (ERYTHROBLAST, PLATELET, NOT_A_CELL)
"""Labels that are outside the denominator."""
LABELS: Final = (*WHITE_CELLS, *NOT_WHITE_CELLS)

TITLES: Final = {OTHER: "other white cell", UNCERTAIN: "unclassified"}
"""What a label is called on a sheet, where that is not the label itself."""


def title(label: str) -> str:
    """Return what a label is called on a sheet."""
    return TITLES.get(label, label)


def allowed(classes: Iterable[str]) -> tuple[str, ...]:
    """Return the labels that a person may give, for a bundle with these classes: those here, then its own others."""
    others = in_order(set(classes) - set(LABELS))
    return (*WHITE_CELLS, *others, *NOT_WHITE_CELLS)


def check(label: str, classes: Iterable[str]) -> str:
    """Return a label. Raises UserError if a person may not give it."""
    names = allowed(classes)
    if label not in names:
        raise UserError(f"{label[:80]!r} is not a label of a cell: use one of {', '.join(names)}")
    return label
