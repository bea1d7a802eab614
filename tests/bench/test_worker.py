"""edgewbc.bench.worker: one row, measured in its own process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bench.runner import execute
from edgewbc.bench.worker import Job, measure, tidy
from edgewbc.predictors import load
from tests import tiny


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A tiny bundle and 40 prepared pictures."""
    tiny.make_bundle(tmp_path / "b")
    np.stack([tiny.picture(i, 16, 16) for i in range(40)]).tofile(tmp_path / "p.u8")
    return Job(str(tmp_path / "b"), "openvino", "f32", str(tmp_path / "p.u8"), 40, 16, 16, True, 0.02, (1, 4), 1)


def test_job_reads_its_pictures(job: Job) -> None:
    """Pictures come back as they were written, the last part shorter."""
    np.testing.assert_array_equal(job.read(3, 2)[1], tiny.picture(4, 16, 16))
    assert job.read(32, 32).shape == (8, 16, 16, 3)
    assert Job(**{**json.loads(job.to_json()), "batches": job.batches}) == job


def test_fresh_process_measures_and_answers(job: Job) -> None:
    """The row has every measurement, and the answers are those of the model in this process."""
    found = execute(job)
    assert "error" not in found
    said = load(Path(job.model), precision="f32", threads=1).predict(job.read(0, 40)).argmax(1)
    assert found["predicted"] == said.tolist()
    assert found["images_per_s"] > 0
    assert found["cold_start_s"] > 0
    assert found["latency_ms"]["p50"] <= found["latency_ms"]["p95"] <= found["latency_ms"]["p99"]
    assert found["batch"] in (1, 4)
    assert found["threads"] == 1
    assert found["rss_mb"] >= found["rss_latency_mb"] > 10
    assert found["precision"] == "f32"
    assert found["size_mb"] > 0
    assert len(found["model_sha256"]) == 64


def test_timing_alone_gives_no_answers(job: Job) -> None:
    """Pictures without labels are timed only."""
    assert measure(replace(job, labelled=False, batches=(4,)))["predicted"] is None


def test_refusal_is_a_result(job: Job) -> None:
    """What a backend refuses comes back as one line."""
    assert "holds no" in execute(replace(job, backend="onnx"))["error"]


def test_tidy_keeps_what_means_anything() -> None:
    """Five significant digits; whole numbers as they are."""
    assert tidy(123.456789) == 123.46
    assert tidy(1234567) == 1234567
