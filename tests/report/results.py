"""Benchmark results for tests of the page: one that is random, and one that is small and made by hand."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc import cells
from edgewbc.bench import prediction_metrics, summary
from edgewbc.bench.job_result import AppResult, LatencyResult, ThroughputResult
from edgewbc.bench.machine import Machine
from edgewbc.bench.prediction_metrics import Predictions
from edgewbc.bench.result import BenchData, BenchProtocol, BenchResult, LoadDuring, Peak
from edgewbc.bench.rounds import RoundRatio
from edgewbc.bench.row import (
    AppComparison,
    FailedRow,
    LatencyPercentiles,
    MeasuredRow,
    Mode,
    RoundValues,
    Timing,
)  # fmt: skip
from edgewbc.bench.runner import ORDER
from edgewbc.bench.scores import Agreement, Mistake, ReliabilityBin, RowScores
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split, facts
from edgewbc.evaluation.result import ReferenceComparison
from edgewbc.metrics import ClassScore, McNemar

ROWS = (
    # model, backend, precision, images per second, share of wrong predictions, MB, GMAC
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
    """A manifest of `n` test images of the five classes, without files."""
    entries = []
    for index in range(n):
        label = cells.CLASSES[index % 5 if index % 7 else 0]
        sha = hashlib.sha256(str(index).encode()).hexdigest()
        entries.append(Entry(f"images/{label}-{index:04d}.jpg", label, f"g{index}", Split.TEST, sha))
    return Manifest(root, tuple(entries), cells.CLASSES, protocol, Provenance(source))


def make(held: Manifest, *, rounds: int = 3, failed: bool = True) -> BenchResult:
    """Six rows with predictions on the test split of a manifest, and one that failed; the numbers are random."""
    random = np.random.default_rng(0)
    entries = held.split(Split.TEST)
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
        app: AppComparison | str | None = None
        if row.backend == "openvino":
            run = AppResult(images_per_s=row.timing.images_per_s / 1.02, threads=2, streams=1, requests=1)
            app = summary.compare_app([run] * rounds, row.timing)
        assert not isinstance(app, str)
        rows.append(replace(row, agreement=agreement, benchmark_app=app))
    if failed:
        rows.append(FailedRow("small", "torch", "int8", input=(112, 112), error="not able to"))
    data = BenchData(
        **facts(held, Split.TEST).to_json(),
        n=len(entries),
        of=len(entries),
        classes=held.classes,
        truth=prediction_metrics.encode_classes(truth, len(held.classes)),
    )
    load = LoadDuring(0.0, 0.02)
    protocol = BenchProtocol(rounds, 2.0, None, (1, 8, 32), ORDER, summary.WIDE, 0.01, load, 0.1)
    return BenchResult(Machine.from_json(MACHINE), data, protocol, peaks, {}, tuple(rows))


def turns(
    rate: float, precision: str, size: float, rounds: int, random: np.random.Generator
) -> tuple[list[LatencyResult], list[ThroughputResult]]:
    """What a worker would measure in latency and in throughput mode, in each round."""
    kernel = {"int8": "u8"}.get(precision, precision)
    shared: dict[str, Any] = {
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
    late = [LatencyResult(**shared, samples_ms=tuple(round(float(v), 4) for v in values)) for values in slow]
    most = [ThroughputResult(**shared, images_per_s=rate * (1 + 0.01 * turn), batch=8) for turn in range(rounds)]
    return late, most


def probabilities(truth: Any, wrong: float, random: np.random.Generator) -> Any:
    """Predictions of which a share is wrong, float32 (n, 5)."""
    sure = (1 - 0.5 * random.beta(1, 8, len(truth))).astype(np.float32)
    labels = np.where(random.random(len(truth)) < wrong, (truth + random.integers(1, 5, len(truth))) % 5, truth)
    found = np.repeat((1 - sure)[:, None] / 4, 5, axis=1).astype(np.float32)
    found[np.arange(len(truth)), labels] = sure
    return found


def by_hand() -> BenchResult:
    """A delivered int8 row that is right on 7 of 8 images, its f32 baseline without an accuracy, and a failed row."""
    bins = [ReliabilityBin(0, None, None)] * 10
    bins[5], bins[9] = ReliabilityBin(2, 0.55, 0.5), ReliabilityBin(6, 0.97, 1.0)
    scores = RowScores(
        accuracy=0.875, interval=(0.5291, 0.9776), n=8, correct=7, balanced_accuracy=0.875, macro_f1=0.873,
        per_class={
            "neutrophil": ClassScore(4, 0.75, 1.0, 0.857, (0.3006, 0.9544)),
            "monocyte": ClassScore(4, 1.0, 0.8, 0.889, (0.5101, 1.0)),
        },
        confusion=((3, 1), (0, 4)), classes=("neutrophil", "monocyte"),
        reference=ReferenceComparison(0.99, "published", False),
        reliability=tuple(bins), ece=0.035, predictions="00010000",
        worst=(Mistake(3, "images/d.jpg", "neutrophil", "monocyte", 0.5512, 0.4488),),
    )  # fmt: skip
    fast = Timing(
        precision_ran="int8", kernels={"u8": 15, "f32": 2}, isa="AVX2", version="1", model_sha256="ab" * 32,
        size_mb=2.5, cold_start_s=0.25, rss_mb=120.0, rss_latency_mb=90.0, images_per_s=1100.0,
        latency_ms=LatencyPercentiles(0.8, 0.9, 1.0, 1.25, 600),
        latency_quantiles_ms=tuple(0.5 + 0.01 * percent for percent in range(101)),
        latency_mode=Mode(2, 1, 1, 1.9), throughput_mode=Mode(2, 2, 8, 1.95),
        rounds=RoundValues((1000.0, 1100.0, 1200.0), (0.8, 0.8, 0.81), (0.2, 0.25, 0.3), (None,) * 3, (None,) * 3),
        spread={"images_per_s": 0.182, "latency_p50_ms": 0.012, "cold_start_s": 0.4}, unsteady=("images_per_s",),
    )  # fmt: skip
    slow = replace(
        fast, precision_ran="f32", size_mb=59.2, images_per_s=100.0, unsteady=(), rss_mb=640.0,
        latency_ms=LatencyPercentiles(12.0, 13.0, 14.0, 15.0, 60),
        latency_quantiles_ms=tuple(11 + 0.1 * percent for percent in range(101)),
        rounds=replace(fast.rounds, images_per_s=(100.0, 100.0, 100.0)), spread={**fast.spread, "images_per_s": 0.0},
    )  # fmt: skip
    app = AppComparison(1000.0, RoundRatio.of((1.0, 1.1, 1.2)), True, 2, 2, 2, True, (1000.0, 1000.0, 1000.0))
    delivered = MeasuredRow(
        "small", "openvino", "int8", delivered=True, input=(80, 80), gmac=0.25, int8_share=0.995, timing=fast,
        speedup=RoundRatio.of((10.0, 11.0, 12.0)), gmac_per_s=275.0, peak_share=RoundRatio.of((0.25, 0.275, 0.3)),
        benchmark_app=app, scores=scores,
        agreement=Agreement(0.875, McNemar(0, 1, 1.0), 0.25, "whole", "openvino", "f32", same_model=False),
    )  # fmt: skip
    base = MeasuredRow(
        "whole", "openvino", "f32", input=(224, 224), gmac=3.84, baseline=True, timing=slow,
        speedup=RoundRatio.of((1.0, 1.0, 1.0)),
    )  # fmt: skip
    failed = FailedRow("small", "onnx", "int8", input=(80, 80), error="out of memory")
    data = BenchData("pbc", "published", "test", "cd" * 32, 8, 1547, ("neutrophil", "monocyte"), "00001111")
    protocol = BenchProtocol(3, 2.0, None, (1, 8), "in turns", 0.1, 0.01, LoadDuring(0.0, 0.02), 0.1)
    peak = Peak(1000.0, (1000.0,) * 3, 0.0, (1, 8, 8), ("brgconv",), 2, 2)
    return BenchResult(Machine.from_json(MACHINE), data, protocol, {"int8": peak}, {}, (delivered, base, failed))
