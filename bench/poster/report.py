"""The poster's claims as a table, each beside its honest twin; from the JSON of `bench --suite poster`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from bench.poster import study
from bench.poster.study import PROTOCOLS
from edgewbc.utils import text as words
from edgewbc.utils.text import interval, percent

CAPTION = "The same network and pictures, tested on a random fifth of the pictures and on originals it never saw"

HEADER = ("network", "weights trained", "poster says", "test, split `poster`", "test, split `grouped`", "minutes")


def markdown(results: Mapping[str, Any]) -> str:
    """For the README: the table, and below it what the figures are of."""
    rule = ["---", "---:", "---:", "---:", "---:", "---:"]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (HEADER, rule, *rows(results)))
    return f"{table}\n\n{_said(results)}"


def text(results: Mapping[str, Any]) -> str:
    """For a terminal."""
    return f"{words.table([name.replace('`', '') for name in HEADER], rows(results))}\n{_said(results)}"


def rows(results: Mapping[str, Any]) -> list[list[str]]:
    """A line for each row of the suite that has a result, then the int8 bundle, then several seeds where there are."""
    parts = results["parts"]
    found = []
    for row in study.ROWS:
        first = {protocol: parts.get(f"{row.name}-{protocol}-s0") for protocol in PROTOCOLS}
        known = [part for part in first.values() if part]
        if not known:
            continue
        says = "-" if row.says is None else f"~{row.says:.0%}".replace("%", " %")
        minutes = " + ".join(f"{part['minutes']:.0f}" for part in known)
        cells = [_figure(part, "f32") for part in first.values()]
        found.append([row.what, f"{known[0]['trained_parameters']:,}", says, *cells, minutes])
        if any("int8" in part["test"] for part in known):
            cells = [_figure(part, "int8") for part in first.values()]
            found.append(["the same as an int8 bundle (OpenVINO)", "", "", *cells, ""])
        cells = [_spread(parts, row.name, protocol) for protocol in PROTOCOLS]
        if any(cell != "-" for cell in cells):
            found.append(["the same, further seeds too: mean +- standard deviation", "", "", *cells, ""])
    return found


def _figure(part: Mapping[str, Any] | None, precision: str) -> str:
    tested = part["test"].get(precision) if part else None
    if not tested:
        return "-"
    return f"{percent(tested['accuracy'])} ({interval(tested['clustered_interval'], 1)})"


def _spread(parts: Mapping[str, Any], name: str, protocol: str) -> str:
    values = [
        part["test"]["f32"]["accuracy"] for key, part in sorted(parts.items()) if key.startswith(f"{name}-{protocol}-s")
    ]
    if len(values) < 2:
        return "-"
    return f"{percent(mean(values))} +- {100 * stdev(values):.2f} (n = {len(values)})"


def _said(results: Mapping[str, Any]) -> str:
    """What was tested on what."""
    facts = results["set"]
    sides: Sequence[str] = []
    for protocol in PROTOCOLS:
        part = next((p for key, p in results["parts"].items() if key.endswith(f"-{protocol}-s0")), None)
        if part is not None:
            tested = part["test"]["f32"]
            seen = f"{tested['seen_in_train']:,} of them with their original in training too"
            sides = [*sides, f"`{protocol}`: {tested['n']:,} pictures of {tested['originals']} originals, {seen}"]
    sizes = sorted({tuple(part["input"]) for part in results["parts"].values()})
    inputs = ", ".join(f"{width} x {height}" for height, width in sizes)
    return (
        f"{facts['total']:,} pictures drawn from BCCD's originals as the poster describes; input {inputs}, trained on "
        f"two CPU cores. Test: {'; '.join(sides)}. In brackets 95 % intervals that count originals, not pictures: "
        "whole originals are drawn anew (cluster bootstrap)."
    )
