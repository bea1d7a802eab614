"""edgewbc.bench.job_result: results of jobs, and how they pass from a worker to the process that started it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgewbc.bench.job_result import (
    AppResult,
    JobError,
    LatencyResult,
    PeakResult,
    ThroughputResult,
    first_error,
    of_kind,
    read_result,
)

FACTS: dict[str, Any] = {
    "size_mb": 2.5, "model_sha256": "ab" * 32, "isa": "AVX2", "version": "1", "threads": 2, "streams": 1,
    "kernels": {"u8": 15, "f32": 2}, "cold_start_s": 0.2, "rss_mb": None, "cores_busy": 1.9,
}  # fmt: skip
LATENCY = LatencyResult(**FACTS, samples_ms=(1.5, 2.0))
PEAK = PeakResult(gmac_per_s=80.0, shape=(1, 8, 8), kernels=("brgconv",), threads=2, streams=1)


@pytest.mark.parametrize(
    "result", [LATENCY, ThroughputResult(**FACTS, images_per_s=99.0, batch=8, batches=19), PEAK, JobError(error="no")]
)
def test_a_result_survives_its_way_as_json(result: Any) -> None:
    """What is read equals what was written; the load of other programs is added later and not written."""
    values = json.loads(json.dumps(result.to_json()))
    assert "others" not in values
    assert read_result(values) == result


def test_a_worker_of_another_toolkit_may_leave_the_number_of_batches_out() -> None:
    """It is only needed to run benchmark_app for as many."""
    found = read_result({**FACTS, "images_per_s": 99.0, "batch": 8})
    assert found == ThroughputResult(**FACTS, images_per_s=99.0, batch=8, batches=0)


def test_an_incomplete_result_is_refused() -> None:
    """A missing figure is an error, not None."""
    with pytest.raises(TypeError, match="size_mb"):
        read_result({"samples_ms": [1.0]})


def test_results_by_kind() -> None:
    """In order, and the first error of several."""
    app = AppResult(images_per_s=100.0, threads=2)
    results = [LATENCY, JobError(error="first"), app, JobError(error="second")]
    assert of_kind(results, LatencyResult) == [LATENCY]
    assert of_kind(results, PeakResult) == []
    assert (first_error(results), first_error([LATENCY, app])) == ("first", None)
