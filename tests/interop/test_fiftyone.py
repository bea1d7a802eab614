"""FiftyOne: labels and predictions as JSON, and what is no such file."""

from __future__ import annotations

from typing import Any

import pytest

from edgewbc.interop import fiftyone
from edgewbc.interop.labels import LabeledImage

IMAGES = [
    LabeledImage("data/000001.png", "blast", "monocyte", 0.75, 1),
    LabeledImage("data/000002.b.png", "", "monocyte", 0.5, 2),
]
CLASSES = ("monocyte", "blast")


def test_labels_and_predictions() -> None:
    assert fiftyone.labels(IMAGES, CLASSES) == {"classes": ["monocyte", "blast"], "labels": {"000001": 1}}
    assert fiftyone.predictions(IMAGES, CLASSES)["labels"] == {
        "000001": {"label": 0, "confidence": 0.75}, "000002.b": {"label": 0, "confidence": 0.5},
    }  # fmt: skip


def test_labels_come_back() -> None:
    assert fiftyone.read(fiftyone.labels(IMAGES, CLASSES)) == [LabeledImage("data/000001", "blast")]


def test_other_forms() -> None:
    values = {"classes": None, "labels": {"a": "blast", "b": None, "c": {"label": "x", "attributes": {}}}}
    assert [each.label for each in fiftyone.read(values)] == ["blast", "", "x"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (3, "it has no object `labels`"),
        ({"labels": []}, "it has no object `labels`"),
        ({"classes": [1], "labels": {}}, "its `classes` is not a list of names"),
        ({"classes": ["a"], "labels": {"x": 1}}, "the label of 'x' is neither"),
        ({"classes": ["a"], "labels": {"x": -1}}, "the label of 'x' is neither"),
        ({"classes": ["a"], "labels": {"x": True}}, "the label of 'x' is neither"),
        ({"classes": ["a"], "labels": {"x": [0]}}, "the label of 'x' is neither"),
        ({"labels": {"x": 0}}, "the label of 'x' is neither"),
    ],
)
def test_what_is_no_such_file(values: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        fiftyone.read(values)
