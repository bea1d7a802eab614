"""edgewbc.bench.summary and rounds: from the rounds of a row to its figures."""

from __future__ import annotations

from dataclasses import replace

from edgewbc.bench.job_result import AppResult, JobError, PeakResult
from edgewbc.bench.result import Peak
from edgewbc.bench.rounds import RoundRatio
from edgewbc.bench.row import AppComparison, FailedRow, MeasuredRow
from edgewbc.bench.summary import compare_app, peak, percentiles, precision_ran, quantiles, with_ratios
from tests.bench.rows import measured


def test_percentiles_are_interpolated() -> None:
    """One to a hundred milliseconds: p50 is 50.5, p90 90.1, p95 95.05, p99 99.01."""
    found = percentiles(range(1, 101))
    assert (found.p50, found.p90, found.p95, found.p99, found.n) == (50.5, 90.1, 95.05, 99.01, 100)


def test_quantiles_can_be_drawn() -> None:
    """From the smallest to the largest, in 101 numbers of four digits."""
    found = quantiles([i / 3 for i in range(1001)])
    assert (len(found), found[0], found[1], found[50], found[100]) == (101, 0.0, 3.333, 166.7, 333.3)


def test_precision_is_read_from_the_kernels() -> None:
    """The precision of most kernels counts; without a report of the runtime there is none."""
    assert precision_ran({"u8": 12, "f32": 2}) == "int8"
    assert precision_ran({"f32": 14}) == "f32"
    assert precision_ran({"bf16": 13, "f32": 1}) == "bf16"
    assert precision_ran(None) is None
    assert precision_ran({}) is None


def test_rows_are_compared_with_the_baseline_and_the_peak() -> None:
    """The baseline is OpenVINO's f32 row of the largest network; the peak is that of the precision that ran."""
    small = measured(precision="f32", rates=(50, 100, 50), gmac=1.0)
    large = measured(precision="f32", rates=(10, 20, 10), gmac=4.0)
    torch = measured(backend="torch", precision="f32", rates=(1, 1, 1), gmac=9.0)
    failed = FailedRow("wbc", "onnx", "f32", error="no")
    peaks = {"f32": Peak(80.0, (80.0, 160.0, 80.0), None, (1, 8, 8), (), 2, 2)}
    rows = with_ratios([small, large, torch, failed, replace(small, gmac=None)], peaks)
    assert [row.baseline for row in rows] == [False, True, False, False, False]
    assert rows[3] == failed
    first, base = rows[:2]
    assert isinstance(first, MeasuredRow)
    assert isinstance(base, MeasuredRow)
    assert first.speedup == RoundRatio(5.0, (5.0, 5.0), (5.0, 5.0, 5.0))
    assert base.peak_share == RoundRatio(0.5, (0.5, 0.5), (0.5, 0.5, 0.5))
    assert base.gmac_per_s == 40
    assert isinstance(rows[4], MeasuredRow)
    assert (rows[4].gmac_per_s, rows[4].peak_share) == (None, None)


def test_comparison_with_benchmark_app() -> None:
    """Three percent below it is near, more is not; another number of streams is not alike; a failure has its reason."""
    timing = measured(rates=(97.0, 97.0)).timing
    run = AppResult(images_per_s=100.0, threads=2, streams=1, requests=2)
    found = compare_app([run, run], timing)
    assert isinstance(found, AppComparison)
    assert (found.ratio.ratio, found.near, found.alike, found.requests) == (0.97, True, True, 2)
    faster = compare_app([replace(run, images_per_s=101.0)] * 2, timing)
    assert isinstance(faster, AppComparison)
    assert not faster.near
    other = compare_app([replace(run, streams=2)] * 2, timing)
    assert isinstance(other, AppComparison)
    assert not other.alike
    assert compare_app([run, JobError(error="no")], timing) == "no"
    assert compare_app([], timing) == "it was not run"


def test_peak_is_the_median_of_the_rounds() -> None:
    """One error in a round is the error of the peak."""
    one = PeakResult(gmac_per_s=9.0, shape=(1, 8, 8), kernels=("brgconv",), threads=2, streams=1)
    found = peak([replace(one, gmac_per_s=rate) for rate in (9.0, 10.0, 12.0)])
    assert found == Peak(10.0, (9.0, 10.0, 12.0), 0.3, (1, 8, 8), ("brgconv",), 2, 1)
    assert peak([one, JobError(error="ran in f32")]) == "ran in f32"
