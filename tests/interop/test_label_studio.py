"""Label Studio: tasks, the interface, exports in both forms, and what is not an export."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.interop import label_studio
from edgewbc.interop.labels import LabeledImage

SEEN = LabeledImage("cells/000001.png", "blast", "monocyte", 0.8, 1, "S-1", "ab" * 32)


def test_a_task() -> None:
    (task,) = label_studio.tasks([SEEN], "tiny")
    choice = {"from_name": "label", "to_name": "image", "type": "choices"}
    assert task == {
        "data": {
            "image": "/data/local-files/?d=cells/000001.png", "number": 1, "case": "S-1", "sha256": "ab" * 32,
        },
        "predictions": [
            {"model_version": "tiny", "score": 0.8, "result": [{**choice, "value": {"choices": ["monocyte"]}}]}
        ],
        "annotations": [{"result": [{**choice, "value": {"choices": ["blast"]}}]}],
    }  # fmt: skip


def test_without_labels() -> None:
    (task,) = label_studio.tasks([LabeledImage("a.png")], "tiny")
    assert task == {"data": {"image": "/data/local-files/?d=a.png", "number": 0}}
    assert label_studio.read([task]) == [LabeledImage("a.png")]


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(min_size=1))
def test_names_and_labels_come_back(file: str, label: str) -> None:
    tasks = label_studio.tasks([LabeledImage(file, label, "monocyte", 0.5, 3, "S")], "m")
    assert label_studio.read(tasks) == [LabeledImage(file, label, number=3, case="S")]


def test_the_interface_is_well_formed() -> None:
    root = ElementTree.fromstring(label_studio.config(["a", '<"&>']))  # noqa: S314
    assert [choice.get("value") for choice in root.iter("Choice")] == ["a", '<"&>']


def annotated(*labels: str, **more: Any) -> dict[str, Any]:
    """Return an annotation as Label Studio exports it."""
    results = [{"type": "choices", "value": {"choices": [label]}, "origin": "manual"} for label in labels]
    return {"id": 7, "completed_by": 1, "result": results, "was_cancelled": False, **more}


def test_an_export() -> None:
    """Annotations count, predictions and skipped annotations do not; two people may agree."""
    tasks = [
        {"id": 1, "data": {"image": "/data/upload/2/a%20b.png"}, "annotations": [annotated("blast")]},
        {"id": 2, "data": {"image": "b.png"}, "annotations": [annotated("blast", was_cancelled=True)]},
        {"id": 3, "data": {"image": "https://x/c.png"}, "annotations": [annotated("blast"), annotated("blast")]},
        {"id": 4, "data": {"image": "d.png"}, "annotations": [], "predictions": [annotated("blast")]},
    ]
    assert [(each.file, each.label) for each in label_studio.read(tasks)] == [
        ("/data/upload/2/a b.png", "blast"), ("b.png", ""), ("/c.png", "blast"), ("d.png", ""),
    ]  # fmt: skip


def test_a_short_export() -> None:
    tasks = [
        {"image": "/data/local-files/?d=cells/1.png", "number": 1, "label": "blast", "id": 1, "annotator": 1},
        {"image": "/data/local-files/?d=cells/2.png", "label": {"choices": ["blast"]}},
        {"image": "/data/local-files/?d=cells/3.png"},
    ]
    assert [(each.file, each.label) for each in label_studio.read(tasks)] == [
        ("cells/1.png", "blast"), ("cells/2.png", "blast"), ("cells/3.png", ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "it is not a list of tasks"),
        (["x"], "task 1 is not an object"),
        ([{"label": "blast"}], "task 1 names no image"),
        ([{"data": {"image": 3}}], "task 1 names no image"),
        ([{"data": {"image": "a"}, "annotations": 3}], "task 1 has no list of annotations"),
        ([{"data": {"image": "a"}, "annotations": [3]}], "task 1 has an annotation of another form"),
        ([{"data": {"image": "a"}, "annotations": [{"result": [{"type": "choices"}]}]}], "choices of another form"),
        (
            [{"data": {"image": "a"}, "annotations": [annotated("blast"), annotated("monocyte")]}],
            r"task 1 \(a\) has several labels: blast, monocyte",
        ),
    ],
)
def test_what_is_no_export(values: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        label_studio.read(values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["data", "image", "label", "annotations"]), inner),
)


@settings(max_examples=25)
@given(st.lists(JSON, max_size=3))
def test_any_json_is_read_or_refused(values: list[Any]) -> None:
    try:
        found = label_studio.read(values)
    except ValueError:
        return
    assert all(isinstance(each, LabeledImage) for each in found)
