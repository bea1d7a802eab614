"""One turn of a row of `bench`, in a process of its own: `python -m edgewbc.bench.worker`, a job as JSON on stdin.

A process a turn, so that no runtime's threads, memory or settings reach the next one. The result comes back as
`edgewbc.utils.subprocesses` has it.
"""

from __future__ import annotations

import time

START = time.perf_counter()  # before numpy and any runtime: they are part of a cold start

import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Literal  # noqa: E402

import numpy as np  # noqa: E402

from edgewbc.bench.memory import peak  # noqa: E402
from edgewbc.bench.rounds import tidy  # noqa: E402
from edgewbc.bench.timing import Busy, latency, throughput  # noqa: E402
from edgewbc.errors import UserError  # noqa: E402
from edgewbc.evaluation.load import load  # noqa: E402
from edgewbc.runtime.predictor import Batch, Predictor  # noqa: E402
from edgewbc.utils import subprocesses  # noqa: E402

POOL = 64
"""Pictures that are timed, over and over; a few, so that they weigh little beside the model."""

ANSWERED_AT_ONCE = 32


@dataclass(frozen=True)
class Job:
    """What a worker is to do; all of it can be written as JSON.

    Attributes:
        model: a bundle or a run folder.
        backend, precision: as `evaluation.load.load` takes them.
        pictures: a file of prepared pictures, raw uint8, (n, height, width, 3).
        n, height, width: their number and size.
        seconds: length of the measurement.
        mode: latency times one picture after the other, throughput as many a second as the model can.
        batches: throughput's sizes to try.
        threads: of the runtime; None leaves it to the runtime.
        converted: a folder that `evaluation.load.convert` filled.
        answers: answer all pictures too, and save the probabilities here, float32 (n, K), as .npy.
    """

    model: str
    backend: str
    precision: str
    pictures: str
    n: int
    height: int
    width: int
    seconds: float
    mode: Literal["latency", "throughput"] = "latency"
    batches: tuple[int, ...] = (1,)
    threads: int | None = None
    converted: str | None = None
    answers: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, values: dict[str, Any]) -> Job:
        return cls(**{**values, "batches": tuple(values["batches"])})

    def read(self, start: int, count: int) -> Batch:
        """Pictures from `start`, read from the file: mapping it would count as the model's memory."""
        each = self.height * self.width * 3
        count = min(count, self.n - start)
        found = np.fromfile(self.pictures, dtype=np.uint8, count=count * each, offset=start * each)
        return found.reshape(count, self.height, self.width, 3)


def measure(job: Job, start: float | None = None) -> dict[str, Any]:
    """Load the model under the mode's hint and time it.

    Args:
        job: what to do.
        start: `time.perf_counter` from which the cold start counts; None counts from here.

    Returns:
        size_mb, model_sha256, isa, version, threads, streams, kernels (see `Predictor`), cores_busy (see
        `timing.Busy`), cold_start_s (to the first answer) and rss_mb (peak); and samples_ms, or images_per_s, batch
        and batches.

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
    cold = time.perf_counter() - start
    timed = _latency(predictor, pool, job) if job.mode == "latency" else _throughput(predictor, pool, job)
    held = peak()  # before the kernels are asked for and all pictures are answered
    found = {
        "size_mb": loaded.size / 1e6,
        "model_sha256": loaded.sha256,
        "isa": predictor.info.isa,
        "version": predictor.info.version,
        "threads": predictor.info.threads,
        "streams": predictor.info.streams,
        "kernels": predictor.kernels(),
        "cold_start_s": tidy(cold),
        "rss_mb": None if held is None else held / 1e6,
        **timed,
    }
    if job.answers is not None:
        np.save(job.answers, np.concatenate([prediction.probabilities for prediction in predictor.stream(_all(job))]))
    return found


def _latency(predictor: Predictor, pool: Batch, job: Job) -> dict[str, Any]:
    with Busy() as busy:
        samples = latency(predictor, pool, job.seconds)
    return {"samples_ms": [tidy(value) for value in samples], "cores_busy": tidy(busy.cores, 3)}


def _throughput(predictor: Predictor, pool: Batch, job: Job) -> dict[str, Any]:
    most = throughput(predictor, pool, job.batches, job.seconds)
    return {
        "images_per_s": tidy(most.images_per_s),
        "batch": most.batch,
        "batches": most.batches,
        "cores_busy": tidy(most.cores_busy, 3),
    }


def _all(job: Job) -> Iterator[Batch]:
    for start in range(0, job.n, ANSWERED_AT_ONCE):
        yield job.read(start, ANSWERED_AT_ONCE)


def work(values: dict[str, Any]) -> dict[str, Any]:
    """Do a job that came as JSON, a row's or a peak's; a refusal is a result with `error`."""
    try:
        if "peak" in values:
            from edgewbc.bench import peaks

            return peaks.measure(peaks.PeakJob.of(values))
        return measure(Job.of(values), START)
    except (UserError, RuntimeError, MemoryError) as error:
        lines = str(error).strip().splitlines()
        return {"error": lines[-1] if lines else type(error).__name__}


def main() -> None:
    """Read a job from stdin, print its result."""
    subprocesses.write_result(work(json.load(sys.stdin)))


if __name__ == "__main__":
    main()
