"""A benchmark as text for a terminal: tables of throughput, latency and predictions, no wider than 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import MeasuredRow, Mode
from edgewbc.bench.scores import Agreement, Scores
from edgewbc.bench.summary import WIDE
from edgewbc.cells import REFERENCE
from edgewbc.data.manifest import SYNTHETIC
from edgewbc.utils import text

WIDEST: Final = 80
"""Columns of a terminal that every table and every line fits into."""

SHORTEST: Final = 10
"""Characters that a model's name keeps at least; then columns are left out."""


@dataclass(frozen=True)
class _Column:
    """A column: heading, cell of a row, and rank; of columns that do not fit, the highest rank is left out first."""

    title: str
    cell: Callable[[MeasuredRow], str]
    rank: int = 0


def render(result: BenchResult) -> str:
    """Return the title with protocol and machine, the tables, what their columns mean, and the rows that failed."""
    done = result.measured
    parts = [title(result)]
    if done:
        parts += [table(THROUGHPUT, done), table(LATENCY, done)]
    if scored := [row for row in done if row.scores is not None]:
        parts.append(table(PREDICTIONS, scored))
    parts += [_fill(f"failed: {row.model} {row.backend} {row.precision}: {row.error}") for row in result.failed]
    parts += [_fill(line) for line in notes(result)]
    return "\n\n".join(parts)


def title(result: BenchResult) -> str:
    """Return what was measured under which protocol, on which machine, and what that machine reaches."""
    data, machine, how = result.data, result.machine, result.protocol
    if data.protocol is None:
        what = "no manifest: synthetic images, timed only"
    else:
        some = "" if data.n == data.of else f" of {data.of}"
        what = (
            f"{data.source}, protocol {data.protocol}, split {data.split}: {data.n}{some} images, "
            f"manifest {str(data.manifest_sha256)[:12]}"
        )
    lines = [what, f"{machine.cpu}, {machine.cores} cores, {machine.isa}"]
    peaks = [f"{precision} {peak.gmac_per_s:.0f}" for precision, peak in result.peaks.items()]
    if peaks:
        lines.append(f"peak of a plain convolution here, GMAC/s: {', '.join(peaks)}")
    lines.append(f"{how.rounds} rounds of {how.seconds:g} s per mode: {how.order}")
    return "\n".join(_fill(line) for line in lines)


def notes(result: BenchResult) -> list[str]:
    """Return what the columns mean, what disturbed the measurements, and whether the reference is reached."""
    done = result.measured
    found = []
    if done:
        base = result.baseline
        ratio = "" if base is None else f"ratio: of img/s to {_name(base)}, median of the ratios of the rounds. "
        found.append(ratio + LEGEND)
    wide = [row for row in done if row.timing.unsteady]
    if wide:
        found.append(
            f"! unsteady: the rounds differ by more than {100 * WIDE:.0f} % of their median ({len(wide)} of "
            f"{len(done)} rows). Do not rely on these; measure again on an idle machine, or with more --rounds."
        )
    found += disturbed(result)
    found += problems(result, [_name(row) for row in done])
    return [*found, sentence(result)] if has_reference(result) else found


def problems(result: BenchResult, names: Sequence[str]) -> list[str]:
    """Return what went wrong with the rows that were measured, and with the peaks.

    Args:
        result: of the benchmark.
        names: of the measured rows, in order.
    """
    found = []
    for name, row in zip(names, result.measured, strict=True):
        ran, app = row.timing.precision_ran, row.benchmark_app
        if ran not in (None, row.precision):
            found.append(f"{name}: {row.precision} was requested, but it ran in {ran}.")
        if row.benchmark_app_error:
            found.append(f"{name}: no benchmark_app: {row.benchmark_app_error}.")
        if app is not None and not app.near:
            found.append(f"{name}: benchmark_app is faster by more than 3 %.")
        if app is not None and not app.alike:
            found.append(f"{name}: benchmark_app ran with a different number of threads or streams.")
    return [*found, *(f"No peak of {precision}: {error}." for precision, error in result.peak_errors.items())]


