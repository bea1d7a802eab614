"""edgewbc.bench.worker: one measurement of a row, in a process of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bench.interleave import execute
from edgewbc.bench.job_result import JobError, LatencyResult, PeakResult, ThroughputResult
from edgewbc.bench.worker import RowJob, measure, work
from edgewbc.evaluation.load import load
from tests import tiny


@pytest.fixture
def job(tmp_path: Path) -> RowJob:
    """A tiny bundle and 40 prepared images."""
    tiny.make_bundle(tmp_path / "b")
    np.stack([tiny.make_image(i, 16, 16) for i in range(40)]).tofile(tmp_path / "p.u8")
    return RowJob(str(tmp_path / "b"), "openvino", "f32", str(tmp_path / "p.u8"), 40, 16, 16, 0.02, threads=1)


def test_job_reads_its_images(job: RowJob) -> None:
    """Images are read as they were written; the last batch may be smaller. The job reads back from JSON."""
    np.testing.assert_array_equal(job.read(3, 2)[1], tiny.make_image(4, 16, 16))
    assert job.read(32, 32).shape == (8, 16, 16, 3)
    assert RowJob.from_json(json.loads(job.to_json())) == job


def test_fresh_process_measures_and_predicts(job: RowJob, tmp_path: Path) -> None:
    """The result has every figure, and the predictions are those of the model in this process."""
    found = execute(replace(job, predictions=str(tmp_path / "a.npy")))
    assert isinstance(found, LatencyResult)
    expected = load(Path(job.model), precision="f32", threads=1).predictor(job.read(0, 40)).probabilities
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), expected, atol=1e-6)
    assert len(found.samples_ms) >= 10
    assert min(found.samples_ms) > 0
    assert found.cold_start_s > 0
    assert found.threads == 1
    assert found.rss_mb is not None
    assert found.rss_mb > 10
    assert found.kernels == {"f32": 2}  # a convolution and a dense layer
    assert found.size_mb > 0
    assert len(found.model_sha256) == 64


def test_throughput_mode(job: RowJob) -> None:
    """It reports the best of the requested batch sizes, and no latency."""
    found = measure(replace(job, mode="throughput", precision="int8", batches=(1, 4)))
    assert isinstance(found, ThroughputResult)
    assert found.images_per_s > 0
    assert found.batch in (1, 4)
    assert (found.streams or 0) >= 1
    assert {"u8", "i8"} & set(found.kernels or {})


def test_error_is_a_result(job: RowJob) -> None:
    """An error of a backend becomes one line; peaks are measured by the same worker."""
    failed = work(json.loads(replace(job, backend="onnx").to_json()))
    assert isinstance(failed, JobError)
    assert "holds no" in failed.error
    peak = work({"peak": "f32", "seconds": 0.01, "threads": 1, "shapes": [[1, 16, 8]]})
    assert isinstance(peak, PeakResult)
    assert peak.gmac_per_s > 0
