"""Flags of a differential in words: what a person who reads the sheet should not overlook."""

from __future__ import annotations

from dataclasses import dataclass

from edgewbc.cases.differential import CaseDifferential, Line
from edgewbc.cases.labels import BLAST, OTHER, UNCERTAIN
from edgewbc.cases.ranges import Range, Ranges
from edgewbc.cells import OTHER_CLASSES

FEW = 100
"""White cells below which a differential is called one of few cells; laboratories count 100 or more."""


def flags(found: CaseDifferential, ranges: Ranges) -> list[str]:
    """Return the flags of a differential, a sentence each; empty if there is nothing to say.

    A value is flagged where it lies, as it is printed, outside the laboratory's range. Where its 95 % limits reach
    into the range, the flag says so: another count of the same slide could be within.
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
        reported = _Reported.of(line, ranges.of(line.label))
        if reported is not None and reported.outside:
            lines.append(reported.sentence(line.title))
    return lines


def is_outside(line: Line, own: Range) -> bool:
    """Return whether the value of a type, as it is printed, lies outside of the laboratory's range.

    The absolute count decides if there is one and it has a range, otherwise the percentage.
    """
    reported = _Reported.of(line, own)
    return reported is not None and reported.outside


@dataclass(frozen=True)
class _Reported:
    """A value as the sheet prints it, with its 95 % limits, the laboratory's range, its unit and its decimals."""

    value: float
    exact: tuple[float, float] | None
    own: tuple[float, float]
    unit: str
    digits: int

    @classmethod
    def of(cls, line: Line, own: Range) -> _Reported | None:
        """Return the value of a type that is compared with a range; None if there is none."""
        if own.absolute is not None and line.absolute is not None:
            return cls(round(line.absolute, 2), line.absolute_exact, own.absolute, "10^9/L", 2)
        if own.percent is not None and line.percent is not None:
            exact = None if line.exact is None else (100 * line.exact[0], 100 * line.exact[1])
            return cls(line.percent, exact, own.percent, "%", 0)
        return None

    @property
    def outside(self) -> bool:
        return not self.own[0] <= self.value <= self.own[1]

    def sentence(self, name: str) -> str:
        low, high = self.own
        side, bound = ("below", low) if self.value < low else ("above", high)
        said = f"{name[:1].upper()}{name[1:]}: {self.value:.{self.digits}f} {self.unit}, {side} the range"
        reaches = self.exact is not None and self.exact[0] <= bound <= self.exact[1]
        end = "; within its 95 % limits it could be inside." if reaches else "."
        return f"{said} {low:g} to {high:g} {self.unit}{end}"
