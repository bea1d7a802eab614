"""The differential of a case as a hematologist reads it: counts, whole percentages, exact limits, absolute counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgewbc.cases.cells import CaseCell, Exclusion
from edgewbc.cases.labels import NOT_A_CELL, NOT_WHITE_CELLS, allowed, title
from edgewbc.cells import ERYTHROBLAST, PLATELET
from edgewbc.lab.results import Status
from edgewbc.metrics import Interval, wilson
from edgewbc.percentages import clopper_pearson, outwards, whole_percentages
from edgewbc.utils import text
from edgewbc.utils.json_values import plain

OK_OPEN = "to confirm"
"""What an open cell with status `ok` is called: the software's label is not enough on this slide."""


@dataclass(frozen=True)
class Line:
    """One type of white cells in a differential.

    Attributes:
        label: of the type.
        n: number of cells.
        percent: whole percentage; those of all lines add up to 100. None if nothing was counted.
        share: n over the number counted, 0 to 1.
        exact: Clopper-Pearson 95 % limits of the share, 0 to 1.
        wilson: Wilson 95 % limits of the share.
        absolute: in 10^9/L; None without a WBC.
        absolute_exact: its limits, as far as they come from counting cells: the WBC is taken as given.
    """

    label: str
    n: int
    percent: int | None = None
    share: float | None = None
    exact: Interval | None = None
    wilson: Interval | None = None
    absolute: float | None = None
    absolute_exact: Interval | None = None

    @property
    def title(self) -> str:
        """What the type is called on a sheet."""
        return title(self.label)


@dataclass(frozen=True)
class Erythroblasts:
    """Nucleated red cells: reported per 100 white cells, and not among these.

    Attributes:
        n: number of them.
        per_100: per 100 counted white cells; None if no white cell was counted.
        exact: 95 % limits of that, from the Clopper-Pearson limits of n among n and the white cells.
    """

    n: int
    per_100: float | None
    exact: Interval | None


