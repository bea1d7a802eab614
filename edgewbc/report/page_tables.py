"""The tables of the page: what each row of a benchmark is called, and its figures as people read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10

from edgewbc.bench.row import FailedRow, MeasuredRow, Mode
from edgewbc.bench.scores import Agreement, RowScores
from edgewbc.utils.text import percent

Rows = Sequence[MeasuredRow | FailedRow]


@dataclass(frozen=True)
class RowName:
    """What a row is called on the page.

    Attributes:
        number: its place in the result, from 1; the charts refer to it.
        kind: backend and precision.
        model: name of the model.
        marks: `delivered`, `baseline`, and the precision that ran where it is not the one asked for.
    """

    number: int
    kind: str
    model: str
    marks: tuple[str, ...]

    @property
    def full(self) -> str:
        """Number, model, backend and precision in one line."""
        return f"{self.number}: {self.model} {self.kind}"


@dataclass(frozen=True)
class TableLine:
    """A line of a table: the row, and its cells or the reason why there are none."""

    row: RowName
    cells: tuple[str, ...]
    error: str | None = None


@dataclass(frozen=True)
class Table:
    """A table of the page: caption, headings after the row's name, and one line a row."""

    caption: str
    columns: tuple[str, ...]
    lines: tuple[TableLine, ...]


@dataclass(frozen=True)
class Column:
    """A heading, and the function that formats a row's figure; `-` where there is none."""

    title: str
    cell: Callable[[MeasuredRow], str]


def name(index: int, row: MeasuredRow | FailedRow) -> RowName:
    """Return what the row at an index is called."""
    marks = [word for word in ("delivered", "baseline") if getattr(row, word)]
    if isinstance(row, MeasuredRow) and row.timing.precision_ran not in (None, row.precision):
        marks.append(f"ran in {row.timing.precision_ran}")
    return RowName(index + 1, f"{row.backend} {row.precision}", row.model, tuple(marks))


def measured(rows: Rows) -> list[tuple[RowName, MeasuredRow]]:
    """Return the rows that were measured, with their names."""
    return [(name(index, row), row) for index, row in enumerate(rows) if isinstance(row, MeasuredRow)]


def scored(rows: Rows) -> list[tuple[RowName, MeasuredRow, RowScores]]:
    """Return the rows that have an accuracy, with their names and scores."""
    return [(name, row, row.scores) for name, row in measured(rows) if row.scores is not None]


def table(caption: str, rows: Rows, columns: Sequence[Column], *, failed: bool = False) -> Table | None:
    """Return a table of the measured rows, and with `failed` of the others too, each with its reason.

    A column that is empty in every row is left out; None if no column or no row is left.
    """
    done = measured(rows)
    kept = [column for column in columns if any(column.cell(row) != "-" for _, row in done)]
    lines = []
    for index, row in enumerate(rows):
        if isinstance(row, MeasuredRow):
            lines.append(TableLine(name(index, row), tuple(column.cell(row) for column in kept)))
        elif failed:
            lines.append(TableLine(name(index, row), (), row.error))
    if not lines or not (kept or failed):
        return None
    return Table(caption, tuple(column.title for column in kept), tuple(lines))


def overview(rows: Rows) -> Table | None:
    """Return the table of all rows, the failed ones too: accuracy, speed, size."""
    return table("All rows", rows, OVERVIEW, failed=True)


def details(rows: Rows) -> list[Table]:
    """Return the tables of how each row ran, and of its figures in both modes."""
    found = [
        table("Throughput: as many images per second as possible", rows, THROUGHPUT),
        table("Latency: one image at a time", rows, LATENCY),
        table("What ran", rows, RAN),
    ]
    return [one for one in found if one is not None]


def predictions(rows: Rows) -> Table | None:
    """Return the table of the scores of all rows, and of their agreement with the f32 reference."""
    if not scored(rows):
        return None
    numbers = {row.key: name.number for name, row in measured(rows)}

    def against(row: MeasuredRow) -> str:
        other = None if row.agreement is None else numbers.get(row.agreement.reference)
        return "-" if other is None else "itself" if other == numbers[row.key] else f"row {other}"

    return table("Comparison with the f32 reference", rows, [*PREDICTIONS, Column("compared with", against)])


def by_class(rows: Rows, classes: Sequence[str]) -> Table | None:
    """Return the table of the recall of each class in all rows."""

    def recall(label: str) -> Column:
        def cell(row: MeasuredRow) -> str:
            found = None if row.scores is None else row.scores.per_class.get(label)
            return "-" if found is None else percent(found.recall)

        return Column(label, cell)

    return table("Recall by class, all rows", rows, [recall(label) for label in classes])


