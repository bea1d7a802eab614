"""The charts of the page, from the rows of a benchmark result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from edgewbc.bench.result import Peak
from edgewbc.bench.row import MeasuredRow
from edgewbc.bench.scores import RowScores
from edgewbc.report import charts, row_charts
from edgewbc.report.charts import Point
from edgewbc.report.page_tables import RowName, Rows, between, measured, scored, short, unsteady
from edgewbc.report.row_charts import RowText
from edgewbc.report.style import Chart
from edgewbc.utils.text import percent

MIN_SPAN: Final = 5.0
"""Percent that the axis of the rounds covers at least to both sides: half of what makes a figure unsteady."""


def front(rows: Rows, reference: float | None) -> Chart | None:
    """Draw accuracy, speed and size; None if no accuracy was measured.

    Args:
        rows: of the benchmark.
        reference: an accuracy that gets a line.
    """
    points = [
        Point(
            str(name.number), row.timing.images_per_s, scores.accuracy, scores.interval, row.timing.size_mb,
            row.backend, row.precision,
        )
        for name, row, scores in scored(rows)
    ]  # fmt: skip
    if not points:
        return None
    best = ", ".join(str(name.number) for name in on_front(rows))
    label = f"Accuracy over images per second of {len(points)} rows. On the front: {best}. The table has the figures."
    return charts.front(points, label, reference)


def on_front(rows: Rows) -> list[RowName]:
    """Return the rows that no other row beats in accuracy and in speed, slowest first."""
    done = scored(rows)
    return [done[index][0] for index in charts.pareto([(r.timing.images_per_s, s.accuracy) for _, r, s in done])]


def throughput(rows: Rows) -> Chart:
    """Draw the throughput in each round, in percent from the row's median: how steady the figure is."""
    texts, deviations, words = [], [], []
    for name, row in measured(rows):
        rates, median = row.timing.rounds.images_per_s, row.timing.images_per_s
        apart = row.timing.spread["images_per_s"]
        spread = "" if apart is None else f"spread {percent(apart, 1)}{unsteady(row, 'images_per_s')}"
        texts.append(_text(name, row, f"{short(median)} images/s", spread))
        deviations.append([100 * (value / median - 1) for value in rates])
        words.append(f"{name.full}: {', '.join(map(short, rates))}, median {short(median)}")
    label = f"Images per second in each round. {'; '.join(words)}."
    return row_charts.rounds("throughput", label, texts, deviations, MIN_SPAN)


def latency(rows: Rows) -> Chart:
    """Draw the distribution of the time of one image."""
    texts, quantiles, words = [], [], []
    for name, row in measured(rows):
        times = row.timing.latency_ms
        tail = f"p95 {short(times.p95)}, p99 {short(times.p99)}"
        texts.append(_text(name, row, f"{short(times.p50)} ms{unsteady(row, 'latency_p50_ms')}", tail))
        quantiles.append(row.timing.latency_quantiles_ms)
        words.append(f"{name.full}: p50 {short(times.p50)}, {tail}, of {times.n:,} images")
    label = f"Milliseconds per image. {'; '.join(words)}."
    return row_charts.letter_values("latency", label, texts, quantiles)


def peak_share(rows: Rows, peaks: Mapping[str, Peak]) -> Chart | None:
    """Draw each row's share of the multiply-adds per second that this CPU reaches; None if it was not measured."""
    texts, shares = [], []
    for name, row in measured(rows):
        if row.peak_share is None:
            continue
        peak = peaks[row.timing.precision_ran or row.precision].gmac_per_s
        remark = f"{short(row.gmac_per_s)} of {short(peak)} GMAC/s"
        texts.append(_text(name, row, percent(row.peak_share.ratio, 0), remark))
        shares.append(100 * row.peak_share.ratio)
    if not texts:
        return None
    words = "; ".join(f"{text.name} {text.subtitle}: {text.value}, {text.remark}" for text in texts)
    return row_charts.shares("peak", f"Share of the measured peak. {words}.", texts, shares)


def recalls(scores: RowScores) -> Chart:
    """Draw the recall of each class of a row, with its interval."""
    texts: list[RowText] = []
    values: list[tuple[float, tuple[float, float]] | None] = []
    for label, one in scores.per_class.items():
        subtitle = f"n = {one.n}, precision {percent(one.precision)}"
        texts.append(RowText(label, subtitle, percent(one.recall), between(one.recall_interval), "int8"))
        if one.recall is None or one.recall_interval is None:
            values.append(None)
        else:
            low, high = one.recall_interval
            values.append((100 * one.recall, (100 * low, 100 * high)))
    words = "; ".join(f"{text.name}: recall {text.value} ({text.remark}), {text.subtitle}" for text in texts)
    return row_charts.intervals("recall", f"Recall by class. {words}.", texts, values)


def _text(name: RowName, row: MeasuredRow, value: str, remark: str) -> RowText:
    subtitle = ", ".join((name.model, *name.marks))
    return RowText(f"{name.number} {name.kind}", subtitle, value, remark, row.precision)
