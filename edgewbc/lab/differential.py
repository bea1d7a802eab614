"""The differential: how many cells of each type, with an interval for each share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgewbc.lab.classify import Row
from edgewbc.metrics import wilson


@dataclass
class Differential:
    """A count by class of the rows with status ok; those for review and errors are counted beside it.

    The interval is Wilson's at 95 % for each share by itself: it is what chance in drawing the cells leaves open, not
    what the model gets wrong.

    Attributes:
        classes: in the order in which they are told.
        statuses, labels: the counts; labels of rows with status ok only.
        failed: the first row with status error, if there was one.
    """

    classes: Sequence[str]
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    failed: Row | None = None

    def add(self, row: Row) -> None:
        """Count a row."""
        self.statuses[row.status] += 1
        if row.status == "ok":
            self.labels[row.label] += 1
        if row.status == "error" and self.failed is None:
            self.failed = row

    def counting(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass rows on, and count each."""
        for row in rows:
            self.add(row)
            yield row

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    def to_dict(self) -> dict[str, Any]:
        """pictures, counted, review, errors, and by class: n, percent, interval (low and high, in percent).

        percent and interval are None where nothing was counted.
        """
        counted = self.statuses["ok"]
        return {
            "pictures": self.total,
            "counted": counted,
            "review": self.statuses["review"],
            "errors": self.statuses["error"],
            "classes": {name: _share(self.labels[name], counted) for name in self.classes},
        }


def _share(n: int, of: int) -> dict[str, Any]:
    bounds = wilson(n, of)
    return {
        "n": n,
        "percent": round(100 * n / of, 2) if of else None,
        "interval": None if bounds is None else [round(100 * bound, 2) for bound in bounds],
    }
