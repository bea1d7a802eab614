"""Speed on the page: rounds and their spread, latency distributions, and the share of what the CPU can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

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
            f"{name.full}: {short(row['images_per_s'])} images/s, {percent(row['accuracy'])} "
            f"({between(row['interval'])}), {short(row['size_mb'])} MB",
            row["images_per_s"],
            row["accuracy"],
            (row["interval"][0], row["interval"][1]),
            row["size_mb"],
            row["backend"],
            row["precision"],
        )
        for name, row in measured(rows)
        if row["accuracy"] is not None
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
        Point(str(name.number), "", row["images_per_s"], row["accuracy"], (0, 0), 0, "", "")
        for name, row in measured(rows)
        if row["accuracy"] is not None
    ]
    return [names[int(point.name)] for point in charts.pareto(points)]


def throughput(rows: Sequence[Row]) -> Strips:
    """Images a second in each round, as percent above or below the row's median: how steady the figure is."""
    done = measured(rows)
    far = [100 * (v / row["images_per_s"] - 1) for _, row in done for v in row["rounds"]["images_per_s"]]
    scale = linear(min(-LEAST, *far), max(LEAST, *far))
    found = []
    for name, row in done:
        rates = row["rounds"]["images_per_s"]
        label = f"{name.full}: {_list(rates)} images a second in the rounds, median {short(row['images_per_s'])}"
        off = [100 * (value / row["images_per_s"] - 1) for value in rates]
        svg = strip_charts.rounds(scale, off, 0, row["precision"], label)
        apart = row["spread"]["images_per_s"]
        remark = "" if apart is None else f"spread {share(apart, 1)}" + (" !" * ("images_per_s" in row["unsteady"]))
        found.append(Strip(name, svg, f"{short(row['images_per_s'])} images/s", remark))
    return Strips("% off the median", strip_charts.axis(scale), tuple(found))


def latency(rows: Sequence[Row]) -> Strips:
    """The distribution of the time of one picture."""
    done = measured(rows)
    ends = [row["latency_quantiles_ms"][end] for _, row in done for end in (0, 100)]
    scale = logarithmic(min(ends), max(ends))
    found = []
    for name, row in done:
        late = row["latency_ms"]
        words = ", ".join(f"{part} {short(late[part])}" for part in ("p50", "p90", "p95", "p99"))
        label = f"{name.full}: {words} ms, of {late['n']} pictures"
        svg = strip_charts.boxes(scale, row["latency_quantiles_ms"], row["precision"], label)
        figures = f"{short(late['p50'])} ms{unsteady(row, 'latency_p50_ms')}"
        found.append(Strip(name, svg, figures, f"p95 {short(late['p95'])}, p99 {short(late['p99'])}"))
    return Strips("milliseconds", strip_charts.axis(scale), tuple(found))


def roofline(rows: Sequence[Row], peaks: dict[str, Any]) -> Strips | None:
    """Each row's share of the multiply-adds that the CPU does at most; None where that was not measured."""
    done = [(name, row) for name, row in measured(rows) if row.get("peak_share") is not None]
    if not done:
        return None
    scale: Scale = linear(0, max(100.0, *(100 * row["peak_share"] for _, row in done)))
    found = []
    for name, row in done:
        precision = row["precision_ran"] or row["precision"]
        roof = peaks[precision]["gmac_per_s"]
        remark = f"{short(row['gmac_per_s'])} of {short(roof)} GMAC/s"
        label = f"{name.full}: {share(row['peak_share'])} of the peak, {remark}"
        svg = strip_charts.bar(scale, 100 * row["peak_share"], row["precision"], label)
        found.append(Strip(name, svg, share(row["peak_share"]), remark))
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


def _threads(row: Row, mode: str) -> str:
    held = row["modes"][mode]
    return f"{held['threads'] or '?'} \u00d7 {held['streams'] or '?'}"


def _app(row: Row, part: str) -> float | None:
    value: float | None = (row.get("benchmark_app") or {}).get(part)
    return value


THROUGHPUT: tuple[Column, ...] = (
    ("images/s", lambda row: short(row["images_per_s"]) + unsteady(row, "images_per_s")),
    ("rounds", lambda row: span(row["rounds"]["images_per_s"])),
    ("to baseline, rounds", lambda row: span(row["rounds"].get("speedup"), "\u00d7")),
    ("batch", lambda row: str(row["batch"])),
    ("threads \u00d7 streams", lambda row: _threads(row, "throughput")),
    ("cores busy", lambda row: f"{row['modes']['throughput']['cores_busy']:.1f}"),
    ("benchmark_app", lambda row: short(_app(row, "images_per_s"))),
    ("ours to its", lambda row: times(_app(row, "ratio"))),
)
LATENCY: tuple[Column, ...] = (
    *(
        (f"{part} ms", lambda row, part=part: short(row["latency_ms"][part]))  # type: ignore[misc]
        for part in ("p50", "p90", "p95", "p99")
    ),
    ("pictures", lambda row: f"{row['latency_ms']['n']:,}"),
    ("p50, rounds", lambda row: span(row["rounds"]["latency_p50_ms"])),
    ("threads \u00d7 streams", lambda row: _threads(row, "latency")),
    ("cold start s", lambda row: short(row["cold_start_s"])),
    ("memory MB", lambda row: short(row["rss_latency_mb"])),
)
RAN: tuple[Column, ...] = (
    ("precision that ran", lambda row: row["precision_ran"] or "-"),
    ("layers", lambda row: ", ".join(f"{n} {kind}" for kind, n in (row["kernels"] or {}).items()) or "-"),
    ("instructions", lambda row: row["isa"] or "-"),
    ("version", lambda row: row["version"] or "-"),
    ("input", lambda row: " \u00d7 ".join(map(str, row["input"]))),
    ("MB", lambda row: short(row["size_mb"])),
    ("SHA-256", lambda row: (row["model_sha256"] or "-")[:12]),
)
