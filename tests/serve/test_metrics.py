"""What Prometheus reads: each count by model and status, and nothing of another server in this process."""

from __future__ import annotations

import pytest

from edgewbc.lab.results import ResultRow, Status

pytest.importorskip("prometheus_client")

from edgewbc.serve.metrics import Metrics


def value(metrics: Metrics, sample: str) -> float:
    """Return the value of a sample in the text format."""
    (line,) = [line for line in metrics.text().decode().splitlines() if line.startswith(f"{sample} ")]
    return float(line.split()[-1])


def test_requests_rows_and_batches_are_counted() -> None:
    """Rows of several images by status, requests by HTTP status, times as sums and in buckets."""
    metrics, other = Metrics(), Metrics()
    ok, review = ResultRow("a", "monocyte", 0.9), ResultRow("a", "monocyte", 0.4, status=Status.REVIEW)
    metrics.request("m", 200, 0.03)
    metrics.request("m", 200, 3.0)
    metrics.request("m", 429, 0.001)
    metrics.rows("m", [[ok, review], [ok]])
    metrics.batch_of("m", 3, 0.25)
    assert value(metrics, 'edgewbc_requests_total{code="200",model="m"}') == 2
    assert value(metrics, 'edgewbc_requests_total{code="429",model="m"}') == 1
    assert value(metrics, 'edgewbc_request_seconds_bucket{le="0.05",model="m"}') == 2
    assert value(metrics, 'edgewbc_request_seconds_sum{model="m"}') == pytest.approx(3.031)
    assert value(metrics, 'edgewbc_cells_total{model="m",status="ok"}') == 2
    assert value(metrics, 'edgewbc_cells_total{model="m",status="review"}') == 1
    assert value(metrics, 'edgewbc_batch_images_bucket{le="2.0",model="m"}') == 0
    assert value(metrics, 'edgewbc_batch_images_bucket{le="4.0",model="m"}') == 1
    assert value(metrics, 'edgewbc_batch_seconds_total{model="m"}') == 0.25
    assert "edgewbc_requests_total{" not in other.text().decode()
