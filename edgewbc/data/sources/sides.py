"""Sides of a split as data sets name them: in a column, in the name of a folder, or in a path."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Final

from edgewbc.data.manifest import Protocol, Split
from edgewbc.data.sources.scan import Cell, normalize_label
from edgewbc.errors import UserError

WORDS: Final = {
    "train": Split.TRAIN, "training": Split.TRAIN,
    "val": Split.VAL, "valid": Split.VAL, "validation": Split.VAL, "dev": Split.VAL,
    "test": Split.TEST, "testing": Split.TEST,
    "eval": Split.TEST, "evaluation": Split.TEST, "holdout": Split.TEST,
}  # fmt: skip
"""Words for the sides, in lower case."""

SPLIT_NAME: Final = re.compile(
    rf"({'|'.join(sorted(WORDS, key=len, reverse=True))})([-_ ]?(set|data|images|simple|[a-z]|[0-9]+))?"
)
"""Folder names that data sets give to the parts of a split, in lower case: `TRAIN`, `Test-A`, `TEST_SIMPLE`."""


def of_name(name: str) -> Split | None:
    """Return the side that a folder's name says, or None: `Train`, `valid`, `test_set`, `val2017`."""
    match = SPLIT_NAME.fullmatch(normalize_label(name))
    return None if match is None else WORDS[match.group(1)]


def of_path(path: str) -> Split | None:
    """Return the side that the first folder of a relative path with such a name says, or None."""
    return next((side for part in PurePosixPath(path).parts[:-1] if (side := of_name(part)) is not None), None)


def default_protocol(cells: Sequence[Cell], what: str) -> Protocol:
    """Return the protocol for cells that may come with sides.

    Returns:
        `published` for train, val and test; `official` for train and test, so that validation is taken from train;
        `grouped` where no cell has a side.

    Raises:
        UserError: some cells have a side and others none, or there is no train or no test; `what` names the data.
    """
    sides = {cell.split for cell in cells}
    if sides == {None}:
        return Protocol.GROUPED
    found = ", ".join(sorted(side or "no side" for side in sides))
    if None in sides or not {Split.TRAIN, Split.TEST} <= sides:
        raise UserError(
            f"{what}: found the sides {found}, but train, val and test or train and test are needed: divide the images "
            "so, or draw a new split with --protocol grouped"
        )
    return Protocol.PUBLISHED if Split.VAL in sides else Protocol.OFFICIAL


def require_choice(cells: Sequence[Cell], what: str) -> None:
    """Check that cells in class folders come without sides; with them, a person says whether the split is kept.

    Raises:
        UserError: the class folders lie in train, val and test; `what` names the data.
    """
    found = sorted({str(cell.split) for cell in cells if cell.split is not None})
    if found:
        kept = Protocol.PUBLISHED if Split.VAL in found else Protocol.OFFICIAL
        raise UserError(
            f"{what}: {', '.join(found)} hold the same class folders: they are the sides of a split, not classes: keep "
            f"it with --protocol {kept}, draw a new one with --protocol grouped, or name one of the folders"
        )


def check(cells: Sequence[Cell], protocol: Protocol, what: str) -> None:
    """Check that cells come with the sides that a protocol keeps.

    Raises:
        UserError: `published` or `official` was chosen, and the cells do not have its sides.
    """
    needed: Collection[Split] = {
        Protocol.PUBLISHED: (Split.TRAIN,),
        Protocol.OFFICIAL: (Split.TRAIN, Split.TEST),
    }.get(protocol, ())
    sides = {cell.split for cell in cells}
    if needed and (None in sides or not set(needed) <= sides):
        raise UserError(f"{what}: protocol {protocol} needs folders {' and '.join(needed)} above the images")
    if protocol == Protocol.OFFICIAL and Split.VAL in sides:
        raise UserError(f"{what}: has a val of its own: use --protocol published")
