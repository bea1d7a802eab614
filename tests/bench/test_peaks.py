"""edgewbc.bench.peaks: the peak speed of the CPU."""

from __future__ import annotations

import json

import pytest

from edgewbc.bench.job_result import PeakResult
from edgewbc.bench.peaks import PeakJob, measure, stack
from edgewbc.bench.plan import Abilities

SMALL = ((1, 32, 8),)


def test_multiply_adds_are_those_of_the_graph() -> None:
    """Four 3 x 3 convolutions of 32 channels at 8 x 8, counted by hand."""
    model, macs = stack(2, 32, 8, int8=False)
    assert macs == 4 * 2 * 8 * 8 * 32 * 32 * 9
    assert [op.get_type_name() for op in model.get_ops()].count("Convolution") == 4


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_peak_runs_in_its_precision(precision: str) -> None:
    """The runtime reports that the convolutions ran in that precision; otherwise there would be an error."""
    found = measure(PeakJob(precision, 0.01, 1, SMALL))
    assert isinstance(found, PeakResult)
    assert found.gmac_per_s > 0
    assert (found.threads, found.shape) == (1, (1, 32, 8))


def test_bf16_needs_a_cpu_that_supports_it() -> None:
    """bf16 is measured where the CPU computes in it, and is an error elsewhere."""
    found = measure(PeakJob("bf16", 0.01, 1, SMALL))
    assert isinstance(found, PeakResult) is Abilities.here().bf16


def test_job_reads_back_from_json() -> None:
    """The job that is read equals the one that was written."""
    job = PeakJob("f32", 1.0, 2, SMALL)
    assert PeakJob.from_json(json.loads(job.to_json())) == job
