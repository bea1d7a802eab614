"""edgewbc.bench.interleave: the order of the measurements."""

from __future__ import annotations

from pathlib import Path

from edgewbc.bench.benchmark_app import AppJob
from edgewbc.bench.interleave import estimate, execute, plan_measurements, run_rounds
from edgewbc.bench.job_result import JobError
from edgewbc.bench.peaks import PeakJob
from edgewbc.bench.prepare import BenchOptions, PlannedRow
from edgewbc.bench.worker import RowJob
from edgewbc.utils.progress import quiet
from tests.bench.conftest import Fake


def planned(tmp_path: Path, precision: str, error: str | None = None) -> PlannedRow:
    """A row of a model that is never opened."""
    job = RowJob("m", "openvino", precision, "p.u8", 4, 16, 16, 0.5, batches=(2, 8), threads=2)
    return PlannedRow(0, job, error, xml=tmp_path / f"{precision}.xml")


def test_every_other_round_is_backwards(tmp_path: Path, fake: Fake) -> None:
    """Each round measures everything once, the second one backwards; the first round's batch size is kept."""
    rows = [planned(tmp_path, "f32"), planned(tmp_path, "int8")]
    options = BenchOptions(rounds=3, seconds=0.5, threads=2)
    measurements = plan_measurements(rows, ["f32"], options)
    assert [(one.kind, one.of) for one in measurements] == [
        ("peak", "f32"), *((kind, i) for i in (0, 1) for kind in ("latency", "throughput", "app"))
    ]  # fmt: skip
    run_rounds(measurements, rows, options, fake, quiet)
    kinds = [type(job).__name__ + getattr(job, "mode", "") for job in fake.jobs]
    assert kinds[:7] == kinds[7:14][::-1] == kinds[14:]
    assert [len(one.results) for one in measurements] == [3] * 7
    assert [job.batches for job in fake.jobs if isinstance(job, RowJob) and job.mode == "throughput"] == [
        (2, 8), (2, 8), (8,), (8,), (8,), (8,)
    ]  # fmt: skip
    assert [len(job.shapes) for job in fake.jobs if isinstance(job, PeakJob)] == [3, 1, 1]
    app = next(job for job in fake.jobs if isinstance(job, AppJob) and "int8" in job.xml)
    assert (app.batch, app.iterations, app.threads, app.compute) == (8, 19, 2, "f32")  # as many batches as our row


def test_failed_row_is_not_measured_again(tmp_path: Path, fake: Fake) -> None:
    """A row that fails at first is left out of later rounds; one that cannot be converted is never measured."""
    rows = [planned(tmp_path, "bf16"), planned(tmp_path, "f32", error="cannot be converted")]
    options = BenchOptions(rounds=3)
    measurements = plan_measurements(rows, [], options)
    assert {one.of for one in measurements} == {0}
    run_rounds(measurements, rows, options, fake, quiet)
    assert len(fake.jobs) == 1
    assert measurements[0].error == "refused"


def test_duration_is_estimated(tmp_path: Path) -> None:
    """One second of startup and the measurement each; throughput also tries two batch sizes for a quarter of it."""
    rows = [planned(tmp_path, "f32")]
    options = BenchOptions(rounds=2, seconds=4.0, batches=(1, 8), benchmark_app=False)
    measurements = plan_measurements(rows, [], options)
    assert estimate(measurements, options) == "4 measurements in 2 rounds: about 24 s"  # 2 * (1 + 4 + 1 + 4 + 2)
    assert estimate(measurements, BenchOptions(rounds=20, seconds=4.0, batches=(1,))).endswith("about 3 min")


def test_error_of_a_worker_is_a_result(tmp_path: Path) -> None:
    """An error in the process becomes one line."""
    images = tmp_path / "p.u8"
    images.write_bytes(bytes(16 * 16 * 3))
    job = RowJob(str(tmp_path / "none"), "openvino", "f32", str(images), 1, 16, 16, 0.01)
    found = execute(job)
    assert isinstance(found, JobError)
    assert "no such bundle" in found.error
