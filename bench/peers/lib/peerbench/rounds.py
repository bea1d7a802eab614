"""Interleaved measurements: every row once per round in a fresh process, every other round backwards (A B C, C B A).

`edgewbc.bench.interleave` explains why; here a row may run in the environment of another toolkit.
"""

from __future__ import annotations

import json
import subprocess  # noqa: S404
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from edgewbc.bench import interleave
from edgewbc.bench.job_result import JobError, JobResult, LatencyResult, ThroughputResult, read_result
from edgewbc.bench.resource_use import OtherLoad
from edgewbc.bench.worker import RowJob
from edgewbc.errors import UserError
from edgewbc.utils import subprocesses
from edgewbc.utils.progress import Progress, quiet
from peerbench import environment

TIMEOUT = 3600
"""Seconds after which a measurement is stopped."""


@dataclass(frozen=True)
class MeasureJob:
    """How a row is measured.

    Attributes:
        mode: `latency` times single images, `throughput` measures images per second.
        seconds: duration of the measurement.
        batches: batch sizes to try for throughput.
        threads: of every runtime.
        predictions: file to which the probabilities of all images are saved, float32 (n, K) as .npy; None predicts
            only the images that are timed.
    """

    mode: Literal["latency", "throughput"]
    seconds: float
    batches: tuple[int, ...]
    threads: int
    predictions: str | None = None


Execute = Callable[[MeasureJob], JobResult]
"""Runs a measurement of a row; a failure is a `JobError`."""


@dataclass(eq=False)
class PeerRow:
    """A row of the comparison, with its measurements.

    Attributes:
        facts: what is known before it is measured, by key of the result.
        classes: class names, in the order of its outputs.
        execute: runs a measurement.
        predictions: file for the probabilities from its first measurement.
        latency, throughput: results, one per round.
        error: why it cannot be measured, or why a measurement failed.
    """

    facts: dict[str, Any]
    classes: tuple[str, ...]
    execute: Execute
    predictions: Path
    latency: list[LatencyResult] = field(default_factory=list)
    throughput: list[ThroughputResult] = field(default_factory=list)
    error: str | None = None


def run_rounds(rows: Sequence[PeerRow], rounds: int, job: MeasureJob, progress: Progress = quiet) -> None:
    """Measure all rounds; a row that failed is not measured again."""
    modes: tuple[Literal["latency", "throughput"], ...] = ("latency", "throughput")
    order = interleave.back_and_forth([(row, mode) for row in rows for mode in modes], rounds)
    for row, mode in progress(order, "peers", len(order)):
        if row.error:
            continue
        if mode == "latency":
            file = None if row.latency else str(row.predictions.resolve())
            one = replace(job, mode=mode, predictions=file)
        else:  # the best batch size of the first round is kept
            sizes = (row.throughput[0].batch,) if row.throughput else job.batches
            one = replace(job, mode=mode, batches=sizes, predictions=None)
        with OtherLoad() as load:
            result = row.execute(one)
        match replace(result, others=load.share):
            case LatencyResult() as timed:
                row.latency.append(timed)
            case ThroughputResult() as timed:
                row.throughput.append(timed)
            case JobError(error=error):
                row.error = error


def execute_toolkit(row_job: RowJob) -> Execute:
    """Return a function that measures a row of edgewbc with the worker of `edgewbc bench`."""

    def execute(job: MeasureJob) -> JobResult:
        return interleave.execute(replace(row_job, **asdict(job)))

    return execute


def execute_peer(python: Path, script: Path, folder: Path, prepared: dict[str, Any]) -> Execute:
    """Return a function that measures a row of a peer with its `measure.py` in its environment.

    Args:
        python: interpreter of the environment.
        script: the peer's `measure.py`.
        folder: of its preparation.
        prepared: what its preparation returned for the row.
    """

    def execute(job: MeasureJob) -> JobResult:
        values = {"action": "measure", "folder": str(folder.resolve()), "row": prepared, **asdict(job)}
        try:
            ran = environment.run(python, script, json.dumps(values), folder.resolve(), job.threads, TIMEOUT)
            return read_result(subprocesses.require_result(ran, "a measurement"))
        except (OSError, subprocess.TimeoutExpired) as error:
            return JobError(error=f"a measurement failed: {error}")
        except UserError as error:
            return JobError(error=str(error))

    return execute
