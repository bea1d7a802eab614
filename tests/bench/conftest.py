"""What tests of bench share: abilities without torch, and jobs that are answered without a process."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgewbc.bench.benchmark_app import AppJob
from edgewbc.bench.interleave import AnyJob
from edgewbc.bench.peaks import PeakJob
from edgewbc.bench.plan import Abilities
from edgewbc.bench.worker import Job

LAB = Abilities(torch=False, onnx=False, bf16=True)
RATES = {"f32": 100.0, "int8": 300.0}
PEAKS = {"f32": 0.01, "bf16": 0.02, "int8": 0.04}


class Fake:
    """Answers jobs at once: always class 0, faster in int8; refuses bf16; remembers what it was asked.

    Everything is slower in each later round, as on a machine that is getting hot: by `drift`.
    """

    def __init__(self, drift: float = 1.0) -> None:
        self.jobs: list[AnyJob] = []
        self.drift = drift
        self.turns: dict[Any, int] = {}

    def __call__(self, job: AnyJob) -> dict[str, Any]:
        self.jobs.append(job)
        if isinstance(job, PeakJob):
            key: Any = job.peak
        elif isinstance(job, AppJob):
            key = job.xml, job.compute
        else:
            key = job.mode, job.precision, job.model
        slow = self.drift ** self.turns.get(key, 0)
        self.turns[key] = self.turns.get(key, 0) + 1
        if isinstance(job, PeakJob):
            found = {"shape": [1, 8, 8], "kernels": ["brgconv"], "threads": 2, "streams": 2}
            return {"gmac_per_s": PEAKS[job.peak] * slow, **found}
        if isinstance(job, AppJob):
            rate = RATES["int8" if "int8" in job.xml else "f32"] / 1.25
            return {"images_per_s": rate * slow, "threads": 2, "streams": 1, "requests": 1}
        return self.row(job, slow)

    def row(self, job: Job, slow: float) -> dict[str, Any]:
        """A row's turn."""
        if job.precision == "bf16":
            return {"error": "refused"}
        if job.answers is not None:
            np.save(job.answers, np.tile(np.float32([0.9, 0.1, 0, 0, 0]), (job.n, 1)))
        timed = {"samples_ms": [1 / slow, 2 / slow, 3 / slow]}
        if job.mode == "throughput":
            timed = {"images_per_s": RATES[job.precision] * slow, "batch": job.batches[-1], "batches": 19}  # type: ignore[dict-item]
        return {
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
            **timed,
        }


@pytest.fixture
def fake() -> Fake:
    """A worker that does no work."""
    return Fake()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is not watched for a second before each bench."""
    monkeypatch.setattr("edgewbc.bench.system_load.before", lambda seconds=1.0: 0.0)
