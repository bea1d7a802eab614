"""Tables of a benchmark for a terminal: their columns, and how a table is made to fit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgewbc.bench.row import MeasuredRow, Mode
from edgewbc.bench.scores import Agreement, RowScores
from edgewbc.utils import text

WIDEST: Final = 80
"""Columns of a terminal that every table and every line fits into."""

SHORTEST: Final = 14
"""Characters that a model's name keeps at least; then columns are left out."""


@dataclass(frozen=True)
class _Column:
    """A column: heading, cell of a row, and rank; of columns that do not fit, the highest rank is left out first."""

    title: str
    cell: Callable[[MeasuredRow], str]
    rank: int = 0


def table(columns: Sequence[_Column], rows: Sequence[MeasuredRow]) -> str:
    """Return a table of rows of a benchmark that is no wider than `WIDEST`."""
    kept = [column for column in columns if any(column.cell(row) != "-" for row in rows)]
    header = ["model", "backend", "prec", *(column.title for column in kept)]
    lines = [[row.model, row.backend, row.precision, *(column.cell(row) for column in kept)] for row in rows]
    return fit(header, lines, [0, 0, 0, *(column.rank for column in kept)], left=3)


def fit(header: Sequence[str], lines: Sequence[Sequence[str]], ranks: Sequence[int], left: int = 1) -> str:
    """Return a table no wider than `WIDEST`: long names are cut in the middle, then the least important columns go.

    Args:
        header: headings.
        lines: cells; the first of each line is a name.
        ranks: of the columns; the highest is left out first, those of rank 0 never.
        left: columns that are aligned left.
    """
    cells = [list(line) for line in (header, *lines)]
    order = list(ranks)
    while True:
        rest = sum(max(len(line[i]) for line in cells) + 2 for i in range(1, len(order)))
        longest = max(len(line[0]) for line in cells)
        if WIDEST - rest >= min(SHORTEST, longest) or not any(order):
            room = max(SHORTEST, WIDEST - rest)
            first, *others = [[shorten(line[0], room), *line[1:]] for line in cells]
            return text.table(first, others, left)
        index = max(range(len(order)), key=order.__getitem__)
        del order[index]
        for line in cells:
            del line[index]


def shorten(name: str, room: int) -> str:
    """Cut the middle out of a name of more than `room` characters."""
    if len(name) <= room:
        return name
    tail = (room - 2) // 2
    return f"{name[: room - 2 - tail]}..{name[len(name) - tail :]}"


def _threads(mode: Mode) -> str:
    return f"{mode.threads or '?'}*{mode.streams or '?'}"


def _range(values: Sequence[float]) -> str:
    return f"{text.figure(min(values))}-{text.figure(max(values))}" if len(values) > 1 else "-"


def _ratio(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{text.figure(value)}x" if value >= 0.01 else "<0.01x"


def _unsteady(row: MeasuredRow, name: str) -> str:
    return "!" if name in row.timing.unsteady else ""


def _megabytes(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _with(row: MeasuredRow) -> str:
    found = row.agreement
    if found is None:
        return "-"
    if found.reference == row.key:
        return "itself"
    return "own f32" if found.same_model else shorten(found.model, SHORTEST)


def _scores(title: str, cell: Callable[[RowScores], str], rank: int = 0) -> _Column:
    return _Column(title, lambda row: "-" if row.scores is None else cell(row.scores), rank)


def _agreement(title: str, cell: Callable[[Agreement], str], rank: int) -> _Column:
    return _Column(title, lambda row: "-" if row.agreement is None else cell(row.agreement), rank)


THROUGHPUT: Final = (
    _Column("img/s", lambda row: text.figure(row.timing.images_per_s) + _unsteady(row, "images_per_s")),
    _Column("rounds", lambda row: _range(row.timing.rounds.images_per_s), 4),
    _Column("ratio", lambda row: _ratio(row.speedup.ratio if row.speedup else None)),
    _Column("peak", lambda row: "-" if row.peak_share is None else f"{100 * row.peak_share.ratio:.0f} %", 2),
    _Column("us/app", lambda row: "-" if row.benchmark_app is None else f"{row.benchmark_app.ratio.ratio:.2f}", 3),
    _Column("batch", lambda row: str(row.timing.throughput_mode.batch), 6),
    _Column("thr*str", lambda row: _threads(row.timing.throughput_mode), 7),
    _Column("cores", lambda row: f"{row.timing.throughput_mode.cores_busy:.1f}", 8),
    _Column("MB", lambda row: text.figure(row.timing.size_mb), 1),
    _Column("RSS", lambda row: _megabytes(row.timing.rss_mb), 5),
)
LATENCY: Final = (
    _Column("p50 ms", lambda row: text.figure(row.timing.latency_ms.p50) + _unsteady(row, "latency_p50_ms")),
    _Column("p90", lambda row: text.figure(row.timing.latency_ms.p90), 6),
    _Column("p95", lambda row: text.figure(row.timing.latency_ms.p95), 2),
    _Column("p99", lambda row: text.figure(row.timing.latency_ms.p99)),
    _Column("n", lambda row: str(row.timing.latency_ms.n), 5),
    _Column("p50 rounds", lambda row: _range(row.timing.rounds.latency_p50_ms), 3),
    _Column("thr*str", lambda row: _threads(row.timing.latency_mode), 7),
    _Column("RSS", lambda row: _megabytes(row.timing.rss_latency_mb), 4),
    _Column("start s", lambda row: text.figure(row.timing.cold_start_s), 1),
)
PREDICTIONS: Final = (
    _scores("accuracy", lambda scores: text.percent(scores.accuracy)),
    _scores("95 % interval", lambda scores: text.interval(scores.interval)),
    _scores("correct", lambda scores: f"{scores.correct}/{scores.n}"),
    _scores("balanced", lambda scores: text.percent(scores.balanced_accuracy), 5),
    _agreement("agrees", lambda found: text.percent(found.agreement), 1),
    _agreement("McNemar p", lambda found: f"{found.mcnemar.p:.2g}", 3),
    _agreement("parity", lambda found: "-" if found.parity is None else f"{found.parity:.1g}", 4),
    _Column("with", _with, 2),
)
