"""Tests of edgewbc.export.validation."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.export.validation import ModelFile, ReviewCount, count_accepted, review_threshold, validate
from edgewbc.nets import model
from edgewbc.runtime.predictor import Batch, Prediction, Predictor
from tests.tiny_run import quantized


class AlwaysFirst(Predictor):
    """Predicts the first of five classes, whatever the image."""

    def __call__(self, images: Batch) -> Prediction:
        first = np.repeat(np.eye(5, dtype=np.float32)[[0]], len(images), 0)
        return Prediction(first, first)


def test_a_row_says_of_what_on_what() -> None:
    """Each file has a row with split, protocol, hashes, n, correct and interval; other models are only asked."""
    run, manifest = quantized()
    _, spec = model.load(run)
    files = [ModelFile("int8", run / "openvino" / "int8.xml"), ModelFile("f32", run / "onnx" / "f32.onnx")]
    found = validate(files, manifest, spec, always_first=AlwaysFirst())
    assert [(row.backend, row.precision) for row in found.rows] == [("openvino", "int8"), ("onnx", "f32")]
    row = found.rows[0]
    assert (row.data.split, row.data.protocol, row.n, row.correct) == ("val", "grouped", 20, 20)
    assert row.data.manifest_sha256 == manifest.sha256
    contents = (run / "openvino" / "int8.xml").read_bytes() + (run / "openvino" / "int8.bin").read_bytes()
    assert row.sha256 == hashlib.sha256(contents).hexdigest()
    assert row.interval == pytest.approx([0.8388748, 1.0])
    assert (found.probabilities["always_first"].argmax(1) == found.truth).mean() == 0.2


def test_threshold_leaves_the_wrong_out() -> None:
    """A wrong answer at 0.8 puts the threshold at the next surer one; without errors it is the least."""
    said = np.array([[0.9, 0.1], [0.8, 0.2], [0.85, 0.15], [0.6, 0.4]], dtype=np.float32)
    assert review_threshold(said, np.array([0, 0, 0, 0]), max_review=1) == 0.5
    assert review_threshold(said, np.array([0, 1, 0, 0]), max_review=1) == pytest.approx(0.85)
    assert count_accepted(said, np.array([0, 1, 0, 0]), 0.85) == ReviewCount(4, 2, 0)


def test_no_more_are_sent_to_a_person_than_may_be() -> None:
    """Where sure answers are wrong, the threshold stops at the share that may be looked at, and the rest is told."""
    said = np.linspace(0.51, 0.99, 100, dtype=np.float32)
    said = np.stack([said, 1 - said], 1)
    truth = np.zeros(100, dtype=np.int64)
    truth[[2, 99]] = 1
    threshold = review_threshold(said, truth, max_review=0.05)
    assert count_accepted(said, truth, threshold) == ReviewCount(100, 95, 1)


def test_one_in_a_thousand_may_be_wrong() -> None:
    """With a thousand accepted images one error is allowed; a second moves the threshold past it."""
    said = np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (1100, 1))
    said[:10] = (0.7, 0.3)
    truth = np.zeros(1100, dtype=np.int64)
    truth[0] = 1
    assert review_threshold(said, truth) == 0.5
    truth[1] = 1
    assert review_threshold(said, truth) == pytest.approx(0.9)


@given(st.lists(st.tuples(st.floats(0.5, 1), st.booleans()), min_size=1, max_size=40), st.floats(0, 1))
def test_promises_hold(answers: list[tuple[float, bool]], most: float) -> None:
    """Whatever was answered: no more are reviewed than may be, and below that limit none of so few is wrong."""
    sure = np.array([p for p, _ in answers], dtype=np.float32)
    said = np.stack([sure, 1 - sure], 1)
    truth = np.where([right for _, right in answers], said.argmax(1), 1 - said.argmax(1))
    threshold = review_threshold(said, truth, max_review=most)
    found = count_accepted(said, truth, threshold)
    limit = np.sort(said.max(1).astype(np.float64))[min(int(most * len(answers)), len(answers) - 1)]
    assert threshold == 0.5 or threshold <= limit
    assert found.n - found.accepted <= most * len(answers)
    if threshold < limit:
        assert found.wrong == 0
