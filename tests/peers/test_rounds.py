"""peerbench.rounds: the order of the measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peerbench.rounds import MeasureJob, PeerRow, run_rounds

from edgewbc.bench.job_result import JobError, JobResult, LatencyResult, ThroughputResult

FACTS: dict[str, Any] = {
    "size_mb": 1.0, "model_sha256": "a" * 64, "isa": None, "version": "1", "threads": 2, "streams": 1,
    "kernels": None, "cold_start_s": 0.1, "rss_mb": None, "cores_busy": 1.9,
}  # fmt: skip


class Recorder:
    """Records the measurements in order."""

    def __init__(self) -> None:
        self.jobs: list[tuple[str, MeasureJob]] = []

    def row(self, name: str, tmp_path: Path, fails: int | None = None) -> PeerRow:
        """Make a row whose measurement number `fails` fails."""

        def execute(job: MeasureJob) -> JobResult:
            self.jobs.append((name, job))
            if fails == sum(other == name for other, _ in self.jobs):
                return JobError(error="failed")
            if job.mode == "latency":
                return LatencyResult(**FACTS, samples_ms=(1.0,))
            return ThroughputResult(**FACTS, images_per_s=100.0, batch=8)

        return PeerRow({}, ("a",), execute, tmp_path / f"{name}.npy")


JOB = MeasureJob("latency", 0.1, (1, 8), 2)


def test_every_other_round_is_backwards(tmp_path: Path) -> None:
    """A B, B A, A B: latency and throughput of each; the images are predicted once."""
    record = Recorder()
    rows = [record.row(name, tmp_path) for name in "AB"]
    run_rounds(rows, 3, JOB)
    order = [name + job.mode[0] for name, job in record.jobs]
    assert order == ["Al", "At", "Bl", "Bt", "Bt", "Bl", "At", "Al", "Al", "At", "Bl", "Bt"]
    assert [name for name, job in record.jobs if job.predictions] == ["A", "B"]
    assert [len(row.latency) for row in rows] == [3, 3] == [len(row.throughput) for row in rows]
    assert all(job.threads == 2 for _, job in record.jobs)


def test_the_batch_of_the_first_round_is_kept(tmp_path: Path) -> None:
    """Later rounds measure the selected batch size only."""
    record = Recorder()
    run_rounds([record.row("A", tmp_path)], 2, JOB)
    assert [job.batches for _, job in record.jobs if job.mode == "throughput"] == [(1, 8), (8,)]


def test_failed_row_is_not_measured_again(tmp_path: Path) -> None:
    """B fails in its second measurement and has no third; A is measured to the end."""
    record = Recorder()
    rows = [record.row("A", tmp_path), record.row("B", tmp_path, fails=2)]
    run_rounds(rows, 2, JOB)
    assert [row.error for row in rows] == [None, "failed"]
    assert [name for name, _ in record.jobs].count("B") == 2
    assert len(rows[0].throughput) == 2