def disturbed(result: BenchResult) -> list[str]:
    """Return a line if other programs used the machine before or during the measurements."""
    how = result.protocol
    before, during = how.load_before or 0.0, how.load_during
    median, most = (during.median, during.most) if during else (0.0, 0.0)
    if max(before, median) <= how.busy:
        return []
    return [
        f"disturbed: other programs used {100 * before:.0f} % of the machine before, and "
        f"{100 * median:.0f} % (at most {100 * most:.0f} %) during the measurements"
    ]


def has_reference(result: BenchResult) -> bool:
    """Return whether the poster's accuracy is a yardstick here: real images under a protocol of the literature."""
    known = result.data.protocol in (REFERENCE.protocol, "published")
    return known and result.data.source != SYNTHETIC and any(row.scores is not None for row in result.measured)


def sentence(result: BenchResult) -> str:
    """Say whether the reference accuracy is reached, by which rows, and under which protocol.

    Args:
        result: one for which `has_reference` is true.
    """
    protocol = result.data.protocol
    scores = [row.scores for row in result.measured if row.scores is not None]
    met = sum(bool(one.reference.met) for one in scores)
    which = "every row" if met == len(scores) else f"{met} of {len(scores)} rows" if met else "no row"
    worst = min(scores, key=lambda one: one.accuracy)
    own = REFERENCE.protocol
    of = "" if protocol == own else f" (the poster's own figure is under protocol {own}: {REFERENCE.what})"
    return (
        f"The reference of ~{100 * REFERENCE.accuracy:.0f} % is reached by {which} under protocol {protocol}{of}; "
        f"lowest: {text.percent(worst.accuracy)}, {worst.correct} of {worst.n}, 95 % interval "
        f"{text.interval(worst.interval)}."
    )


def table(columns: Sequence[_Column], rows: Sequence[MeasuredRow]) -> str:
    """Return a table no wider than `WIDEST`: long names are cut in the middle, then the least important columns go."""
    kept = [column for column in columns if any(column.cell(row) != "-" for row in rows)]
    while True:
        header = ["model", "backend", "prec", *(column.title for column in kept)]
        lines = [[row.model, row.backend, row.precision, *(column.cell(row) for column in kept)] for row in rows]
        rest = sum(max(len(line[i]) for line in (header, *lines)) + 2 for i in range(1, len(header)))
        room = WIDEST - rest
        least = min(SHORTEST, max(len(line[0]) for line in (header, *lines)))
        if room >= least or not any(column.rank for column in kept):
            room = max(least, room)
            return text.table(header, [[shorten(line[0], room), *line[1:]] for line in lines], left=3)
        kept.remove(max(kept, key=lambda column: column.rank))


def shorten(name: str, room: int) -> str:
    """Cut the middle out of a name of more than `room` characters."""
    if len(name) <= room:
        return name
    tail = (room - 2) // 2
    return f"{name[: room - 2 - tail]}..{name[len(name) - tail :]}"


def _name(row: MeasuredRow | Agreement) -> str:
    return f"{row.model} {row.backend} {row.precision}"


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


def _fill(words: str) -> str:
    return textwrap.fill(words, WIDEST, break_long_words=False, break_on_hyphens=False)


def _with(row: MeasuredRow) -> str:
    found = row.agreement
    if found is None:
        return "-"
    if found.reference == row.key:
        return "itself"
    return "own f32" if found.same_model else shorten(found.model, SHORTEST)


def _scores(title: str, cell: Callable[[Scores], str], rank: int = 0) -> _Column:
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

LEGEND: Final = (
    "rounds: least-most. peak: share of this CPU's measured multiply-adds per second in that precision. us/app: our "
    "throughput over that of OpenVINO's benchmark_app. thr*str: threads and streams, as the runtime reports them. "
    "cores: kept busy. MB: size of the model. RSS: peak memory, MB. start: to the first prediction. Images are decoded "
    "and resized before: only the model is timed, in throughput with the best batch size, in latency one image at a "
    "time. agrees: same label as the f32 reference row, which is named under with. parity: largest difference of a "
    "probability. Columns that do not fit are left out; --json has all."
)
