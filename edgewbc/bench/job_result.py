"""What a job of a benchmark finds: a row in latency or throughput mode, a peak, a run of benchmark_app, or an error.

A worker writes its result as JSON to the process that started it; `read_result` reads it there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from edgewbc.utils.json_values import take, values_of


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """The result of a job.

    Attributes:
        others: share of the machine that other programs used meanwhile, 0 to 1; None where it was not measured. The
            process that started the job adds it.
    """

    others: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `others` is not among them."""
        return {name: value for name, value in values_of(self).items() if name != "others"}


@dataclass(frozen=True, kw_only=True)
class JobError(JobResult):
    """Why there is no result, in one line."""

    error: str


@dataclass(frozen=True, kw_only=True)
class RowResult(JobResult):
    """A measurement of one row.

    Attributes:
        size_mb, model_sha256: size of the model's files in 10^6 bytes, and their hash.
        isa, version, threads, streams, kernels: as the runtime reports them (see `Predictor`); None where it does not.
        cold_start_s: seconds to the first prediction.
        rss_mb: peak resident memory in 10^6 bytes; None where the system does not report it.
        cores_busy: processor time over wall time.
    """

    size_mb: float
    model_sha256: str
    isa: str | None
    version: str | None
    threads: int | None
    streams: int | None
    kernels: dict[str, int] | None
    cold_start_s: float
    rss_mb: float | None
    cores_busy: float


@dataclass(frozen=True, kw_only=True)
class LatencyResult(RowResult):
    """A row in latency mode; `samples_ms` are the milliseconds of single images."""

    samples_ms: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class ThroughputResult(RowResult):
    """A row in throughput mode.

    Attributes:
        images_per_s: with the best batch size.
        batch: that batch size.
        batches: number of batches that were timed; 0 where it is not known.
    """

    images_per_s: float
    batch: int
    batches: int = 0


@dataclass(frozen=True, kw_only=True)
class PeakResult(JobResult):
    """The fastest stack of convolutions.

    Attributes:
        gmac_per_s: billions of multiply-adds per second.
        shape: its images, channels, and height and width.
        kernels: names of its kernels, as the runtime reports them.
        threads, streams: of the runtime.
    """

    gmac_per_s: float
    shape: tuple[int, int, int]
    kernels: tuple[str, ...]
    threads: int
    streams: int


@dataclass(frozen=True, kw_only=True)
class AppResult(JobResult):
    """What benchmark_app reports.

    Attributes:
        images_per_s: throughput.
        threads, streams, requests: read from its log; None if the log does not list them.
    """

    images_per_s: float
    threads: int | None = None
    streams: int | None = None
    requests: int | None = None


R = TypeVar("R", bound=JobResult)


def of_kind(results: Sequence[JobResult], kind: type[R]) -> list[R]:
    """Return the results of one kind, in order."""
    return [result for result in results if isinstance(result, kind)]


def first_error(results: Sequence[JobResult]) -> str | None:
    """Return the first error; None if there is none."""
    return next((result.error for result in of_kind(results, JobError)), None)


def read_result(values: Mapping[str, Any]) -> LatencyResult | ThroughputResult | PeakResult | JobError:
    """Read the result of a worker.

    Raises:
        KeyError, TypeError: it is none.
    """
    if values.get("error"):
        return JobError(error=str(values["error"]))
    if "gmac_per_s" in values:
        n, channels, size = values["shape"]
        return take(PeakResult, {**values, "shape": (n, channels, size), "kernels": tuple(values["kernels"])})
    if "samples_ms" in values:
        return take(LatencyResult, {**values, "samples_ms": tuple(values["samples_ms"])})
    return take(ThroughputResult, values)
