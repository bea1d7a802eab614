"""Tests of edgewbc.export.parity."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgewbc.data import images
from edgewbc.errors import GateError
from edgewbc.export import parity
from edgewbc.export.validation import ModelFile
from edgewbc.metrics import McNemar
from edgewbc.nets import model
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.runtime.predictor import Batch, Prediction, Predictor
from tests.tiny_run import quantized

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.35, 0.25]], dtype=np.float32)


def shifted(by: float, image: int = 1) -> parity.Probabilities:
    """Return `PROBABILITIES` with `by` moved from the second to the first class of one image."""
    other = PROBABILITIES.copy()
    other[image, 0] += by
    other[image, 1] -= by
    return other


def test_every_pair_is_compared() -> None:
    """Three predictors make three pairs, each with its largest difference and agreement."""
    rows = parity.compare({"torch": PROBABILITIES, "onnx f32": PROBABILITIES, "openvino f32": shifted(5e-5)})
    assert [row.to_json()["pair"] for row in rows] == [
        ["torch", "onnx f32"],
        ["torch", "openvino f32"],
        ["onnx f32", "openvino f32"],
    ]
    assert rows[0].difference.largest == 0
    assert rows[1].difference.largest == pytest.approx(5e-5, rel=1e-2)
    assert {row.difference.agreement for row in rows} == {1.0}
    assert {row.difference.images for row in rows} == {3}


def test_difference_above_the_limit_is_an_error() -> None:
    """The error has exit code 3 and names the pair and the image."""
    with pytest.raises(GateError, match=r"torch and openvino f32 differ by 0\.0002 .*no\. 3 of 3") as caught:
        parity.compare({"torch": PROBABILITIES, "onnx f32": PROBABILITIES, "openvino f32": shifted(2e-4, image=2)})
    assert caught.value.exit_code == 3


def test_nan_is_an_error() -> None:
    """NaN is treated as a difference above the limit."""
    with pytest.raises(GateError, match="no. 2 of 3"):
        parity.compare({"torch": PROBABILITIES, "onnx f32": shifted(float("nan"))})


def test_accuracy_drop_of_a_worked_example() -> None:
    """With two of three images correct before and one after, the drop is a third; McNemar's test counts the image."""
    after = shifted(0.5)  # the second image is now predicted as class 0
    truth = np.array([0, 1, 2])
    found = parity.accuracy_drop(truth, PROBABILITIES, after)
    assert found.drop == pytest.approx(1 / 3)
    assert found.agreement == pytest.approx(2 / 3)
    assert found.largest_difference == pytest.approx(0.5)
    assert found.mcnemar == McNemar(b=1, c=0, p=1.0)
    assert parity.accuracy_drop(truth, after, PROBABILITIES).drop == pytest.approx(-1 / 3)


class FirstPixel(Predictor):
    """Returns the first pixel of each image, times a factor, as its probabilities."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, images: Batch) -> Prediction:
        pixel = images[:, 0, 0].astype(np.float32) * np.float32(self.factor)
        return Prediction(pixel, pixel)


def test_every_predictor_gets_every_batch() -> None:
    """Predictions are concatenated in the order of the images, and each batch is read once."""
    seen: list[int] = []

    def batches() -> Iterator[Batch]:
        for value in (1, 2):
            seen.append(value)
            yield np.full((2, 4, 4, 3), value, dtype=np.uint8)

    found = parity.predict({"a": FirstPixel(1.0), "b": FirstPixel(2.0)}, batches())
    assert found["a"][:, 0].tolist() == [1, 1, 2, 2]
    assert found["b"][:, 0].tolist() == [2, 2, 4, 4]
    assert seen == [1, 2]


def test_saved_files_agree_with_torch() -> None:
    """On decoded validation images, f32 files and torch agree within 1e-5, and int8 gives the same labels."""
    run, manifest = quantized()
    net, spec = model.load(run)
    predictors = {
        "torch": TorchPredictor.from_network(net, spec),
        "onnx": ModelFile("f32", run / "onnx" / "f32.onnx").open(),
        "openvino": ModelFile("f32", run / "openvino" / "f32.xml").open(),
    }
    batches = list(images.batches(manifest, manifest.split("val"), spec.pixels, 8))
    rows = parity.compare(parity.predict(predictors, batches))
    assert max(row.difference.largest for row in rows) <= 1e-5
    assert rows[0].difference.images == 20
    int8 = parity.predict({"int8": ModelFile("int8", run / "openvino" / "int8.xml").open()} | predictors, batches)
    assert parity.difference(int8["int8"], int8["torch"]).agreement == 1.0
    assert 1e-4 < parity.difference(int8["int8"], int8["torch"]).largest < 0.2
