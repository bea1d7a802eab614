"""Tests of edgewbc.runtime.golden: what is read is what was written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.golden_limits import GoldenLimits
from edgewbc.bundle.paths import GOLDEN
from edgewbc.runtime import golden
from edgewbc.runtime.golden import ExpectedOutputs, GoldenEntry, GoldenSample
from edgewbc.runtime.predictor import Prediction

OUTPUTS = ExpectedOutputs((0.25, 0.75), (1.0, -2.5))


def test_samples_are_read_as_written(tmp_path: Path) -> None:
    """A line per sample; what is expected of ONNX Runtime only where something is."""
    (tmp_path / "golden").mkdir()
    samples = [
        GoldenSample("golden/0.png", "0" * 64, {"f32": OUTPUTS}, {"int8": OUTPUTS}),
        GoldenSample("golden/1.png", "1" * 64, {"f32": OUTPUTS}),
    ]
    golden.write(tmp_path, samples)
    text = (tmp_path / GOLDEN).read_text(encoding="utf-8")
    assert golden.parse(text.encode()) == samples
    assert len(text.splitlines()) == 4
    assert ["expected_onnx" in each for each in json.loads(text)["samples"]] == [True, False]


def test_numbers_have_the_digits_of_float32() -> None:
    prediction = Prediction(np.array([[1 / 3, 2 / 3]], np.float32), np.array([[1e-9, 123456.789]], np.float32))
    assert ExpectedOutputs.of(prediction) == ExpectedOutputs((0.3333333, 0.6666667), (1e-9, 123456.8))


def test_manifest_entry() -> None:
    assert GoldenEntry({"f32": 0.001}).to_json() == {"expected": GOLDEN, "tolerance": {"f32": 0.001}}
    assert GoldenEntry({}, {"int8": 0.01}).to_json()["tolerance_onnx"] == {"int8": 0.01}
    limits = {"openvino": {"int8": GoldenLimits(mean_features=0.25)}, "onnx": dict[str, GoldenLimits]()}
    assert GoldenEntry({}, limits=limits).to_json()["limits"] == {"openvino": {"int8": {"mean_features": 0.25}}}


@pytest.mark.parametrize(
    "values",
    [
        [],
        {"format": 2, "samples": []},
        {"format": 1, "samples": [{"file": 1}]},
        {"format": 1, "samples": [{"file": "a", "expected": {"f32": {"probabilities": [[1.0]], "features": []}}}]},
        {"format": 1, "samples": [{"file": "a", "expected": {"f32": {"probabilities": []}}}]},
    ],
)
def test_anything_else_is_refused(values: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        golden.parse(json.dumps(values).encode())
