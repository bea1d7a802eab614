"""Speed on the page: rounds and their spread, latency distributions, and the share of what the CPU can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgewbc.bench.result import Peak
from edgewbc.bench.row import MeasuredRow, Mode
from edgewbc.report import charts, strip_charts
from edgewbc.report.charts import Point
from edgewbc.report.page_rows import Column, Named, Row, Table, between, measured, share, span, table, times, unsteady
from edgewbc.report.scale import Scale, linear, logarithmic, short
from edgewbc.utils.text import percent

LEAST: Final = 5.0
"""Percent that the axis of the rounds reaches at least to both sides: half of what makes a figure unsteady."""


@dataclass(frozen=True)
class Strip:
    """A row of a chart: whose it is, the drawing (SVG), the figures beside it, and a remark."""

    row: Named
    svg: str
    figures: str
    remark: str = ""


@dataclass(frozen=True)
class Strips:
    """A chart of strips, under one axis (SVG), and what the axis is in."""

    unit: str
    axis: str
    strips: tuple[Strip, ...]


def front(rows: Sequence[Row], reference: float | None) -> str | None:
    """The chart of accuracy, speed and size, as SVG; None if no accuracy was measured."""
    points = [
        Point(
            str(name.number),
            f"{name.full}: {short(row.timing.images_per_s)} images/s, {percent(row.scores.accuracy)} "
            f"({between(row.scores.interval)}), {short(row.timing.size_mb)} MB",
            row.timing.images_per_s,
            row.scores.accuracy,
            row.scores.interval,
            row.timing.size_mb,
            row.backend,
            row.precision,
        )
        for name, row in measured(rows)
        if row.scores is not None
    ]
    if not points:
        return None
    best = ", ".join(point.name for point in charts.pareto(points))
    label = f"Accuracy over images a second of {len(points)} rows. On the front: {best}. The table has the figures."
    return charts.front(points, label, reference)


def on_front(rows: Sequence[Row]) -> list[Named]:
    """The rows that no other one beats in accuracy and in speed."""
    names = {name.number: name for name, _ in measured(rows)}
    points = [
        Point(str(name.number), "", row.timing.images_per_s, row.scores.accuracy, (0, 0), 0, "", "")
        for name, row in measured(rows)
        if row.scores is not None
    ]
    return [names[int(point.name)] for point in charts.pareto(points)]


def throughput(rows: Sequence[Row]) -> Strips:
    """Images a second in each round, as percent above or below the row's median: how steady the figure is."""
    done = measured(rows)
    far = [100 * (v / row.timing.images_per_s - 1) for _, row in done for v in row.timing.rounds.images_per_s]
    scale = linear(min(-LEAST, *far), max(LEAST, *far))
    found = []
    for name, row in done:
        timing, rates = row.timing, row.timing.rounds.images_per_s
        label = f"{name.full}: {_list(rates)} images a second in the rounds, median {short(timing.images_per_s)}"
        off = [100 * (value / timing.images_per_s - 1) for value in rates]
        svg = strip_charts.rounds(scale, off, 0, row.precision, label)
        apart = timing.spread["images_per_s"]
        remark = "" if apart is None else f"spread {share(apart, 1)}" + (" !" * ("images_per_s" in timing.unsteady))
        found.append(Strip(name, svg, f"{short(timing.images_per_s)} images/s", remark))
    return Strips("% off the median", strip_charts.axis(scale), tuple(found))


def latency(rows: Sequence[Row]) -> Strips:
    """The distribution of the time of one picture."""
    done = measured(rows)
    ends = [row.timing.latency_quantiles_ms[end] for _, row in done for end in (0, 100)]
    scale = logarithmic(min(ends), max(ends))
    found = []
    for name, row in done:
        late = row.timing.latency_ms
        words = ", ".join(f"{part} {short(getattr(late, part))}" for part in ("p50", "p90", "p95", "p99"))
        label = f"{name.full}: {words} ms, of {late.n} pictures"
        svg = strip_charts.boxes(scale, row.timing.latency_quantiles_ms, row.precision, label)
        figures = f"{short(late.p50)} ms{unsteady(row, 'latency_p50_ms')}"
        found.append(Strip(name, svg, figures, f"p95 {short(late.p95)}, p99 {short(late.p99)}"))
    return Strips("milliseconds", strip_charts.axis(scale), tuple(found))


