"""What tests of bench share: abilities without torch, and a job that is answered without a process."""

from __future__ import annotations

from typing import Any

import pytest

from edgewbc.bench.plan import Abilities
from edgewbc.bench.worker import Job

LAB = Abilities(torch=False, onnx=False, bf16=True)


class Fake:
    """Answers jobs at once: always class 0, faster in int8 and bf16; remembers what it was asked."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(self, job: Job) -> dict[str, Any]:
        self.jobs.append(job)
        if job.precision == "bf16":
            return {"error": "refused"}
        return {
            "precision": job.precision,
            "cold_start_s": 0.1,
            "latency_ms": {"p50": 2.0, "p95": 3.0, "p99": 4.0, "n": 10},
            "images_per_s": {"f32": 100.0, "int8": 300.0}[job.precision],
            "batch": job.batches[-1],
            "threads": 2,
            "streams": 1,
            "isa": "AVX2",
            "version": "1",
            "size_mb": 1.5,
            "rss_mb": 120.0,
            "rss_latency_mb": 110.0,
            "model_sha256": "a" * 64,
            "predicted": [0] * job.n if job.labelled else None,
        }


@pytest.fixture
def fake() -> Fake:
    """A worker that does no work."""
    return Fake()
