"""bench.widths.study: the time of a convolution by number of channels."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.widths import study
from edgewbc.bench.interleave import AnyJob
from edgewbc.bench.job_result import JobError, PeakResult
from edgewbc.bench.peaks import PeakJob
from edgewbc.errors import UserError


def blocks(job: AnyJob) -> PeakResult:
    """Simulate a CPU that computes channels in blocks of 16, so that other counts take as long as the next multiple."""
    assert isinstance(job, PeakJob)
    ((_, width, _),) = job.shapes
    paid = -(-width // 16) * 16
    rate = (400.0 if job.peak == "int8" else 100.0) * (width / paid) ** 2
    return PeakResult(gmac_per_s=rate, shape=job.shapes[0], kernels=("k",), threads=1, streams=1)


def test_a_count_between_two_blocks_costs_as_much_as_the_next(tmp_path: Path) -> None:
    """The ratio to the next multiple is of times, not of rates; it is absent if that multiple was not timed."""
    found = study.run(tmp_path / "widths.json", widths=(8, 16, 24, 32), rounds=2, execute=blocks)
    int8 = found["widths"]["int8"]
    assert int8["24"]["to_multiple"] == pytest.approx({"8": 1.0, "16": 1.0, "32": 1.0})
    assert int8["8"]["to_multiple"] == pytest.approx({"8": 1.0, "16": 1.0, "32": 0.25})
    assert int8["16"]["to_multiple"] == pytest.approx({"8": 1.0, "16": 1.0, "32": 0.25})
    assert int8["32"]["microseconds"] == pytest.approx(20 * 20 * 9 * 32 * 32 / 400e9 * 1e6, rel=1e-3)
    assert found["widths"]["f32"]["32"]["microseconds"] == pytest.approx(4 * int8["32"]["microseconds"], rel=1e-3)
    assert json.loads((tmp_path / "widths.json").read_text()) == found


def test_rounds_go_back_and_forth(tmp_path: Path) -> None:
    """Every width is timed once per round, in a process of its own."""
    jobs: list[tuple[str, int]] = []

    def noted(job: AnyJob) -> PeakResult:
        assert isinstance(job, PeakJob)
        jobs.append((job.peak, job.shapes[0][1]))
        return blocks(job)

    found = study.run(tmp_path / "widths.json", widths=(8, 16), rounds=2, execute=noted)
    assert jobs[:4] == [("int8", 8), ("int8", 16), ("f32", 8), ("f32", 16)]
    assert jobs[4:] == jobs[:4][::-1]
    assert len(found["widths"]["int8"]["8"]["rounds"]) == 2


def test_a_cpu_without_int8_kernels_is_named(tmp_path: Path) -> None:
    """The error names the CPU, and nothing is written."""
    with pytest.raises(UserError, match="8 channels in int8: ran in f32"):
        study.run(tmp_path / "widths.json", execute=lambda job: JobError(error="ran in f32"))
    assert not (tmp_path / "widths.json").exists()


def test_one_width_for_real(tmp_path: Path) -> None:
    """Measures in subprocesses, with this CPU's int8 and f32 kernels."""
    found = study.run(tmp_path / "widths.json", widths=(8,), rounds=1, seconds=0.01, threads=1)
    assert found["widths"]["int8"]["8"]["gmac_per_s"] > 0
    assert found["widths"]["f32"]["8"]["to_multiple"] == {"8": 1.0}
