"""One measurement of a row, in a process of its own: `python -m edgewbc.bench.worker` with a job as JSON on stdin.

A fresh process for each measurement keeps a runtime's threads, memory and settings from influencing the next one. The
result is sent as described in `edgewbc.utils.subprocesses`.
"""

from __future__ import annotations

import time

START = time.perf_counter()  # before numpy and any runtime: importing them is part of a cold start

import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Literal  # noqa: E402

import numpy as np  # noqa: E402

from edgewbc.bench.job_result import JobError, JobResult, LatencyResult, RowResult, ThroughputResult  # noqa: E402
from edgewbc.bench.resource_use import CpuUse, peak_memory  # noqa: E402
from edgewbc.bench.rounds import tidy  # noqa: E402
from edgewbc.bench.timing import POOL, latency, throughput  # noqa: E402
from edgewbc.errors import UserError  # noqa: E402
from edgewbc.evaluation.load import load  # noqa: E402
from edgewbc.runtime.predictor import Batch, Predictor  # noqa: E402
from edgewbc.utils import subprocesses  # noqa: E402

PREDICTION_BATCH = 32
"""Batch size for the predictions of all images, which are not timed."""


@dataclass(frozen=True)
class RowJob:
    """A measurement of one row; all values can be written as JSON.

    Attributes:
        model: path of a bundle or a run folder.
        backend, precision: as for `evaluation.load.load`.
        images: file of prepared images, raw uint8 (n, height, width, 3).
        n, height, width: number and size of the images.
        seconds: duration of the measurement.
        mode: `latency` times single images, `throughput` measures images per second.
        batches: batch sizes to try for throughput.
        threads: of the runtime; None leaves it to the runtime.
        converted: folder that `evaluation.load.convert` filled, for a run.
        predictions: file to which the probabilities of all images are saved, float32 (n, K) as .npy; None predicts
            only the images that are timed.
    """

    model: str
    backend: str
    precision: str
    images: str
    n: int
    height: int
    width: int
    seconds: float
    mode: Literal["latency", "throughput"] = "latency"
    batches: tuple[int, ...] = (1,)
    threads: int | None = None
    converted: str | None = None
    predictions: str | None = None

    def to_json(self) -> str:
        """Return the job as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RowJob:
        """Read a job from parsed JSON."""
        return cls(**{**values, "batches": tuple(values["batches"])})

    def read(self, start: int, count: int) -> Batch:
        """Read `count` images from index `start` (fewer at the end), uint8 (count, height, width, 3).

        They are read and not memory-mapped: mapped pages would count as the model's memory.
        """
        image_bytes = self.height * self.width * 3
        count = min(count, self.n - start)
        data = np.fromfile(self.images, dtype=np.uint8, count=count * image_bytes, offset=start * image_bytes)
        return data.reshape(count, self.height, self.width, 3)


def measure(job: RowJob, start: float | None = None) -> RowResult:
    """Load the model with the hint of the job's mode, and time it.

    Args:
        job: the measurement.
        start: value of `time.perf_counter` at which the cold start began; None means now.

    Returns:
        a `LatencyResult` or `ThroughputResult`, as the job's mode asks for.

    Raises:
        UserError: the model cannot run here.
    """
    start = time.perf_counter() if start is None else start
    pool = job.read(0, POOL)
    loaded = load(
        Path(job.model),
        backend=job.backend,
        precision=job.precision,
        threads=job.threads,
        hint=job.mode,
        converted=None if job.converted is None else Path(job.converted),
    )
    predictor = loaded.predictor
    predictor(pool[:1])
    cold_start = time.perf_counter() - start
    timed = _latency(predictor, pool, job) if job.mode == "latency" else _throughput(predictor, pool, job)
    memory = peak_memory()  # before the kernels are listed and all images are predicted
    result = timed(
        size_mb=loaded.size / 1e6,
        model_sha256=loaded.sha256,
        isa=predictor.info.isa,
        version=predictor.info.version,
        threads=predictor.info.threads,
        streams=predictor.info.streams,
        kernels=predictor.kernels(),
        cold_start_s=tidy(cold_start),
        rss_mb=None if memory is None else memory / 1e6,
    )
    if job.predictions is not None:
        predictions = predictor.stream(_batches(job))
        np.save(job.predictions, np.concatenate([prediction.probabilities for prediction in predictions]))
    return result


def _latency(predictor: Predictor, pool: Batch, job: RowJob) -> Callable[..., RowResult]:
    """Time single images; return a result that lacks what is not timed."""
    with CpuUse() as use:
        samples = latency(predictor, pool, job.seconds)
    return partial(LatencyResult, samples_ms=tuple(tidy(value) for value in samples), cores_busy=tidy(use.cores, 3))


def _throughput(predictor: Predictor, pool: Batch, job: RowJob) -> Callable[..., RowResult]:
    """Time batches; return a result that lacks what is not timed."""
    measured = throughput(predictor, pool, job.batches, job.seconds)
    return partial(
        ThroughputResult,
        images_per_s=tidy(measured.images_per_s),
        batch=measured.batch,
        batches=measured.batches,
        cores_busy=tidy(measured.cores_busy, 3),
    )


def _batches(job: RowJob) -> Iterator[Batch]:
    for start in range(0, job.n, PREDICTION_BATCH):
        yield job.read(start, PREDICTION_BATCH)


def work(values: dict[str, Any]) -> JobResult:
    """Run a job given as parsed JSON, of a row or of a peak; a failure is a `JobError`."""
    try:
        if "peak" in values:
            from edgewbc.bench import peaks

            return peaks.measure(peaks.PeakJob.from_json(values))
        return measure(RowJob.from_json(values), START)
    except (UserError, RuntimeError, MemoryError) as error:
        lines = str(error).strip().splitlines()
        return JobError(error=lines[-1] if lines else type(error).__name__)


def main() -> None:
    """Read a job from stdin and print its result."""
    subprocesses.write_result(work(json.load(sys.stdin)).to_json())


if __name__ == "__main__":
    main()