@dataclass(frozen=True)
class CaseDifferential:
    """The differential of a case, as it stands.

    Attributes:
        lines: of all types of white cells in the order of the sheet, those of 0 cells included.
        counted: number of white cells, the denominator.
        erythroblasts: per 100 white cells.
        platelets: located cells that are platelets; left out.
        not_cells: what a person called no cell; left out.
        open: number of cells without a decision that need one, by status (`to confirm`: see `CaseCell.confirm`). They
            are not in the denominator, and the case cannot be signed.
        excluded: number of cells that are not counted, by reason.
        changed: number of cells to which a person gave another label than the software.
        decided: number of cells on which a person decided.
        wbc: white cells in 10^9/L as given; None if it was not.
    """

    lines: tuple[Line, ...]
    counted: int
    erythroblasts: Erythroblasts
    platelets: int = 0
    not_cells: int = 0
    open: dict[str, int] = field(default_factory=dict)
    excluded: dict[str, int] = field(default_factory=dict)
    changed: int = 0
    decided: int = 0
    wbc: float | None = None

    @property
    def open_cells(self) -> int:
        """Number of open cells."""
        return sum(self.open.values())

    def shown(self, zeros: bool = False) -> list[Line]:
        """Return the lines of a sheet: those with a cell, or all if `zeros`."""
        return [line for line in self.lines if line.n or zeros]

    def open_line(self) -> str:
        """Return how many cells are open, as a sentence; empty if none does."""
        if not self.open:
            return ""
        each = ", ".join(f"{count} {name}" for name, count in self.open.items())
        of = self.open_cells + self.counted
        return (
            f"{self.open_cells} of {of} cells are open ({each}): they are not in these percentages, and the case "
            "cannot be signed before a person has decided on each"
        )

    def excluded_line(self) -> str:
        """Return how many located cells are not counted and why; empty if there are none."""
        if not self.excluded:
            return ""
        return "located but not counted: " + ", ".join(f"{count} {name}" for name, count in self.excluded.items())

    def others_lines(self) -> list[str]:
        """Return lines about erythroblasts, platelets and what is not a cell, as far as there are any."""
        found = []
        nucleated = self.erythroblasts
        if nucleated.n and nucleated.per_100 is not None and nucleated.exact is not None:
            low, high = nucleated.exact
            found.append(
                f"erythroblasts: {nucleated.n}, {nucleated.per_100:.1f} per 100 white cells "
                f"(95 % limits {low:.1f}-{high:.1f}); not among the white cells"
            )
        elif nucleated.n:
            found.append(f"erythroblasts: {nucleated.n}, not among the white cells")
        if self.platelets:
            found.append(f"platelets: {self.platelets}, left out")
        if self.not_cells:
            found.append(f"labeled not a cell: {self.not_cells}, left out")
        return found

    def table(self, zeros: bool = False) -> str:
        """Return the differential as a plain text table, with a line about everything that is not in it."""
        header = ["type", "n", "percent", "95 % limits", "Wilson"]
        header += [] if self.wbc is None else ["10^9/L"]
        rows = []
        for line in self.shown(zeros):
            row = [line.title, str(line.n), "-" if line.percent is None else f"{line.percent} %"]
            row += [limits(line.exact), text.interval(line.wilson, 1)]
            rows.append(row + ([] if line.absolute is None else [f"{line.absolute:.2f}"]))
        rows.append(["white cells", str(self.counted), "100 %" if self.counted else "-", "", ""])
        if self.wbc is not None:
            rows[-1].append(f"{self.wbc:.2f}")
        lines = [text.table(header, rows), *self.others_lines(), self.open_line(), self.excluded_line()]
        return "\n".join(filter(None, lines))

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values; shares and limits are fractions."""
        values: dict[str, Any] = plain(self)
        return {**values, "open_cells": self.open_cells}


def of_cells(cells: Iterable[CaseCell], classes: Sequence[str], wbc: float | None = None) -> CaseDifferential:
    """Return the differential of the cells of a case.

    Args:
        cells: in any order.
        classes: of the bundle.
        wbc: white cells in 10^9/L from the analyzer; without it there are no absolute counts.
    """
    labels, still_open, excluded = Counter[str](), Counter[str](), Counter[Exclusion]()
    changed = decided = 0
    for cell in cells:
        if cell.label:
            labels[cell.label] += 1
        if cell.open:
            still_open[OK_OPEN if cell.status == Status.OK else str(cell.status)] += 1
        if cell.excluded is not None and not cell.decided:
            excluded[cell.excluded] += 1
        decided += bool(cell.decided)
        changed += cell.changed
    names = [name for name in allowed(classes) if name not in NOT_WHITE_CELLS]
    return CaseDifferential(
        lines(names, [labels[name] for name in names], wbc),
        sum(labels[name] for name in names),
        _erythroblasts(labels[ERYTHROBLAST], sum(labels[name] for name in names)),
        labels[PLATELET],
        labels[NOT_A_CELL],
        {name: still_open[name] for name in (*map(str, Status), OK_OPEN) if still_open[name]},
        {str(name): excluded[name] for name in Exclusion if excluded[name]},
        changed,
        decided,
        wbc,
    )


def lines(names: Sequence[str], counts: Sequence[int], wbc: float | None = None) -> tuple[Line, ...]:
    """Return the lines of a differential.

    Args:
        names: labels of all types of white cells.
        counts: number of cells of each.
        wbc: white cells in 10^9/L.
    """
    total, percents = sum(counts), whole_percentages(counts)
    found = []
    for index, (name, n) in enumerate(zip(names, counts, strict=True)):
        if percents is None:
            found.append(Line(name, n))
            continue
        share, exact = n / total, clopper_pearson(n, total)
        absolute = None if wbc is None else wbc * share
        reach = None if wbc is None or exact is None else (wbc * exact[0], wbc * exact[1])
        found.append(Line(name, n, percents[index], share, exact, wilson(n, total), absolute, reach))
    return tuple(found)


def limits(bounds: Interval | None) -> str:
    """Return 95 % limits in whole percent, rounded outwards, such as `4-18 %`; `-` if there are none."""
    if bounds is None:
        return "-"
    low, high = outwards(bounds)
    return f"{low}-{high} %"


def _erythroblasts(n: int, white: int) -> Erythroblasts:
    """Return n erythroblasts beside a number of white cells: the limits of n among n + white, as odds."""
    bounds = clopper_pearson(n, n + white)
    if not white or bounds is None:
        return Erythroblasts(n, None, None)
    low, high = (100 * bound / (1 - bound) for bound in bounds)
    return Erythroblasts(n, 100 * n / white, (low, high))
