"""edgewbc.bench.interleave: who is measured when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgewbc.bench.interleave import execute, seats, take
from edgewbc.bench.prepare import Options, Planned
from edgewbc.bench.worker import Job
from edgewbc.utils.progress import quiet
from tests.bench.conftest import Fake


def planned(tmp_path: Path, precision: str, **more: Any) -> Planned:
    """A row of a model that is never opened."""
    job = Job("m", "openvino", precision, "p.u8", 4, 16, 16, 0.5, batches=(2, 8), threads=2)
    return Planned(0, job, xml=tmp_path / f"{precision}.xml", **more)


def test_rounds_go_back_and_forth(tmp_path: Path, fake: Fake) -> None:
    """Each round everything has one turn, the second round backwards; the first round's batch is kept."""
    rows = [planned(tmp_path, "f32"), planned(tmp_path, "int8")]
    options = Options(rounds=3, seconds=0.5, threads=2)
    order = seats(rows, ["f32"], options)
    said = [(seat.kind, seat.of) for seat in order]
    assert said == [("peak", "f32"), *((kind, i) for i in (0, 1) for kind in ("latency", "throughput", "app"))]
    take(order, rows, options, fake, quiet)
    kinds = [type(job).__name__ + getattr(job, "mode", "") for job in fake.jobs]
    assert kinds[:7] == kinds[7:14][::-1] == kinds[14:]
    assert [len(seat.found) for seat in order] == [3] * 7
    assert [job.batches for job in fake.jobs if isinstance(job, Job) and job.mode == "throughput"] == [
        (2, 8), (2, 8), (8,), (8,), (8,), (8,)
    ]  # fmt: skip
    shapes = [len(job.shapes) for job in fake.jobs if hasattr(job, "shapes")]
    assert shapes == [3, 1, 1]
    app = next(job for job in fake.jobs if hasattr(job, "xml") and "int8" in job.xml)
    assert (app.batch, app.iterations, app.threads, app.compute) == (8, 19, 2, "f32")  # as many batches as ours


def test_what_failed_has_no_further_turns(tmp_path: Path, fake: Fake) -> None:
    """A row that is refused at first is not asked again; one that was refused before has no seat."""
    rows = [planned(tmp_path, "bf16"), planned(tmp_path, "f32", refused="cannot be converted")]
    options = Options(rounds=3)
    order = seats(rows, [], options)
    assert {seat.of for seat in order} == {0}
    take(order, rows, options, fake, quiet)
    assert len(fake.jobs) == 1
    assert order[0].error == "refused"


def test_refusal_of_a_process_is_a_result(tmp_path: Path) -> None:
    """What goes wrong in a worker comes back as one line."""
    np_file = tmp_path / "p.u8"
    np_file.write_bytes(bytes(16 * 16 * 3))
    job = Job(str(tmp_path / "none"), "openvino", "f32", str(np_file), 1, 16, 16, 0.01)
    assert "no such bundle" in execute(job)["error"]
