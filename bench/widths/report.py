"""Results of the study of channel counts as a table with a column for each count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewbc.utils import text as words
from edgewbc.utils.text import figure

STEPS = ("16", "32", "64")


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table in Markdown, and what it shows."""
    header, rows = table(results)
    return f"{words.markdown(header, rows, range(1, len(header)))}\n\n{summary(results)}"


def text(results: Mapping[str, Any]) -> str:
    """Return the table as plain text, and what it shows."""
    header, rows = table(results)
    return f"{words.table(header, rows)}\n{summary(results)}"


def table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and lines: microseconds per image in each precision, and int8 over the next multiples."""
    widths = results["widths"]
    int8 = widths["int8"]
    lines = [
        [f"{precision}, microseconds", *(figure(one["microseconds"]) for one in counts.values())]
        for precision, counts in widths.items()
    ]
    lines += [
        [f"int8, over the next multiple of {step}", *(_over(one, step) for one in int8.values())] for step in STEPS
    ]
    return ["channels", *int8], lines


def _over(one: Mapping[str, Any], step: str) -> str:
    ratio = one["to_multiple"].get(step)
    return "-" if ratio is None else f"{ratio:.2f}"


def summary(results: Mapping[str, Any]) -> str:
    """Return what was measured."""
    machine, how = results["machine"], results["protocol"]
    return (
        f"One 3 x 3 convolution, as many channels in as out, at {how['side']} x {how['side']}, in OpenVINO on "
        f"{machine['cpu']}, {machine['cores']} cores; {how['rounds']} rounds of {how['seconds']:g} s, "
        "interleaved; medians."
    )
