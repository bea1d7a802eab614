"""Rows and results of a benchmark for tests, without measuring anything."""

from __future__ import annotations

from typing import Any

from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import MeasuredRow
from edgewbc.bench.summary import percentiles, quantiles
from edgewbc.metrics import score

CLASSES = ("a", "b")
TRUTH = "01" * 50


def row_json(
    precision: str = "int8", rates: tuple[float, ...] = (100, 101, 99), predictions: str = TRUTH, **more: Any
) -> dict[str, Any]:
    """The JSON of a row of 100 images of two classes."""
    latency = [1000 / rate for rate in rates]
    mode = {"threads": 2, "streams": 1, "batch": 1, "cores_busy": 1.9}
    scored = score([int(c) for c in TRUTH], [int(c) for c in predictions], CLASSES).to_json()
    p = percentiles(latency)
    return {
        "model": "wbc", "backend": "openvino", "precision": precision, "delivered": precision == "int8",
        "input": [16, 16], "gmac": 1.0, "baseline": False, "speedup": None, "gmac_per_s": None, "peak_share": None,
        "benchmark_app": None, "precision_ran": precision, "kernels": None, "isa": None, "version": "1",
        "model_sha256": "a" * 64, "size_mb": 2.4, "cold_start_s": 0.1, "rss_mb": 120.0, "rss_latency_mb": 110.0,
        "images_per_s": sorted(rates)[len(rates) // 2],
        "latency_ms": {"p50": p.p50, "p90": p.p90, "p95": p.p95, "p99": p.p99, "n": p.n},
        "latency_quantiles_ms": list(quantiles(latency)), "modes": {"latency": mode, "throughput": mode},
        "rounds": {
            "images_per_s": list(rates), "latency_p50_ms": latency, "cold_start_s": [0.1] * len(rates),
            "others": [None] * len(rates), "others_latency": [None] * len(rates),
        },
        "spread": {"images_per_s": None, "latency_p50_ms": None, "cold_start_s": None}, "unsteady": [],
        **scored, "interval": [0.9, 1.0], "reliability": [], "ece": 0.0, "worst": [], "answers": predictions,
        "reference": {"accuracy": 0.99, "protocol": "grouped", "met": True, "stated_under": "poster"},
        "agreement": None, "mcnemar": None, "parity": None, "against": None,
        **more,
    }  # fmt: skip


def measured(**values: Any) -> MeasuredRow:
    """A measured row."""
    (row,) = result(row_json(**values)).measured
    return row


def result_json(*rows: dict[str, Any], peak: tuple[float, ...] | None = None, **more: Any) -> dict[str, Any]:
    """The JSON of a benchmark; `more` updates its parts."""
    roof = {"shape": [1, 8, 8], "kernels": ["k"], "threads": 2, "streams": 2, "spread": None}
    values: dict[str, Any] = {
        "format": 2,
        "machine": {"cpu": "A", "isa": "AVX2", "cores": 2, "versions": {"openvino": "1"}},
        "data": {
            "source": "pbc", "manifest_sha256": "a", "protocol": "grouped", "split": "test", "n": 100, "of": 100,
            "classes": list(CLASSES), "truth": TRUTH,
        },
        "protocol": {
            "rounds": 3, "seconds": 2.0, "threads": None, "batches": [1], "order": "", "wide": 0.1,
            "load_before": None, "load_during": None, "busy": 0.1, "baseline": None,
        },
        "peaks": {} if peak is None else {"f32": {"gmac_per_s": peak[0], "rounds": list(peak), **roof}},
        "rows": list(rows),
    }  # fmt: skip
    return values | {part: values[part] | changes for part, changes in more.items()}


def result(*rows: dict[str, Any], peak: tuple[float, ...] | None = None, **more: Any) -> BenchResult:
    """A benchmark of these rows."""
    return BenchResult.from_json(result_json(*rows, peak=peak, **more))
