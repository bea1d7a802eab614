"""Results of the poster study as a table: each network under the poster's random split and under a grouped one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from bench.poster import study
from bench.poster.study import PROTOCOLS
from edgewbc.utils import text as words
from edgewbc.utils.text import interval, percent

CAPTION = "The same network and images, tested on a random fifth of the images and on originals it was not trained on"

HEADER = ("network", "weights trained", "poster reports", "test, split `poster`", "test, split `grouped`", "minutes")


def markdown(results: Mapping[str, Any]) -> str:
    """Return the table in Markdown, and what it shows."""
    rule = ["---", "---:", "---:", "---:", "---:", "---:"]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (HEADER, rule, *rows(results)))
    return f"{table}\n\n{_summary(results)}"


def text(results: Mapping[str, Any]) -> str:
    """Return the table as plain text, and what it shows."""
    return f"{words.table([name.replace('`', '') for name in HEADER], rows(results))}\n{_summary(results)}"


def rows(results: Mapping[str, Any]) -> list[list[str]]:
    """Return a line for each network that has a result, then its int8 bundle, then the mean of several seeds."""
    parts = results["parts"]
    found = []
    for row in study.ROWS:
        first = {protocol: parts.get(f"{row.name}-{protocol}-s0") for protocol in PROTOCOLS}
        known = [part for part in first.values() if part]
        if not known:
            continue
        reported = "-" if row.says is None else f"~{row.says:.0%}".replace("%", " %")
        minutes = " + ".join(f"{part['minutes']:.0f}" for part in known)
        cells = [_figure(part, "f32") for part in first.values()]
        found.append([row.what, f"{known[0]['trained_parameters']:,}", reported, *cells, minutes])
        if any("int8" in part["test"] for part in known):
            cells = [_figure(part, "int8") for part in first.values()]
            found.append(["same network as an int8 bundle (OpenVINO)", "", "", *cells, ""])
        cells = [_spread(parts, row.name, protocol) for protocol in PROTOCOLS]
        if any(cell != "-" for cell in cells):
            found.append(["same network, several seeds: mean +- standard deviation", "", "", *cells, ""])
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


def _summary(results: Mapping[str, Any]) -> str:
    """Return what was tested on which images."""
    facts = results["set"]
    sides: Sequence[str] = []
    for protocol in PROTOCOLS:
        part = next((p for key, p in results["parts"].items() if key.endswith(f"-{protocol}-s0")), None)
        if part is not None:
            tested = part["test"]["f32"]
            seen = f"{tested['seen_in_train']:,} of them with their original in the training split"
            sides = [*sides, f"`{protocol}`: {tested['n']:,} images of {tested['originals']} originals, {seen}"]
    sizes = sorted({tuple(part["input"]) for part in results["parts"].values()})
    inputs = ", ".join(f"{width} x {height}" for height, width in sizes)
    return (
        f"{facts['total']:,} images augmented from BCCD's originals as the poster describes; input {inputs}, trained "
        f"on two CPU cores. Test: {'; '.join(sides)}. In parentheses: 95 % intervals "
        "from a bootstrap that resamples originals, not images."
    )
