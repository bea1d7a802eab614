"""Tests of the table of convolution times by number of channels."""

from __future__ import annotations

from typing import Any

from bench.widths import report
from bench.widths.result import WidthsResult


def one(microseconds: float, to_16: float | None) -> dict[str, Any]:
    return {"microseconds": microseconds, "to_multiple": {} if to_16 is None else {"16": to_16, "32": to_16 / 2}}


RESULTS: dict[str, Any] = {
    "machine": {"cpu": "a CPU", "cores": 2},
    "protocol": {"rounds": 5, "seconds": 0.3, "side": 20},
    "widths": {
        "int8": {"24": one(8.25, 0.987), "32": one(8.36, 1.0), "40": one(12.0, None)},
        "f32": {"24": one(30.0, 0.9), "32": one(33.0, 1.0), "40": one(51.0, None)},
    },
}


def test_one_column_per_width() -> None:
    """Times are in microseconds for both precisions; the ratio is given only if the next multiple was timed."""
    lines = report.markdown(WidthsResult.from_json(RESULTS)).splitlines()
    assert lines[0] == "| channels | 24 | 32 | 40 |"
    assert lines[2:6] == [
        "| int8, microseconds | 8.25 | 8.36 | 12.0 |",
        "| f32, microseconds | 30.0 | 33.0 | 51.0 |",
        "| int8, over the next multiple of 16 | 0.99 | 1.00 | - |",
        "| int8, over the next multiple of 32 | 0.49 | 0.50 | - |",
    ]
    assert "at 20 x 20, in OpenVINO on a CPU, 2 cores; 5 rounds of 0.3 s" in lines[-1]


def test_a_terminal_has_the_same_figures() -> None:
    """The text has columns instead of a Markdown table."""
    lines = report.text(WidthsResult.from_json(RESULTS)).splitlines()
    assert lines[1].split() == [
        "int8,",
        "microseconds",
        "8.25",
        "8.36",
        "12.0",
    ]
