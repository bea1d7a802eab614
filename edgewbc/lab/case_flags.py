"""Flags of a differential in words: what a person who reads the sheet should not overlook."""

from __future__ import annotations

from edgewbc.cells import OTHER_CLASSES
from edgewbc.lab.case_differential import CaseDifferential
from edgewbc.lab.case_labels import BLAST, OTHER, UNCERTAIN
from edgewbc.lab.case_ranges import Ranges

FEW = 100
"""White cells below which a differential is called one of few cells; laboratories count 100 or more."""


def flags(found: CaseDifferential, ranges: Ranges) -> list[str]:
    """Return the flags of a differential, a sentence each; empty if there is nothing to say.

    A value is flagged where it lies outside the laboratory's range. Where its 95 % limits reach into the range, the
    flag says so: another count of the same slide could be within.
    """
    lines = []
    if 0 < found.counted < FEW:
        lines.append(f"Only {found.counted} white cells were counted: the limits are wide.")
    counts = {line.label: line.n for line in found.lines}
    for label, words in (
        (BLAST, "Blasts were seen: {n} of {of} white cells."),
        (OTHER_CLASSES[0], "Immature granulocytes were seen: {n} of {of} white cells."),
        (OTHER, "White cells of other types were seen: {n} of {of}."),
        (UNCERTAIN, "White cells that the person could not classify: {n} of {of}."),
    ):
        if counts.get(label):
            lines.append(words.format(n=counts[label], of=found.counted))
    nucleated = found.erythroblasts
    if nucleated.n and nucleated.per_100 is not None:
        lines.append(
            f"Erythroblasts were seen: {nucleated.per_100:.1f} per 100 white cells."
            + ("" if found.wbc is None else " If the analyzer counted them as white cells, correct the WBC.")
        )
    for line in found.lines:
        own = ranges.of(line.label)
        if own.absolute is not None and line.absolute is not None:
            lines += _outside(line.title, line.absolute, line.absolute_exact, own.absolute, "10^9/L", 2)
        elif own.percent is not None and line.share is not None:
            exact = None if line.exact is None else (100 * line.exact[0], 100 * line.exact[1])
            lines += _outside(line.title, 100 * line.share, exact, own.percent, "%", 0)
    return lines


def _outside(
    name: str, value: float, exact: tuple[float, float] | None, own: tuple[float, float], unit: str, digits: int
) -> list[str]:
    """Return the flag of a value outside of a range; empty if it is inside."""
    low, high = own
    if low <= value <= high:
        return []
    side, bound = ("below", low) if value < low else ("above", high)
    sentence = f"{name[:1].upper()}{name[1:]}: {value:.{digits}f} {unit}, {side} the range {low:g} to {high:g} {unit}"
    reaches = exact is not None and exact[0] <= bound <= exact[1]
    return [sentence + ("; within its 95 % limits it could be inside." if reaches else ".")]
