"""edgewbc.bench.prediction_metrics: what a row's answers are worth."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.bench.prediction_metrics import Said, agree, coded, reference_of, reliability, worst
from edgewbc.data.manifest import Entry

TRUTH = np.array([0, 1, 1, 0])
P = np.float32([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6]])
SAID = Said(P, TRUTH, ("a", "b"))


def test_agreement_is_by_name_of_class() -> None:
    """The same answers in another order of classes agree wholly; other classes leave no parity."""
    turned = Said(P[:, ::-1], 1 - TRUTH, ("b", "a"))
    expected = {"agreement": 1.0, "mcnemar": {"b": 0, "c": 0, "p": 1.0}, "parity": 0.0}
    assert agree(SAID, turned) == expected
    other = Said(np.float32([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8], [0.4, 0.6]]), TRUTH, ("a", "b"))
    found = agree(SAID, other)
    assert (found["agreement"], found["mcnemar"]["c"]) == (0.75, 1)
    assert found["parity"] == pytest.approx(0.4)
    assert agree(SAID, Said(P, TRUTH, ("a", "c")))["parity"] is None


def test_reliability_counts_bins() -> None:
    """Confidences 0.9, 0.7, 0.8, 0.6, of which the first and third are right: ECE by hand."""
    found = reliability(SAID)
    assert [one["n"] for one in found["reliability"]] == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1]
    assert [one["accuracy"] for one in found["reliability"][6:]] == [0, 0, 1, 1]
    assert found["ece"] == pytest.approx((0.1 + 0.2 + 0.7 + 0.6) / 4, abs=0.01)
    assert found["reliability"][0] == {"n": 0, "confidence": None, "accuracy": None}


def test_worst_mistakes_come_first() -> None:
    """Both mistakes, the surer one first, with the picture's path and the probability of its label."""
    entries = [Entry(f"{i}.png", "ab"[label], f"g{i}", "test", "0" * 64) for i, label in enumerate(TRUTH)]
    found = worst(SAID, entries)
    assert [one["index"] for one in found] == [1, 3]
    assert found[0] == {
        "index": 1, "path": "1.png", "label": "b", "said": "a", "probability": 0.7, "probability_of_label": 0.3
    }  # fmt: skip


def test_answers_are_a_letter_a_picture() -> None:
    """Base 36; more classes have no letters."""
    assert coded(np.array([0, 10, 35]), 36) == "0az"
    assert coded(np.array([0]), 37) is None


def test_reference_is_the_own_f32_or_the_largest_networks() -> None:
    """OpenVINO's f32 of the same network, else any f32 of it, else that of the largest network that was asked."""

    def row(backend: str, precision: str, gmac: float, accuracy: float | None = 1.0) -> dict[str, object]:
        return {"backend": backend, "precision": precision, "accuracy": accuracy, "gmac": gmac}

    rows = [row("onnx", "int8", 1), row("torch", "f32", 2), row("openvino", "f32", 2), row("openvino", "int8", 2)]
    assert [reference_of(i, rows, [0, 1, 1, 1]) for i in range(4)] == [2, 2, 2, 2]
    assert reference_of(1, rows[:2], [0, 1]) == 1
    larger = [*rows, row("openvino", "f32", 4), row("openvino", "f32", 9, None)]
    assert [reference_of(i, larger, [0, 1, 1, 1, 2, 3]) for i in range(6)] == [4, 2, 2, 2, 4, 4]
    assert reference_of(0, rows[:1], [0]) is None
