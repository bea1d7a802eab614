"""Scores of a row and their agreement with the reference, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

from edgewbc.bench.scores import Agreement, RowScores
from edgewbc.metrics import McNemar
from tests.report import results


def test_scores_are_read_back() -> None:
    """Predictions and mistakes have the keys of published results."""
    scores = results.by_hand().measured[0].scores
    assert scores is not None
    values = json.loads(json.dumps(scores.to_json()))
    assert (values["answers"], values["worst"][0]["said"]) == ("00010000", "monocyte")
    assert {"predictions", "predicted"}.isdisjoint(values.keys() | values["worst"][0].keys())
    assert RowScores.from_json({**values, "more": 1}) == scores


def test_an_agreement_names_its_reference() -> None:
    """The reference row is an object of its own."""
    made = Agreement(0.875, McNemar(0, 1, 1.0), None, "whole", "openvino", "f32", same_model=True)
    values = json.loads(json.dumps(made.to_json()))
    assert values["against"] == {"model": "whole", "backend": "openvino", "precision": "f32", "same_model": True}
    assert Agreement.from_json(values) == made
    assert made.reference == ("whole", "openvino", "f32")


def test_published_scores_are_read() -> None:
    """Every measured row of the committed benchmark."""
    path = Path(__file__).parents[2] / "bench" / "results" / "bench-cpu.json"
    rows = [row for row in json.loads(path.read_text(encoding="utf-8"))["rows"] if row.get("accuracy") is not None]
    assert rows
    for row in rows:
        read = RowScores.from_json(row)
        assert read.correct / read.n == read.accuracy
        assert sum(map(sum, read.confusion)) == read.n
