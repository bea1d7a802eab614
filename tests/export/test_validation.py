"""Tests of edgewbc.export.validation."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from edgewbc.export.validation import ModelFile, validate
from edgewbc.nets import model
from edgewbc.runtime.predictor import Batch, Prediction, Predictor
from tests.tiny_run import quantized


class AlwaysFirst(Predictor):
    """Predicts the first of five classes, whatever the image."""

    def __call__(self, images: Batch) -> Prediction:
        first = np.repeat(np.eye(5, dtype=np.float32)[[0]], len(images), 0)
        return Prediction(first, first)


def test_rows_have_the_data_and_the_file_that_were_measured() -> None:
    """Each file has a row with split, protocol, hashes, n, correct and interval; other predictors have none."""
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
