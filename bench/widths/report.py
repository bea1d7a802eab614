"""What `bench --suite widths` found, as a table with a column for each channel count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewbc.utils import text as words
from edgewbc.utils.text import figure

STEPS = ("16", "32", "64")


def markdown(results: Mapping[str, Any]) -> str:
    """For the README."""
    header, rows = table(results)
    return f"{words.markdown(header, rows, range(1, len(header)))}\n\n{said(results)}"


def text(results: Mapping[str, Any]) -> str:
    """For a terminal."""
    header, rows = table(results)
    return f"{words.table(header, rows)}\n{said(results)}"


def table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and lines: microseconds a picture in each precision, and how int8 stands beside the next multiples."""
    widths = results["widths"]
    int8 = widths["int8"]
    lines = [
        [f"{precision}, microseconds", *(figure(one["microseconds"]) for one in told.values())]
        for precision, told in widths.items()
    ]
    lines += [
        [f"int8, of the next multiple of {step}", *(_beside(one, step) for one in int8.values())] for step in STEPS
    ]
    return ["channels", *int8], lines


def _beside(one: Mapping[str, Any], step: str) -> str:
    ratio = one["to_multiple"].get(step)
    return "-" if ratio is None else f"{ratio:.2f}"


def said(results: Mapping[str, Any]) -> str:
    """What the figures are of."""
    machine, how = results["machine"], results["protocol"]
    return (
        f"One 3 x 3 convolution, as many channels in as out, at {how['side']} x {how['side']}, in OpenVINO on "
        f"{machine['cpu']}, {machine['cores']} cores; {how['rounds']} rounds of {how['seconds']:g} s in turns, medians."
    )
