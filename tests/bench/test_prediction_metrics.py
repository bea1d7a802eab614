"""edgewbc.bench.prediction_metrics: scores, calibration and agreement of a row's predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewbc.bench.prediction_metrics import (
    Predictions,
    agreement,
    decode_classes,
    encode_classes,
    reference_of,
    reliability,
    worst,
)
from edgewbc.bench.row import BenchRow, FailedRow, MeasuredRow
from edgewbc.bench.scores import Mistake, ReliabilityBin
from edgewbc.data.manifest import Entry, Split
from edgewbc.metrics import McNemar
from tests.bench.rows import measured

TRUTH = np.array([0, 1, 1, 0])
P = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6]], np.float32)
PREDICTIONS = Predictions(P, TRUTH, ("a", "b"))
REFERENCE = BenchRow("wbc", "openvino", "f32")


def test_agreement_is_by_name_of_class() -> None:
    """The order of the classes does not matter; with different classes there is no parity."""
    turned = Predictions(P[:, ::-1], 1 - TRUTH, ("b", "a"))
    found = agreement(PREDICTIONS, turned, REFERENCE, same_model=True)
    assert (found.agreement, found.mcnemar, found.parity) == (1.0, McNemar(0, 0, 1.0), 0.0)
    assert (found.reference, found.same_model) == (("wbc", "openvino", "f32"), True)
    other = Predictions(np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.4, 0.6]], np.float32), TRUTH, ("a", "b"))
    found = agreement(PREDICTIONS, other, REFERENCE, same_model=False)
    assert (found.agreement, found.mcnemar.c) == (0.75, 1)
    assert found.parity == pytest.approx(0.4)
    others = Predictions(P, TRUTH, ("a", "c"))
    assert agreement(PREDICTIONS, others, REFERENCE, same_model=False).parity is None


def test_reliability_counts_bins() -> None:
    """Confidences 0.9, 0.7, 0.8 and 0.6, the first and third correct: the ECE is calculated by hand."""
    bins, error = reliability(PREDICTIONS)
    assert [one.n for one in bins] == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert [one.accuracy for one in bins[6:]] == [0, 0, 1, 1]
    assert error == pytest.approx((0.1 + 0.2 + 0.7 + 0.6) / 4, abs=0.01)
    assert bins[0] == ReliabilityBin(0, None, None)


def test_worst_mistakes_come_first() -> None:
    """Both mistakes, the more confident one first, with the image's path and the probability of its label."""
    entries = [Entry(f"{i}.png", "ab"[label], f"g{i}", Split.TEST, "0" * 64) for i, label in enumerate(TRUTH)]
    found = worst(PREDICTIONS, entries)
    assert [one.index for one in found] == [1, 3]
    assert found[0] == Mistake(1, "1.png", "b", "a", 0.7, 0.3)


def test_predictions_are_one_character_per_image() -> None:
    """Base 36; more than 36 classes are not encoded."""
    assert encode_classes(np.array([0, 10, 35]), 36) == "0az"
    assert encode_classes(np.array([0]), 37) is None
    assert decode_classes("10", ("a", "b")) == ["b", "a"]


def test_reference_is_the_own_f32_or_the_largest_networks() -> None:
    """OpenVINO's f32 of the same network, else any f32 of it, else that of the largest network."""

    def row(backend: str, precision: str, gmac: float) -> MeasuredRow:
        return measured(backend=backend, precision=precision, gmac=gmac)

    rows = [row("onnx", "int8", 1), row("torch", "f32", 2), row("openvino", "f32", 2), row("openvino", "int8", 2)]
    assert [reference_of(i, rows, [0, 1, 1, 1]) for i in range(4)] == [2, 2, 2, 2]
    assert reference_of(1, rows[:2], [0, 1]) == 1
    unscored = replace(row("openvino", "f32", 9), scores=None)
    failed = FailedRow("wbc", "openvino", "f32", error="out of memory")
    larger: list[MeasuredRow | FailedRow] = [*rows, row("openvino", "f32", 4), unscored, failed]
    assert [reference_of(i, larger, [0, 1, 1, 1, 2, 3, 4]) for i in range(7)] == [4, 2, 2, 2, 4, 4, 4]
    assert reference_of(0, rows[:1], [0]) is None