def roofline(rows: Sequence[Row], peaks: Mapping[str, Peak]) -> Strips | None:
    """Each row's share of the multiply-adds that the CPU does at most; None where that was not measured."""
    done = [(name, row, row.peak_share.ratio) for name, row in measured(rows) if row.peak_share is not None]
    if not done:
        return None
    scale: Scale = linear(0, max(100.0, *(100 * part for *_, part in done)))
    found = []
    for name, row, part in done:
        roof = peaks[row.timing.precision_ran or row.precision].gmac_per_s
        remark = f"{short(row.gmac_per_s)} of {short(roof)} GMAC/s"
        label = f"{name.full}: {share(part)} of the peak, {remark}"
        svg = strip_charts.bar(scale, 100 * part, row.precision, label)
        found.append(Strip(name, svg, share(part), remark))
    return Strips("% of the peak", strip_charts.axis(scale), tuple(found))


def details(rows: Sequence[Row]) -> list[Table]:
    """How each row ran, and its figures in both modes."""
    found = [
        table("Throughput: as many pictures a second as it can", rows, THROUGHPUT),
        table("Latency: one picture at a time", rows, LATENCY),
        table("What ran", rows, RAN),
    ]
    return [one for one in found if one is not None]


def _list(values: Sequence[float]) -> str:
    return ", ".join(short(value) for value in values)


def _threads(mode: Mode) -> str:
    return f"{mode.threads or '?'} \u00d7 {mode.streams or '?'}"


def _kernels(row: MeasuredRow) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in (row.timing.kernels or {}).items()) or "-"


THROUGHPUT: tuple[Column, ...] = (
    ("images/s", lambda row: short(row.timing.images_per_s) + unsteady(row, "images_per_s")),
    ("rounds", lambda row: span(row.timing.rounds.images_per_s)),
    ("to baseline, rounds", lambda row: span(None if row.speedup is None else row.speedup.rounds, "\u00d7")),
    ("batch", lambda row: str(row.timing.throughput_mode.batch)),
    ("threads \u00d7 streams", lambda row: _threads(row.timing.throughput_mode)),
    ("cores busy", lambda row: f"{row.timing.throughput_mode.cores_busy:.1f}"),
    ("benchmark_app", lambda row: short(None if row.benchmark_app is None else row.benchmark_app.images_per_s)),
    ("ours to its", lambda row: times(None if row.benchmark_app is None else row.benchmark_app.ratio.ratio)),
)
LATENCY: tuple[Column, ...] = (
    *(
        (f"{part} ms", lambda row, part=part: short(getattr(row.timing.latency_ms, part)))  # type: ignore[misc]
        for part in ("p50", "p90", "p95", "p99")
    ),
    ("pictures", lambda row: f"{row.timing.latency_ms.n:,}"),
    ("p50, rounds", lambda row: span(row.timing.rounds.latency_p50_ms)),
    ("threads \u00d7 streams", lambda row: _threads(row.timing.latency_mode)),
    ("cold start s", lambda row: short(row.timing.cold_start_s)),
    ("memory MB", lambda row: short(row.timing.rss_latency_mb)),
)
RAN: tuple[Column, ...] = (
    ("precision that ran", lambda row: row.timing.precision_ran or "-"),
    ("layers", _kernels),
    ("instructions", lambda row: row.timing.isa or "-"),
    ("version", lambda row: row.timing.version or "-"),
    ("input", lambda row: " \u00d7 ".join(map(str, row.input))),
    ("MB", lambda row: short(row.timing.size_mb)),
    ("SHA-256", lambda row: row.timing.model_sha256[:12]),
)
