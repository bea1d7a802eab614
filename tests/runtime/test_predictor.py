"""The interface of all backends: outputs that cannot be used, and defaults."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from edgewbc.runtime.predictor import Backend, Batch, ModelInfo, Prediction, Predictor, fault


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.25, 0.75], ""),
        ([0.25, 0.765], ""),
        ([0.25, 0.775], "not a set of probabilities"),
        ([-0.1, 1.1], "not a set of probabilities"),
        ([np.nan, 1.0], "not a number"),
        ([np.inf, 0.0], "not a number"),
        ([], "not a set of probabilities"),
    ],
)
def test_probabilities_that_cannot_be_used(values: Sequence[float], reason: str) -> None:
    """Rounding in bf16 is tolerated; anything else is named."""
    probabilities = np.array(values, np.float32)
    assert reason in fault(probabilities)
    assert (fault(probabilities) == "") == (reason == "")
    if values:
        assert (fault(np.stack([[0.5, 0.5], probabilities]).astype(np.float32)) == "") == (reason == "")


def test_features_that_cannot_be_used() -> None:
    """They decide whether a cell is familiar."""
    sure = np.array([1.0], np.float32)
    assert fault(sure, np.array([np.nan], np.float32)) == "the model's features are not numbers (NaN or infinite)"
    assert fault(sure, np.array([3.0], np.float32)) == ""


class Sums(Predictor):
    """Counts its calls."""

    info = ModelInfo(Backend.OPENVINO, "f32", "f32", 1, (2, 2), labels=("a",))

    def __call__(self, images: Batch) -> Prediction:
        total = images.sum((1, 2, 3), dtype=np.float32)[:, None]
        return Prediction(np.ones_like(total), total)


def test_a_stream_is_in_order_by_default() -> None:
    """One batch after the other; and a runtime that does not report its kernels says None."""
    batches = [np.full((2, 2, 2, 3), value, np.uint8) for value in (1, 2, 3)]
    assert [float(each.features[0, 0]) for each in Sums().stream(batches)] == [12.0, 24.0, 36.0]
    assert Sums().kernels() is None


def test_batches_are_joined_in_order() -> None:
    """Probabilities and features of all images, as of one batch."""
    batches = [np.full((count, 2, 2, 3), count, np.uint8) for count in (1, 2)]
    joined = Prediction.joined(Sums()(batch) for batch in batches)
    assert joined.features.ravel().tolist() == [12.0, 24.0, 24.0]
    assert joined.probabilities.shape == (3, 1)


def test_facts_of_a_model_as_json() -> None:
    """The input is a list under its own name."""
    values = Sums.info.to_json()
    assert (values["input"], values["labels"], "input_size" in values) == ([2, 2], ["a"], False)
