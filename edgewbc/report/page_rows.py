"""The rows of a benchmark as tables of the page: what each is called, and its figures as a person reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from edgewbc.bench.row import FailedRow, MeasuredRow
from edgewbc.report.scale import short
from edgewbc.utils.text import percent

Row = MeasuredRow | FailedRow


@dataclass(frozen=True)
class Named:
    """What a row is called on the page.

    Attributes:
        number: its place in the result, from 1; the charts name it by this.
        kind: backend and precision.
        model: name of the model.
        marks: `delivered`, `baseline`, and the precision that ran where it is another one.
    """

    number: int
    kind: str
    model: str
    marks: tuple[str, ...]

    @property
    def full(self) -> str:
        """In one line."""
        return f"{self.number}: {self.model} {self.kind}"


@dataclass(frozen=True)
class Line:
    """A line of a table: the row, its cells, or why there are none."""

    row: Named
    cells: tuple[str, ...]
    error: str | None = None


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        caption: what it is.
        columns: headings behind the row's name; all are figures.
        lines: one a row.
    """

    caption: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


Column = tuple[str, Callable[[MeasuredRow], str]]
"""A heading, and the figure under it."""


def named(index: int, row: Row) -> Named:
    """What the row at an index is called."""
    marks = [word for word, holds in (("delivered", row.delivered), ("baseline", row.baseline)) if holds]
    ran = row.timing.precision_ran if isinstance(row, MeasuredRow) else None
    if ran not in (None, row.precision):
        marks.append(f"ran in {ran}")
    return Named(index + 1, f"{row.backend} {row.precision}", row.model, tuple(marks))


def measured(rows: Sequence[Row]) -> list[tuple[Named, MeasuredRow]]:
    """The rows that could be measured, with their names."""
    return [(named(index, row), row) for index, row in enumerate(rows) if isinstance(row, MeasuredRow)]


def table(caption: str, rows: Sequence[Row], columns: Sequence[Column], *, failed: bool = False) -> Table | None:
    """A table of the measured rows, and with `failed` of the others too, each with its reason.

    A column in which no row has anything is left out; None where nothing is left.
    """
    done = measured(rows)
    kept = [(name, show) for name, show in columns if any(show(row) != "-" for _, row in done)]
    lines = []
    for index, row in enumerate(rows):
        if isinstance(row, MeasuredRow):
            lines.append(Line(named(index, row), tuple(show(row) for _, show in kept)))
        elif failed:
            lines.append(Line(named(index, row), (), row.error))
    return Table(caption, tuple(name for name, _ in kept), tuple(lines)) if lines and (kept or failed) else None


def overview(rows: Sequence[Row]) -> Table | None:
    """All rows, the failed ones too: answers, speed, size."""
    return table("All rows", rows, OVERVIEW, failed=True)


def span(values: Sequence[float] | None, unit: str = "") -> str:
    """Least to most; - for a single value, and one figure for values that read the same."""
    if not values or len(values) < 2:
        return "-"
    low, high = short(min(values)), short(max(values))
    return (high if low == high else f"{low}\u2013{high}") + unit


def between(bounds: Sequence[float] | None, digits: int = 2) -> str:
    """Two shares of 0..1 as percent, `98.90\u201399.69 %`."""
    return "-" if bounds is None else f"{100 * bounds[0]:.{digits}f}\u2013{100 * bounds[1]:.{digits}f} %"


def unsteady(row: MeasuredRow, name: str) -> str:
    """The mark of a figure whose rounds lie too far apart."""
    return " !" if name in row.timing.unsteady else ""


def share(value: float | None, digits: int = 0) -> str:
    """As `percent`, by default without digits behind the point."""
    return percent(value, digits)


def times(value: float | None) -> str:
    """A ratio, `12.2\u00d7`."""
    return "-" if value is None else f"{short(value)}\u00d7"


def _right(row: MeasuredRow) -> str:
    return "-" if row.scores is None else f"{row.scores.correct} of {row.scores.n}"


OVERVIEW: tuple[Column, ...] = (
    ("accuracy", lambda row: percent(None if row.scores is None else row.scores.accuracy)),
    ("95 % interval", lambda row: between(None if row.scores is None else row.scores.interval)),
    ("right", _right),
    ("images/s", lambda row: short(row.timing.images_per_s) + unsteady(row, "images_per_s")),
    ("to baseline", lambda row: times(None if row.speedup is None else row.speedup.ratio)),
    ("p50 ms", lambda row: short(row.timing.latency_ms.p50) + unsteady(row, "latency_p50_ms")),
    ("p99 ms", lambda row: short(row.timing.latency_ms.p99)),
    ("MB", lambda row: short(row.timing.size_mb)),
    ("GMAC", lambda row: short(row.gmac)),
    ("memory MB", lambda row: short(row.timing.rss_mb)),
)
