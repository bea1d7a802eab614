"""A bench result for tests of the page: made by `summary` and `answers` from numbers that were drawn, not measured."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc import cells
from edgewbc.bench import prediction_metrics, summary
from edgewbc.bench.machine import Machine
from edgewbc.bench.prediction_metrics import Predictions
from edgewbc.bench.result import BenchData, BenchProtocol, BenchResult, LoadDuring, Peak
from edgewbc.bench.row import FailedRow, MeasuredRow
from edgewbc.bench.runner import ORDER
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split, facts

ROWS = (
    # model, backend, precision, images a second, share of wrong answers, MB, GMAC
    ("small", "openvino", "int8", 1340.0, 0.02, 2.4, 0.936),
    ("small", "onnx", "int8", 1180.0, 0.02, 2.3, 0.936),
    ("whole", "torch", "f32", 98.0, 0.01, 29.6, 3.84),
    ("whole", "onnx", "f32", 101.0, 0.01, 59.1, 3.84),
    ("whole", "openvino", "f32", 110.0, 0.01, 59.2, 3.84),
    ("whole", "openvino", "bf16", 215.0, 0.012, 59.2, 3.84),
)
PEAKS = {"f32": 520.0, "bf16": 1000.0, "int8": 1900.0}
MACHINE = {
    "cpu": "A CPU",
    "isa": "AVX-512",
    "instructions": None,
    "cores": 2,
    "memory_gb": 16.0,
    "os": "Linux 6",
    "python": "3.11.7",
    "versions": {"edgewbc": "0.1.0", "openvino": "2026.4.1"},
    "commit": "0123456789ab",
    "load_1m": 0.1,
    "measured_at": "2026-01-02 03:04 UTC",
}


def manifest(root: Path, n: int = 500, source: str = "pbc", protocol: Protocol = Protocol.PUBLISHED) -> Manifest:
    """`n` test entries of the five classes, without files."""
    entries = []
    for index in range(n):
        label = cells.CLASSES[index % 5 if index % 7 else 0]
        sha = hashlib.sha256(str(index).encode()).hexdigest()
        entries.append(Entry(f"pictures/{label}-{index:04d}.jpg", label, f"g{index}", Split.TEST, sha))
    return Manifest(root, tuple(entries), cells.CLASSES, protocol, Provenance(source))


def make(held: Manifest, *, rounds: int = 3, failed: bool = True) -> dict[str, Any]:
    """A result of six rows that answered the test split of a manifest, and one that failed."""
    random = np.random.default_rng(0)
    entries = held.split("test")
    truth = np.array([held.classes.index(entry.label) for entry in entries], dtype=np.int64)
    rows: list[MeasuredRow | FailedRow] = []
    predictions = []
    for model, backend, precision, rate, wrong, size, gmac in ROWS:
        one = Predictions(probabilities(truth, wrong, np.random.default_rng(int(wrong * 1000))), truth, held.classes)
        timing = summary.timed(*turns(rate, precision, size, rounds, random))
        scores = prediction_metrics.scores(one, held, entries)
        rows.append(MeasuredRow(model, backend, precision, not rows, (112, 112), gmac, timing=timing, scores=scores))
        predictions.append(one)
    peaks = {name: Peak(peak, (peak,) * rounds, 0.0, (1, 8, 8), ("brgconv",), 2, 2) for name, peak in PEAKS.items()}
    done = [row for row in summary.with_ratios(rows, peaks) if isinstance(row, MeasuredRow)]
    rows = []
    for row, one in zip(done, predictions, strict=True):
        agreement = prediction_metrics.agreement(one, predictions[4], done[4], same_model=False)
        app = None
        if row.backend == "openvino":
            turn = {"images_per_s": row.timing.images_per_s / 1.02, "threads": 2, "streams": 1, "requests": 1}
            app = summary.compare_app([turn] * rounds, row.timing)
            assert not isinstance(app, str)
        rows.append(replace(row, agreement=agreement, benchmark_app=app))
    if failed:
        rows.append(FailedRow("small", "torch", "int8", input=(112, 112), error="not able to"))
    data = BenchData(
        **facts(held, "test").to_json(),
        n=len(entries),
        of=len(entries),
        classes=held.classes,
        truth=prediction_metrics.encode_classes(truth, len(held.classes)),
    )
    load = LoadDuring(0.0, 0.02)
    protocol = BenchProtocol(rounds, 2.0, None, (1, 8, 32), ORDER, summary.WIDE, 0.01, load, 0.1)
    return BenchResult(Machine.from_json(MACHINE), data, protocol, peaks, {}, tuple(rows)).to_json()


def turns(rate: float, precision: str, size: float, rounds: int, random: np.random.Generator) -> tuple[Any, Any]:
    """What a worker would have found in latency and in throughput mode, in each round."""
    kernel = {"int8": "u8"}.get(precision, precision)
    shared = {
        "cold_start_s": 0.2,
        "threads": 2,
        "streams": 1,
        "kernels": {kernel: 15, "f32": 2},
        "cores_busy": 1.95,
        "isa": None,
        "version": "1",
        "size_mb": size,
        "rss_mb": 100 + 8 * size,
        "model_sha256": hashlib.sha256(f"{precision}{size}".encode()).hexdigest(),
    }
    slow = [random.gamma(2.0, 30 / rate, 400) + 1400 / rate for _ in range(rounds)]
    late = [{**shared, "samples_ms": [round(float(v), 4) for v in values]} for values in slow]
    most = [{**shared, "images_per_s": rate * (1 + 0.01 * turn), "batch": 8} for turn in range(rounds)]
    return late, most


def probabilities(truth: Any, wrong: float, random: np.random.Generator) -> Any:
    """Answers of which a share is wrong, float32 (n, 5)."""
    sure = (1 - 0.5 * random.beta(1, 8, len(truth))).astype(np.float32)
    said = np.where(random.random(len(truth)) < wrong, (truth + random.integers(1, 5, len(truth))) % 5, truth)
    found = np.repeat((1 - sure)[:, None] / 4, 5, axis=1).astype(np.float32)
    found[np.arange(len(truth)), said] = sure
    return found
