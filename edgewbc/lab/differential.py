"""The differential: how many cells of each type, with a confidence interval for each share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgewbc.lab.results import ResultRow, Status
from edgewbc.metrics import wilson
from edgewbc.utils import text


@dataclass
class Differential:
    """Counts the rows with status `ok` by class; all others are counted separately.

    Each share has a Wilson 95 % interval. It covers the chance in which cells were imaged, not the model's errors.

    Attributes:
        classes: in the order in which they are reported.
        statuses: number of rows by status.
        labels: number of rows by label, of rows with status `ok` only.
        first_error: the first row with status `error`, if any.
    """

    classes: Sequence[str]
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    first_error: ResultRow | None = None

    def add(self, row: ResultRow) -> None:
        """Count a row."""
        self.statuses[row.status] += 1
        if row.status == Status.OK:
            self.labels[row.label] += 1
        if row.status == Status.ERROR and self.first_error is None:
            self.first_error = row

    def counting(self, rows: Iterable[ResultRow]) -> Iterator[ResultRow]:
        """Yield rows unchanged, counting each."""
        for row in rows:
            self.add(row)
            yield row

    @property
    def total(self) -> int:
        """The number of rows."""
        return sum(self.statuses.values())

    @property
    def nothing_readable(self) -> bool:
        """Whether there are rows, and all of them are errors."""
        return self.first_error is not None and self.statuses[Status.ERROR] == self.total

    def to_json(self) -> dict[str, Any]:
        """Return pictures (the number of rows), counted, review, errors, and by class n, percent and interval.

        `interval` is low and high in percent; it and `percent` are None where nothing was counted. `unfamiliar` is
        there only if a cell was.
        """
        counted, unfamiliar = self.statuses[Status.OK], self.statuses[Status.UNFAMILIAR]
        return {
            "pictures": self.total,
            "counted": counted,
            "review": self.statuses[Status.REVIEW],
            **({"unfamiliar": unfamiliar} if unfamiliar else {}),
            "errors": self.statuses[Status.ERROR],
            "classes": {name: _share(self.labels[name], counted) for name in self.classes},
        }

    def table(self) -> str:
        """Return the differential as a plain text table."""
        result = self.to_json()
        lines = [
            [name, str(share["n"]), *(["-", "-"] if share["percent"] is None else _percents(share))]
            for name, share in result["classes"].items()
        ]
        unfamiliar = f"{result['unfamiliar']} unfamiliar, " if "unfamiliar" in result else ""
        return (
            f"{text.table(['class', 'n', 'percent', '95 % interval'], lines)}\n{result['counted']} counted, "
            f"{result['review']} to review, {unfamiliar}{result['errors']} could not be read"
        )


def _percents(share: dict[str, Any]) -> list[str]:
    low, high = share["interval"]
    return [f"{share['percent']:.1f} %", f"{low:.1f}-{high:.1f} %"]


def _share(n: int, of: int) -> dict[str, Any]:
    bounds = wilson(n, of)
    return {
        "n": n,
        "percent": round(100 * n / of, 2) if of else None,
        "interval": None if bounds is None else [round(100 * bound, 2) for bound in bounds],
    }
