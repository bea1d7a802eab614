"""Tests of edgewbc.export.validation."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from edgewbc.cells import CLASSES
from edgewbc.data import images, prepare
from edgewbc.data.sources import make
from edgewbc.export import validation
from edgewbc.export.validation import ModelFile, validate
from edgewbc.nets import model
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.predictor import Batch, Prediction, Predictor
from edgewbc.smear.views import Views
from edgewbc.synth.cells import write
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


class Corner(Predictor):
    """Predicts by how dark the upper left quarter of an image is: its turned views differ."""

    def __call__(self, images: Batch) -> Prediction:
        dark = 1 - images[:, :12, :12].mean((1, 2, 3)) / 255
        found = np.column_stack([dark, 1 - dark]).astype(np.float32)
        return Prediction(found, found)


def test_labels_are_those_of_the_mean_of_views(tmp_path: Path) -> None:
    """Where views are given: each predictor's probabilities are the mean over the upright view and the others."""
    write(tmp_path / "set", cells=8, classes=CLASSES[:2])
    manifest = make("synthetic", tmp_path / "set")
    spec, views = PixelSpec(24, 24, crop="cell", size=80, reference=prepare.profile(manifest).reference), Views()
    entries = manifest.split("train")
    one = validation.predict({"corner": Corner()}, manifest, entries, spec)["corner"]
    found = validation.predict({"corner": Corner(), "same": Corner()}, manifest, entries, spec, views)
    others = [Corner()(batch).probabilities for batch in images.view_batches(manifest, entries, spec, views)]
    wanted = (one + np.concatenate(others).reshape(len(entries), 5, 2).sum(1)) / 6
    assert found["corner"] == pytest.approx(wanted, abs=1e-6)
    assert np.array_equal(found["corner"], found["same"])
    assert found["corner"].dtype == np.float32
    assert not np.allclose(found["corner"], one, atol=1e-3)
