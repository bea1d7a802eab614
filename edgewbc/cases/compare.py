"""Compare two counts of one sample: by two people, or by a person and the software; with what chance alone allows.

The two-observer rule of manual differentials asks whether two counts differ by more than the chance in which cells were
counted (Rümke 1977; CLSI H20). Here each type is tested exactly: a second count is outside of the expected range if two
counts of one sample differ as much in less than 5 % of all cases, which is Fisher's test with the smaller tail doubled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, lgamma

from edgewbc.cases.case import Case
from edgewbc.cases.labels import NOT_WHITE_CELLS, allowed, title
from edgewbc.errors import UserError
from edgewbc.percentages import whole_percentages
from edgewbc.utils import text

CHANCE = 0.05
"""Probability of a difference by chance below which it is called one."""


@dataclass(frozen=True)
class ComparedLine:
    """One type of white cells in two counts.

    Attributes:
        label: of the type.
        first, second: number of cells in each count.
        expected: lowest and highest number in the second count that chance allows, given the first.
    """

    label: str
    first: int
    second: int
    expected: tuple[int, int]

    @property
    def differs(self) -> bool:
        """Whether the second count is outside of what chance allows."""
        return not self.expected[0] <= self.second <= self.expected[1]


@dataclass(frozen=True)
class CountComparison:
    """Two counts compared.

    Attributes:
        names: what each count is called.
        lines: of the types that occur.
        totals: number of white cells in each.
        agree: number of cells to which both gave the same label, and of those that both labeled; None where the counts
            have no cell of the same image in common.
        open: number of open cells in each, which are not compared.
    """

    names: tuple[str, str]
    lines: tuple[ComparedLine, ...]
    totals: tuple[int, int]
    agree: tuple[int, int] | None = None
    open: tuple[int, int] = (0, 0)

    @property
    def differ(self) -> list[str]:
        """Labels of the types in which the counts differ by more than chance."""
        return [line.label for line in self.lines if line.differs]

    def table(self) -> str:
        """Return the comparison as a plain text table, with its conclusion."""
        percents = [
            whole_percentages([getattr(line, side) for line in self.lines]) or [0] * len(self.lines)
            for side in ("first", "second")
        ]
        rows = []
        for index, line in enumerate(self.lines):
            low, high = (100 * bound / self.totals[1] for bound in line.expected)
            rows.append(
                [
                    title(line.label),
                    str(line.first),
                    f"{percents[0][index]} %",
                    str(line.second),
                    f"{percents[1][index]} %",
                    f"{low:.0f}-{high:.0f} %",
                    "differs" if line.differs else "",
                ]
            )
        header = ["type", f"n ({self.names[0]})", "percent", f"n ({self.names[1]})", "percent", "expected", ""]
        end = f"counts differ by more than chance in: {', '.join(map(title, self.differ))}" if self.differ else (
            "the counts agree as well as chance allows"
        )  # fmt: skip
        lines = [text.table(header, rows), end]
        lines += [
            f"{name}: {left} {'cell is' if left == 1 else 'cells are'} open, not compared: decide on each first"
            for name, left in zip(self.names, self.open, strict=True)
            if left
        ]
        if self.agree is not None:
            lines.append(f"same label for {self.agree[0]} of {self.agree[1]} cells that both labeled")
        return "\n".join(lines)


def compare(first: Case, second: Case) -> CountComparison:
    """Compare the counts of two cases of one sample, cell by cell too where both show the same cells.

    Raises:
        UserError: one of them counts no cell.
    """
    names = [name for name in allowed({*first.classes, *second.classes}) if name not in NOT_WHITE_CELLS]
    counts = [
        [sum(cell.label == name for cell in cells) for name in names] for cells in (first.cells(), second.cells())
    ]
    still_open = len(first.open_cells), len(second.open_cells)
    return _compared(names, counts[0], counts[1], _called(first, second), _agreement(first, second), still_open)


def compare_with_software(case: Case) -> CountComparison:
    """Compare what the software alone says of the cells of a case with what counts now. Raises UserError as `compare`.

    Cells that are excluded are in neither count. Of the others, the software's count has all that it gave a label, also
    those that it sent to a person.
    """
    names = [name for name in allowed(case.classes) if name not in NOT_WHITE_CELLS]
    cells = [cell for cell in case.cells() if cell.excluded is None or cell.decided]
    software = [sum(cell.machine == name for cell in cells) for name in names]
    person = [sum(cell.label == name for cell in cells) for name in names]
    both = [cell for cell in cells if cell.machine and cell.label]
    same = sum(cell.machine == cell.label for cell in both)
    return _compared(names, software, person, ("software", "person"), (same, len(both)), (0, len(case.open_cells)))


def _agreement(first: Case, second: Case) -> tuple[int, int] | None:
    """Return how many cells of the same images have the same label in both cases, of those that both labeled."""
    one, other = (
        {(cell.image_sha256, cell.box): cell.label for cell in case.cells() if cell.label and cell.image_sha256}
        for case in (first, second)
    )
    both = one.keys() & other.keys()
    return (sum(one[key] == other[key] for key in both), len(both)) if both else None


def _called(first: Case, second: Case) -> tuple[str, str]:
    """Return names that tell two counts apart: their case ids, or their folders where both have the same id."""
    pairs = [
        (first.info.case, second.info.case),
        (first.folder.resolve().name, second.folder.resolve().name),
        (str(first.folder), str(second.folder)),
    ]
    return next((pair for pair in pairs if pair[0] != pair[1]), ("first", "second"))


def _compared(
    names: Sequence[str],
    first: Sequence[int],
    second: Sequence[int],
    called: tuple[str, str],
    agree: tuple[int, int] | None,
    still_open: tuple[int, int],
) -> CountComparison:
    totals = sum(first), sum(second)
    for name, total in zip(called, totals, strict=True):
        if not total:
            raise UserError(f"{name}: no white cell is counted, so there is nothing to compare")
    lines = tuple(
        ComparedLine(name, one, other, expected_range(one, *totals))
        for name, one, other in zip(names, first, second, strict=True)
        if one or other
    )
    return CountComparison(called, lines, totals, agree, still_open)


def expected_range(k: int, n: int, other: int) -> tuple[int, int]:
    """Return the lowest and highest number that chance allows in a second count, given the first.

    Args:
        k: cells of a type in the first count.
        n: all cells of the first count.
        other: all cells of the second count.

    Raises:
        ValueError: `k` is not between 0 and `n`, or a count has no cells.
    """
    if not 0 <= k <= n or n < 1 or other < 1:
        raise ValueError(f"{k} of {n}, then {other}")
    middle = min(other, round(k * other / n))
    low = high = middle
    while low > 0 and _chance(k, n, low - 1, other) >= CHANCE:
        low -= 1
    while high < other and _chance(k, n, high + 1, other) >= CHANCE:
        high += 1
    return low, high


def _chance(k: int, n: int, found: int, other: int) -> float:
    """Return the two-sided probability of counts k of n and `found` of `other`, given their sum."""
    total = k + found
    low, high = max(0, total - n), min(total, other)

    def log_choose(of: int, take: int) -> float:
        return lgamma(of + 1) - lgamma(take + 1) - lgamma(of - take + 1)

    whole = log_choose(n + other, total)

    def at(value: int) -> float:
        return exp(log_choose(other, value) + log_choose(n, total - value) - whole)

    below = sum(at(value) for value in range(low, found + 1))
    above = sum(at(value) for value in range(found, high + 1))
    return min(1.0, 2 * min(below, above))