def short(value: float | None) -> str:
    """Format a figure with three digits and no exponent; `-` for None."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = min(6, 2 - floor(log10(abs(value))))
    return f"{value:.{max(0, digits)}f}"


def span(values: Sequence[float] | None, unit: str = "") -> str:
    """Format the least and the greatest value; one figure where both read the same, `-` for a single value."""
    if not values or len(values) < 2:
        return "-"
    low, high = short(min(values)), short(max(values))
    return (high if low == high else f"{low}\u2013{high}") + unit


def between(bounds: Sequence[float] | None, digits: int = 2) -> str:
    """Format two shares of 0 to 1 as percent, `98.90\u201399.69 %`."""
    return "-" if bounds is None else f"{100 * bounds[0]:.{digits}f}\u2013{100 * bounds[1]:.{digits}f} %"


def times(value: float | None) -> str:
    """Format a ratio, `12.2\u00d7`."""
    return "-" if value is None else f"{short(value)}\u00d7"


def unsteady(row: MeasuredRow, figure: str) -> str:
    """Return the mark of a figure whose rounds differ too much."""
    return " !" if figure in row.timing.unsteady else ""


def _of_scores(title: str, cell: Callable[[RowScores], str]) -> Column:
    return Column(title, lambda row: "-" if row.scores is None else cell(row.scores))


def _of_agreement(title: str, cell: Callable[[Agreement], str]) -> Column:
    return Column(title, lambda row: "-" if row.agreement is None else cell(row.agreement))


def _images_per_s(row: MeasuredRow) -> str:
    return short(row.timing.images_per_s) + unsteady(row, "images_per_s")


def _p50(row: MeasuredRow) -> str:
    return short(row.timing.latency_ms.p50) + unsteady(row, "latency_p50_ms")


def _threads(mode: Mode) -> str:
    return f"{mode.threads or '?'} \u00d7 {mode.streams or '?'}"


def _four(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


OVERVIEW = (
    _of_scores("accuracy", lambda scores: percent(scores.accuracy)),
    _of_scores("95 % interval", lambda scores: between(scores.interval)),
    _of_scores("correct", lambda scores: f"{scores.correct} of {scores.n}"),
    Column("images/s", _images_per_s),
    Column("to baseline", lambda row: "-" if row.speedup is None else times(row.speedup.ratio)),
    Column("p50 ms", _p50),
    Column("p99 ms", lambda row: short(row.timing.latency_ms.p99)),
    Column("MB", lambda row: short(row.timing.size_mb)),
    Column("GMAC", lambda row: short(row.gmac)),
    Column("memory MB", lambda row: short(row.timing.rss_mb)),
)
THROUGHPUT = (
    Column("images/s", _images_per_s),
    Column("rounds", lambda row: span(row.timing.rounds.images_per_s)),
    Column("to baseline, rounds", lambda row: "-" if row.speedup is None else span(row.speedup.rounds, "\u00d7")),
    Column("batch", lambda row: str(row.timing.throughput_mode.batch)),
    Column("threads \u00d7 streams", lambda row: _threads(row.timing.throughput_mode)),
    Column("cores busy", lambda row: f"{row.timing.throughput_mode.cores_busy:.1f}"),
    Column("benchmark_app", lambda row: "-" if row.benchmark_app is None else short(row.benchmark_app.images_per_s)),
    Column("ratio to it", lambda row: "-" if row.benchmark_app is None else times(row.benchmark_app.ratio.ratio)),
)
LATENCY = (
    Column("p50 ms", _p50),
    Column("p90 ms", lambda row: short(row.timing.latency_ms.p90)),
    Column("p95 ms", lambda row: short(row.timing.latency_ms.p95)),
    Column("p99 ms", lambda row: short(row.timing.latency_ms.p99)),
    Column("images", lambda row: f"{row.timing.latency_ms.n:,}"),
    Column("p50, rounds", lambda row: span(row.timing.rounds.latency_p50_ms)),
    Column("threads \u00d7 streams", lambda row: _threads(row.timing.latency_mode)),
    Column("cold start s", lambda row: short(row.timing.cold_start_s)),
    Column("memory MB", lambda row: short(row.timing.rss_latency_mb)),
)
RAN = (
    Column("precision that ran", lambda row: row.timing.precision_ran or "-"),
    Column("layers", lambda row: ", ".join(f"{n} {kind}" for kind, n in (row.timing.kernels or {}).items()) or "-"),
    Column("multiply-adds in int8", lambda row: "-" if row.int8_share is None else percent(row.int8_share)),
    Column("instructions", lambda row: row.timing.isa or "-"),
    Column("version", lambda row: row.timing.version or "-"),
    Column("input", lambda row: " \u00d7 ".join(map(str, row.input))),
    Column("MB", lambda row: short(row.timing.size_mb)),
    Column("SHA-256", lambda row: row.timing.model_sha256[:12]),
)
PREDICTIONS = (
    _of_scores("balanced", lambda scores: percent(scores.balanced_accuracy)),
    _of_scores("macro F1", lambda scores: _four(scores.macro_f1)),
    _of_scores("calibration error", lambda scores: _four(scores.ece)),
    _of_agreement("same label", lambda found: percent(found.agreement)),
    _of_agreement(
        "only one correct, McNemar",
        lambda found: f"{found.mcnemar.b} : {found.mcnemar.c}, p = {found.mcnemar.p:.2g}",
    ),
    _of_agreement("largest difference", lambda found: "-" if found.parity is None else f"{found.parity:.1g}"),
)
