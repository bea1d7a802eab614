"""Summarize the rounds of a row: medians, spreads, and ratios taken within each round."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from edgewbc.bench.job_result import (
    AppResult,
    JobResult,
    LatencyResult,
    PeakResult,
    RowResult,
    ThroughputResult,
    first_error,
    of_kind,
)
from edgewbc.bench.result import Peak
from edgewbc.bench.rounds import RoundRatio, round_spread, tidy
from edgewbc.bench.row import AppComparison, FailedRow, LatencyPercentiles, MeasuredRow, Mode, RoundValues, Timing

WIDE = 0.1
"""A figure is unsteady if (max - min) / median of its rounds is above this."""

NEAR = 0.03
"""A throughput counts as near that of benchmark_app if it is at most this share of it lower."""

_KERNELS = {"u8": "int8", "i8": "int8", "bf16": "bf16", "f32": "f32", "f16": "f16"}


def precision_ran(kernels: dict[str, int] | None) -> str | None:
    """Return the precision in which most convolutions and dense layers ran; None if the runtime does not report it."""
    if not kernels:
        return None
    most = max(kernels, key=lambda name: kernels[name])
    return _KERNELS.get(most, most)


def timed(latency: Sequence[LatencyResult], throughput: Sequence[ThroughputResult]) -> Timing:
    """Return medians, spreads and the values of all rounds of a row's measurements.

    Args:
        latency, throughput: results in these modes, one per round.
    """
    samples = [value for result in latency for value in result.samples_ms]
    first, most = latency[0], throughput[0]
    rounds = RoundValues(
        images_per_s=tuple(result.images_per_s for result in throughput),
        latency_p50_ms=tuple(tidy(median(result.samples_ms)) for result in latency),
        cold_start_s=tuple(result.cold_start_s for result in latency),
        others=tuple(result.others for result in throughput),
        others_latency=tuple(result.others for result in latency),
    )
    spreads = {
        "images_per_s": round_spread(rounds.images_per_s),
        "latency_p50_ms": round_spread(rounds.latency_p50_ms),
        "cold_start_s": round_spread(rounds.cold_start_s),
    }
    return Timing(
        precision_ran=precision_ran(most.kernels),
        kernels=most.kernels,
        isa=first.isa,
        version=first.version,
        model_sha256=first.model_sha256,
        size_mb=first.size_mb,
        cold_start_s=median(rounds.cold_start_s),
        rss_mb=_largest(result.rss_mb for result in throughput),
        rss_latency_mb=_largest(result.rss_mb for result in latency),
        images_per_s=median(rounds.images_per_s),
        latency_ms=percentiles(samples),
        latency_quantiles_ms=quantiles(samples),
        latency_mode=Mode(first.threads, first.streams, 1, _cores_busy(latency)),
        throughput_mode=Mode(most.threads, most.streams, most.batch, _cores_busy(throughput)),
        rounds=rounds,
        spread=spreads,
        # A cold start is short and dominated by file access: it has a spread but is never called unsteady.
        unsteady=tuple(name for name in ("images_per_s", "latency_p50_ms") if (spreads[name] or 0) > WIDE),
    )


def percentiles(milliseconds: Sequence[float]) -> LatencyPercentiles:
    """Return p50, p90, p95 and p99 in milliseconds (interpolated linearly), and n."""
    p50, p90, p95, p99 = (tidy(float(value)) for value in np.percentile(np.asarray(milliseconds), (50, 90, 95, 99)))
    return LatencyPercentiles(p50, p90, p95, p99, len(milliseconds))


def quantiles(milliseconds: Sequence[float]) -> tuple[float, ...]:
    """Return the 0th, 1st, ... 100th percentile in milliseconds: a distribution that can be drawn, in 101 numbers."""
    return tuple(tidy(float(value), 4) for value in np.percentile(np.asarray(milliseconds), np.arange(101)))


def with_ratios(rows: Sequence[MeasuredRow | FailedRow], peaks: Mapping[str, Peak]) -> list[MeasuredRow | FailedRow]:
    """Return the rows with their `speedup` over the baseline row, and their share of the CPU's peak.

    The baseline is the f32 row of the network with most multiply-adds, OpenVINO's if there is one.
    """
    able = [row for row in rows if isinstance(row, MeasuredRow) and row.precision == "f32"]
    base = max(able, key=lambda row: (row.backend == "openvino", row.gmac or 0), default=None)  # the first of equals
    return [_with_ratios(row, base, peaks) if isinstance(row, MeasuredRow) else row for row in rows]


def _with_ratios(row: MeasuredRow, base: MeasuredRow | None, peaks: Mapping[str, Peak]) -> MeasuredRow:
    rates = row.timing.rounds.images_per_s
    if base is not None:
        speedup = RoundRatio.between(rates, base.timing.rounds.images_per_s)
        row = replace(row, baseline=row is base, speedup=speedup)
    gmac = row.gmac
    if gmac:
        row = replace(row, gmac_per_s=tidy(gmac * row.timing.images_per_s))
        peak = peaks.get(row.timing.precision_ran or row.precision)
        if peak is not None:
            row = replace(row, peak_share=RoundRatio.between([gmac * rate for rate in rates], peak.rounds))
    return row


def compare_app(results: Sequence[JobResult], timing: Timing) -> AppComparison | str:
    """Compare the throughput of a row with that of benchmark_app.

    Args:
        results: one per round, of kind `AppResult` unless it failed.
        timing: of the row.

    Returns:
        the comparison, or why there is none, in one line.
    """
    error, runs = first_error(results), of_kind(results, AppResult)
    if error or not runs:
        return error or "it was not run"
    rates = tuple(run.images_per_s for run in runs)
    ratio = RoundRatio.between(timing.rounds.images_per_s, rates)
    threads, streams = runs[0].threads, runs[0].streams
    return AppComparison(
        images_per_s=median(rates),
        ratio=ratio,
        near=ratio.ratio >= 1 - NEAR,
        threads=threads,
        streams=streams,
        requests=runs[0].requests,
        alike=(threads, streams) == (timing.throughput_mode.threads, timing.throughput_mode.streams),
        images_per_s_rounds=rates,
    )


def peak(results: Sequence[JobResult]) -> Peak | str:
    """Summarize the measurements of a peak (`peaks.measure`), one per round; the error if there is one."""
    if (error := first_error(results)) is not None:
        return error
    measured = of_kind(results, PeakResult)
    rounds, first = tuple(tidy(result.gmac_per_s) for result in measured), measured[0]
    spread = round_spread(rounds)
    return Peak(median(rounds), rounds, spread, first.shape, first.kernels, first.threads, first.streams)


def _cores_busy(results: Sequence[RowResult]) -> float:
    return float(median(result.cores_busy for result in results))


def _largest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
