"""Counters and times for Prometheus, in a registry of their own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from edgewbc.lab.results import ResultRow

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_IMAGES: Final = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """What a server counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "edgewbc_requests_total", "Requests by model and HTTP status.", ["model", "code"], registry=self._registry
        )
        self.cells = Counter(
            "edgewbc_cells_total", "Result rows by model and status.", ["model", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "edgewbc_request_seconds",
            "From a request's headers to its response.",
            ["model"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.batch = Histogram(
            "edgewbc_batch_images", "Images per batch.", ["model"], buckets=_IMAGES, registry=self._registry
        )
        self.work = Counter(
            "edgewbc_batch_seconds_total", "Time of workers in batches.", ["model"], registry=self._registry
        )
        self.images = Gauge(
            "edgewbc_images_in_flight", "Images that wait or are being classified.", registry=self._registry
        )
        self.size = Gauge("edgewbc_request_bytes_in_flight", "Bytes of requests in memory.", registry=self._registry)

        # looking up a counter by its labels takes longer than counting
        self._request = cache(lambda model, code: (self.requests.labels(model, str(code)), self.seconds.labels(model)))
        self._cells = cache(lambda model, status: self.cells.labels(model, str(status)))

    def request(self, model: str, code: int, seconds: float) -> None:
        """Count a request that was responded to."""
        number, times = self._request(model, code)
        number.inc()
        times.observe(seconds)

    def rows(self, model: str, rows: Sequence[Sequence[ResultRow]]) -> None:
        """Count the rows of a request by their status."""
        for found in rows:
            for row in found:
                self._cells(model, row.status).inc()

    def batch_of(self, model: str, images: int, seconds: float) -> None:
        """Count a batch."""
        self.batch.labels(model).observe(images)
        self.work.labels(model).inc(seconds)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
