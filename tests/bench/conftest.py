"""Shared by the tests of bench: a machine without torch, and a fake that returns results without a process."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from edgewbc.bench import worker
from edgewbc.bench.benchmark_app import AppJob
from edgewbc.bench.interleave import AnyJob
from edgewbc.bench.job_result import (
    AppResult,
    JobError,
    JobResult,
    LatencyResult,
    PeakResult,
    ThroughputResult,
)
from edgewbc.bench.peaks import PeakJob
from edgewbc.bench.plan import Abilities
from edgewbc.bench.runner import bench
from edgewbc.bench.worker import RowJob

LAB = Abilities(torch=False, onnx=False, bf16=True)
RATES = {"f32": 100.0, "int8": 300.0}
PEAKS = {"f32": 0.01, "bf16": 0.02, "int8": 0.04}


def measure_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `bench` measure its rows without fresh processes, for tests of what comes before and after.

    Fresh ones are started by the tests of this folder and by `tests/cli/test_bench.py`.
    """
    monkeypatch.setattr(bench, "__kwdefaults__", (bench.__kwdefaults__ or {}) | {"execute": _execute})


def _execute(job: AnyJob) -> JobResult:
    assert isinstance(job, RowJob)
    return worker.work(json.loads(job.to_json()))


class Fake:
    """Returns results of jobs at once: always predicts class 0, is faster in int8 and fails in bf16.

    Args:
        drift: factor of all speeds in each later round, as on a machine that gets hot.

    Attributes:
        jobs: the jobs so far, in order.
    """

    def __init__(self, drift: float = 1.0) -> None:
        self.jobs: list[AnyJob] = []
        self.drift = drift
        self.calls: Counter[tuple[str, ...]] = Counter()

    def __call__(self, job: AnyJob) -> JobResult:
        self.jobs.append(job)
        if isinstance(job, PeakJob):
            rate = PEAKS[job.peak] * self.slowdown("peak", job.peak)
            return PeakResult(gmac_per_s=rate, shape=(1, 8, 8), kernels=("brgconv",), threads=2, streams=2)
        if isinstance(job, AppJob):
            rate = RATES["int8" if "int8" in job.xml else "f32"] / 1.25
            slow = self.slowdown("app", job.xml, job.compute)
            return AppResult(images_per_s=rate * slow, threads=2, streams=1, requests=1)
        return self.row(job, self.slowdown(job.mode, job.precision, job.model))

    def slowdown(self, *key: str) -> float:
        """Return the factor of the speed of a job's next round."""
        self.calls[key] += 1
        return self.drift ** (self.calls[key] - 1)

    def row(self, job: RowJob, slow: float) -> JobResult:
        """Return the result of a row."""
        if job.precision == "bf16":
            return JobError(error="refused")
        if job.predictions is not None:
            np.save(job.predictions, np.tile(np.array([0.9, 0.1, 0, 0, 0], np.float32), (job.n, 1)))
        found: dict[str, Any] = {
            "cold_start_s": 0.1,
            "threads": 2,
            "streams": 1,
            "kernels": {"u8": 1, "f32": 1} if job.precision == "int8" else {"f32": 2},
            "cores_busy": 1.9,
            "isa": "AVX2",
            "version": "1",
            "size_mb": 1.5,
            "rss_mb": {"throughput": 120.0, "latency": 110.0}[job.mode],
            "model_sha256": "a" * 64,
        }
        if job.mode == "latency":
            return LatencyResult(**found, samples_ms=(1 / slow, 2 / slow, 3 / slow))
        rate = RATES[job.precision] * slow
        return ThroughputResult(**found, images_per_s=rate, batch=job.batches[-1], batches=19)


@pytest.fixture
def fake() -> Fake:
    """A worker that does no work."""
    return Fake()


@pytest.fixture(autouse=True)
def _no_load_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the second in which the load of the machine is measured before each benchmark."""
    monkeypatch.setattr("edgewbc.bench.resource_use.system_load", lambda seconds=1.0: 0.0)
