"""edgewbc.bench.result: the JSON of a benchmark and its dataclasses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import MeasuredRow
from edgewbc.errors import UserError
from tests.bench.rows import result, result_json, row_json

RESULTS = Path(__file__).parents[2] / "bench" / "results"


def test_committed_result_round_trips() -> None:
    """Reading and writing the committed benchmark changes nothing, and the typed values are those of the file."""
    values = json.loads((RESULTS / "bench-cpu.json").read_text(encoding="utf-8"))
    read = BenchResult.read(RESULTS / "bench-cpu.json")
    assert read.to_json() == values
    first, row = read.rows[0], values["rows"][0]
    assert isinstance(first, MeasuredRow)
    assert first.scores is not None
    assert first.agreement is not None
    assert first.speedup is not None
    assert (first.key, first.timing.images_per_s) == (
        (row["model"], row["backend"], row["precision"]),
        row["images_per_s"],
    )
    assert (first.scores.correct, first.scores.n, first.scores.predictions) == (row["correct"], 1547, row["answers"])
    assert list(first.speedup.range) == row["speedup_range"]
    assert first.agreement.reference == ("vgg16gap-112", "openvino", "f32")
    assert read.baseline is not None
    assert read.baseline.model == "vgg16gap-224"
    assert read.lowest_accuracy == min(row["accuracy"] for row in values["rows"] if row["accuracy"] is not None)


def test_other_committed_benchmark_round_trips() -> None:
    """The benchmark inside the edge study's results, which has no peaks and no benchmark_app."""
    values = json.loads((RESULTS / "edge.json").read_text(encoding="utf-8"))["bench"]
    assert BenchResult.from_json(values).to_json() == values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1], "is not a result of `edgewbc bench --out`"),
        ({"rows": []}, "is not a result of"),
        ({**result_json(), "format": 1}, "has format 1, and this version of edgewbc reads format 2"),
        ({**result_json(), "peaks": None}, "is damaged"),
        (result_json({"model": "wbc"}), "is damaged"),
    ],
)
def test_other_files_are_refused(values: Any, message: str, tmp_path: Path) -> None:
    """The error names the file, in one line."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=message) as caught:
        BenchResult.read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_properties_of_a_result() -> None:
    """Without a row there is no baseline and no accuracy."""
    assert result().lowest_accuracy is None
    assert result().baseline is None
    assert result(row_json(), row_json("f32", accuracy=0.5)).lowest_accuracy == 0.5
