"""One row of `bench`, in a process of its own: `python -m edgewbc.bench.worker`, a job as JSON on stdin.

A process a row, so that no runtime's threads, memory or settings reach the next one. The result is the line after
`MARKER` on stdout; whatever a runtime prints does not disturb it.
"""

from __future__ import annotations

import time

START = time.perf_counter()  # before numpy and any runtime: they are part of a cold start

import gc  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from dataclasses import asdict, dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from edgewbc.bench.memory import peak  # noqa: E402
from edgewbc.bench.timing import latency, throughput  # noqa: E402
from edgewbc.errors import UserError  # noqa: E402
from edgewbc.predictors import Batch, load  # noqa: E402

MARKER = "edgewbc-bench-result:"
POOL = 64
"""Pictures that are timed, over and over; a few, so that they weigh little beside the model."""

ANSWERED_AT_ONCE = 32


@dataclass(frozen=True)
class Job:
    """What a worker is to do; all of it can be written as JSON.

    Attributes:
        model: a bundle or a run folder.
        backend, precision: as `predictors.load` takes them.
        pictures: a file of prepared pictures, raw uint8, (n, height, width, 3).
        n, height, width: their number and size.
        labelled: whether to answer all of them (for the accuracy), or only to time.
        seconds: length of each measurement.
        batches: sizes to try for the most pictures a second.
        threads: of the runtime; None leaves it to the runtime.
        converted: a folder that `predictors.convert` filled.
    """

    model: str
    backend: str
    precision: str
    pictures: str
    n: int
    height: int
    width: int
    labelled: bool
    seconds: float
    batches: tuple[int, ...]
    threads: int | None = None
    converted: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def read(self, start: int, count: int) -> Batch:
        """Pictures from `start`, read from the file: mapping it would count as the model's memory."""
        each = self.height * self.width * 3
        count = min(count, self.n - start)
        found = np.fromfile(self.pictures, dtype=np.uint8, count=count * each, offset=start * each)
        return found.reshape(count, self.height, self.width, 3)


def measure(job: Job, start: float | None = None) -> dict[str, Any]:
    """Load the model, time it, answer the pictures.

    Args:
        job: what to do.
        start: `time.perf_counter` from which the cold start counts; None counts from here.

    Returns:
        the row's measured part: cold_start_s, latency_ms, images_per_s, batch, threads, streams, isa, precision,
        size_mb, rss_mb (at the very end) and rss_latency_mb (before the throughput was measured), model_sha256,
        version, and predicted (class indices, or None).

    Raises:
        UserError: the model cannot run here.
    """
    start = time.perf_counter() if start is None else start
    options: dict[str, Any] = {
        "backend": job.backend,
        "precision": job.precision,
        "threads": job.threads,
        "converted": None if job.converted is None else Path(job.converted),
    }
    pool = job.read(0, POOL)
    loaded = load(Path(job.model), **options)
    loaded.predict(pool[:1])
    cold = time.perf_counter() - start
    single = latency(loaded, pool, job.seconds)
    predicted = None
    if job.labelled:
        predicted = np.concatenate([found.argmax(1) for found in loaded.stream(_all(job))]).tolist()
    before = peak()
    found = {
        "precision": loaded.precision,
        "cold_start_s": tidy(cold),
        "latency_ms": {name: tidy(value) for name, value in single.items()},
        "size_mb": loaded.size / 1e6,
        "model_sha256": loaded.sha256,
        "isa": loaded.facts["isa"],
        "version": loaded.facts["version"],
        "predicted": predicted,
    }
    if job.backend == "openvino":  # the other backends have one way of running
        del loaded
        gc.collect()
        loaded = load(Path(job.model), **options, hint="throughput")
    most = throughput(loaded, pool, job.batches, job.seconds)
    return found | {
        "images_per_s": tidy(most.images_per_s),
        "batch": most.batch,
        "threads": loaded.facts["threads"],
        "streams": loaded.facts["streams"],
        "rss_mb": _mb(peak()),
        "rss_latency_mb": _mb(before),
    }


def _all(job: Job) -> Iterator[Batch]:
    for start in range(0, job.n, ANSWERED_AT_ONCE):
        yield job.read(start, ANSWERED_AT_ONCE)


def _mb(size: int | None) -> float | None:
    return None if size is None else size / 1e6


def tidy(value: float, digits: int = 5) -> float:
    """A measurement with as many significant digits as mean anything; whole numbers stay whole."""
    return value if isinstance(value, int) else float(f"{value:.{digits}g}")


def main() -> None:
    """Read a job from stdin, print its result; a refusal is a result with `error`."""
    values = json.load(sys.stdin)
    try:
        found = measure(Job(**{**values, "batches": tuple(values["batches"])}), START)
    except (UserError, RuntimeError, MemoryError) as error:
        lines = str(error).strip().splitlines()
        found = {"error": lines[-1] if lines else type(error).__name__}
    print(f"\n{MARKER}{json.dumps(found, allow_nan=False)}", flush=True)


if __name__ == "__main__":
    main()
