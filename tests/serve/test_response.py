"""Tests of edgewbc.serve.response: rows as tensors."""

from __future__ import annotations

import json

import httpx
import pytest

from edgewbc.lab.results import ResultRow, Status
from edgewbc.serve import response
from edgewbc.serve.problems import Problem
from edgewbc.serve.request import InferRequest, Wanted
from tests.serve.client import outputs

CLASSES = ("a", "ß")
ROWS = [
    [ResultRow("", "ß", 0.75, {"a": 0.25, "ß": 0.75}, cell=1, box=(1.0, 2.0, 30.0, 40.0))],
    [ResultRow("", "", None, status=Status.ERROR, reason="empty file")],
    [
        ResultRow("", "a", 1 / 3, {"a": 1 / 3, "ß": 2 / 3}, Status.UNFAMILIAR, "unlike", cell=1, box=(0, 0, 5, 5)),
        ResultRow("", "a", 0.9, {"a": 0.9, "ß": 0.1}, Status.REVIEW, "look", cell=2, box=(5, 5, 5, 5)),
    ],
]


def encoded(request: InferRequest) -> tuple[httpx.Response, dict[str, object]]:
    found = response.encode("m", "1", request, response.check(request), ROWS, CLASSES)
    length = int(found.headers.get("inference-header-content-length", len(found.body)))
    return httpx.Response(200, content=found.body, headers=found.headers), json.loads(found.body[:length])


def test_rows_of_several_images() -> None:
    """A row for each cell, in order; what is missing is empty or zero, and only `ok` is counted."""
    answer, values = encoded(InferRequest((b"",), id="x"))
    assert {name: values[name] for name in ("model_name", "model_version", "id")} == {
        "model_name": "m",
        "model_version": "1",
        "id": "x",
    }
    assert outputs(answer) == {
        "image": [0, 1, 2, 2],
        "label": ["ß", "", "a", "a"],
        "status": ["ok", "error", "unfamiliar", "review"],
        "counted": [True, False, False, False],
        "reason": ["", "empty file", "unlike", "look"],
        "probability": [0.75, 0.0, 0.333333, 0.9],
        "probabilities": [0.25, 0.75, 0.0, 0.0, 0.333333, 0.666667, 0.9, 0.1],
        "cell": [1, 0, 1, 2],
        "box": [1.0, 2.0, 30.0, 40.0, 0.0, 0.0, 0.0, 0.0, 0, 0, 5, 5, 5, 5, 5, 5],
    }


def test_both_forms_hold_the_same() -> None:
    """Binary data too, whole or for some outputs."""
    plain = outputs(encoded(InferRequest((b"",)))[0])
    packed = outputs(encoded(InferRequest((b"",), binary=True))[0])
    assert packed.keys() == plain.keys()
    for name, values in plain.items():
        assert packed[name] == (pytest.approx(values) if name.startswith(("prob", "box")) else values)
    mixed = InferRequest((b"",), outputs=(Wanted("label", True), Wanted("cell", False)))
    assert outputs(encoded(mixed)[0]) == {"label": plain["label"], "cell": plain["cell"]}


def test_shapes_are_those_of_the_metadata() -> None:
    """-1 stands for the number of cells."""
    _, values = encoded(InferRequest((b"",)))
    tensors = values["outputs"]
    assert isinstance(tensors, list)
    found = [{**{key: tensor[key] for key in ("name", "datatype", "shape")}} for tensor in tensors]
    for tensor in found:
        assert tensor["shape"][0] == 4
        tensor["shape"] = [-1, *tensor["shape"][1:]]
    assert found == response.describe(CLASSES)


def test_an_unknown_output_is_refused() -> None:
    """One line names those that there are."""
    with pytest.raises(Problem, match="there is no output 'logits'.*label"):
        response.check(InferRequest((b"",), outputs=(Wanted("logits", False),)))
