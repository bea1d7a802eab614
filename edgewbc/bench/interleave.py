"""Interleaved measurements: every row once per round, in a fresh process, every other round backwards (A B C, C B A).

A machine drifts: its temperature changes, other programs run, a host takes processors away. If one row were measured
after the other, the drift would favor some rows; interleaved, all rows meet the same, and ratios are taken within a
round. Each measurement gets a fresh process instead of one that waits for the next round: the rows of a benchmark
together hold gigabytes, threads of a waiting runtime may spin, and the memory layout of a process is part of the spread
that must be seen (Mytkowicz et al. 2009, "Producing wrong data without doing anything obviously wrong!", ASPLOS;
Kalibera and Jones 2013, "Rigorous benchmarking in reasonable time", ISMM).
"""

from __future__ import annotations

import subprocess  # noqa: S404
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from edgewbc.bench import benchmark_app
from edgewbc.bench.benchmark_app import AppJob, BenchmarkAppError
from edgewbc.bench.job_result import (
    JobError,
    JobResult,
    PeakResult,
    ThroughputResult,
    first_error,
    of_kind,
    read_result,
)
from edgewbc.bench.peaks import PeakJob
from edgewbc.bench.prepare import BenchOptions, PlannedRow
from edgewbc.bench.resource_use import OtherLoad
from edgewbc.bench.worker import RowJob
from edgewbc.errors import UserError
from edgewbc.utils import subprocesses
from edgewbc.utils.progress import Progress

TIMEOUT = 3600
"""Seconds after which a measurement is stopped."""

T = TypeVar("T")
AnyJob = RowJob | PeakJob | AppJob
Execute = Callable[[AnyJob], JobResult]


def execute(job: AnyJob) -> JobResult:
    """Run one job in a fresh process and return its result; a failure is a `JobError`."""
    if isinstance(job, AppJob):
        try:
            return benchmark_app.run(job)
        except BenchmarkAppError as error:
            return JobError(error=str(error))
    try:
        ran = subprocesses.run(["-m", "edgewbc.bench.worker"], given=job.to_json(), timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return JobError(error=f"gave no result in {TIMEOUT} s")
    try:
        return read_result(subprocesses.require_result(ran, "the process"))
    except UserError as error:
        return JobError(error=str(error))


@dataclass(eq=False)
class Measurement:
    """Something that is measured once per round, with its results.

    Attributes:
        kind: latency, throughput, app (benchmark_app) or peak.
        of: index of the row, or the precision of the peak.
        results: one per round.
    """

    kind: str
    of: int | str
    results: list[JobResult] = field(default_factory=list)

    @property
    def error(self) -> str | None:
        """The first error; None if there is none."""
        return first_error(self.results)


def plan_measurements(planned: Sequence[PlannedRow], peaks: Sequence[str], options: BenchOptions) -> list[Measurement]:
    """Return what is measured in each round, in the order of the first round."""
    measurements = [Measurement("peak", precision) for precision in peaks]
    for index, row in enumerate(planned):
        if row.error:
            continue
        measurements += [Measurement("latency", index), Measurement("throughput", index)]
        if options.benchmark_app and row.xml is not None:
            measurements.append(Measurement("app", index))
    return measurements


def back_and_forth(items: Sequence[T], rounds: int) -> list[T]:
    """Return all items once per round, every other round backwards."""
    return [item for index in range(rounds) for item in (items if index % 2 == 0 else items[::-1])]


STARTUP = 1.0
"""Approximate seconds that a fresh process takes to import the runtime and load the model."""


def estimate(measurements: Sequence[Measurement], options: BenchOptions) -> str:
    """Return a line with the number of measurements and their approximate duration.

    Throughput also times a quarter of `seconds` with each batch size, if there are several.
    """
    trials = len(options.batches) / 4 if len(options.batches) > 1 else 0.0
    seconds = sum(
        STARTUP + options.seconds * (1 + (trials if one.kind == "throughput" else 0.0)) for one in measurements
    )
    total = seconds * options.rounds
    duration = f"{total:.0f} s" if total < 90 else f"{total / 60:.0f} min"
    return f"{len(measurements) * options.rounds} measurements in {options.rounds} rounds: about {duration}"


def run_rounds(
    measurements: Sequence[Measurement],
    planned: Sequence[PlannedRow],
    options: BenchOptions,
    execute: Execute,
    progress: Progress,
) -> None:
    """Measure all rounds and append to `Measurement.results`. A row that failed is not measured again."""
    failed: set[int | str] = set()
    total = len(measurements) * options.rounds
    for measurement in progress(back_and_forth(measurements, options.rounds), "bench", total):
        if measurement.of in failed or measurement.error:
            continue
        job = _job(measurement, measurements, planned, options)
        with OtherLoad() as load:
            result = execute(job)
        measurement.results.append(replace(result, others=load.share))
        if isinstance(result, JobError) and isinstance(job, RowJob):
            failed.add(measurement.of)


def _job(
    measurement: Measurement,
    measurements: Sequence[Measurement],
    planned: Sequence[PlannedRow],
    options: BenchOptions,
) -> AnyJob:
    if isinstance(measurement.of, str):
        peak = PeakJob(measurement.of, options.seconds, options.threads)
        fastest = of_kind(measurement.results, PeakResult)
        return replace(peak, shapes=(fastest[0].shape,)) if fastest else peak
    row = planned[measurement.of]
    if measurement.kind == "latency":
        return replace(row.job, predictions=None) if measurement.results else row.job
    if measurement.kind == "throughput":
        best = of_kind(measurement.results, ThroughputResult)
        batches = (best[0].batch,) if best else row.job.batches  # the best batch size of the first round
        return replace(row.job, mode="throughput", batches=batches, predictions=None)
    (throughput,) = (one for one in measurements if one.kind == "throughput" and one.of == measurement.of)
    ours = of_kind(throughput.results, ThroughputResult)[0]
    return AppJob(
        xml=str(row.xml),
        compute="bf16" if row.job.precision == "bf16" else "f32",
        batch=ours.batch,
        height=row.job.height,
        width=row.job.width,
        iterations=ours.batches,
        threads=options.threads,
    )
