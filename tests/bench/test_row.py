"""edgewbc.bench.row: the rows of a result as JSON."""

from __future__ import annotations

import json

from edgewbc.bench.result import BenchResult
from edgewbc.bench.row import FailedRow
from tests.bench.rows import result_json, row_json


def test_failures_round_trip() -> None:
    """A failed row, a failed peak and a failed benchmark_app keep their reasons."""
    failed = {"model": "wbc", "backend": "torch", "precision": "f32", "input": [16, 16], "error": "out of memory"}
    values = result_json(row_json(benchmark_app={"error": "not installed"}), failed)
    values["peaks"] = {"bf16": {"error": "ran in f32"}}
    read = BenchResult.from_json(values)
    again = BenchResult.from_json(json.loads(json.dumps(read.to_json(), allow_nan=False)))
    assert again == read
    assert read.peak_errors == {"bf16": "ran in f32"}
    assert read.measured[0].benchmark_app_error == "not installed"
    (row,) = read.failed
    assert isinstance(row, FailedRow)
    assert (row.name, row.error) == ("wbc/torch/f32", "out of memory")
    written = row.to_json()
    assert (written["images_per_s"], written["accuracy"], written["error"]) == (None, None, "out of memory")
