"""Results of the poster study as a table: each network under the poster's random split and under a grouped one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from bench.poster import study
from bench.poster.result import PosterPart, PosterResult
from bench.poster.study import PROTOCOLS
from edgewbc.utils import text as words
from edgewbc.utils.text import interval, percent

CAPTION = "The same network and images, tested on a random fifth of the images and on originals it was not trained on"

HEADER = ("network", "weights trained", "poster reports", "test, split `poster`", "test, split `grouped`", "minutes")


def markdown(result: PosterResult) -> str:
    """Return the table in Markdown, and what it shows."""
    rule = ["---", "---:", "---:", "---:", "---:", "---:"]
    table = "\n".join(f"| {' | '.join(line)} |" for line in (HEADER, rule, *rows(result)))
    return f"{table}\n\n{_summary(result)}"


def text(result: PosterResult) -> str:
    """Return the table as plain text, and what it shows."""
    return f"{words.table([name.replace('`', '') for name in HEADER], rows(result))}\n{_summary(result)}"


def rows(result: PosterResult) -> list[list[str]]:
    """Return a line for each network that has a result, then its int8 bundle, then the mean of several seeds."""
    found = []
    for row in study.ROWS:
        first = {protocol: result.part(row.name, protocol) for protocol in PROTOCOLS}
        known = [part for part in first.values() if part]
        if not known:
            continue
        reported = "-" if row.says is None else f"~{row.says:.0%}".replace("%", " %")
        minutes = " + ".join(f"{part.minutes:.0f}" for part in known)
        cells = [_figure(part, "f32") for part in first.values()]
        found.append([row.what, f"{known[0].trained_parameters:,}", reported, *cells, minutes])
        if any("int8" in part.test for part in known):
            cells = [_figure(part, "int8") for part in first.values()]
            found.append(["same network as an int8 bundle (OpenVINO)", "", "", *cells, ""])
        cells = [_spread(result, row.name, protocol) for protocol in PROTOCOLS]
        if any(cell != "-" for cell in cells):
            found.append(["same network, several seeds: mean +- standard deviation", "", "", *cells, ""])
    return found


def _figure(part: PosterPart | None, precision: str) -> str:
    tested = part.test.get(precision) if part else None
    if tested is None:
        return "-"
    return f"{percent(tested.accuracy)} ({interval(tested.clustered_interval, 1)})"


def _spread(result: PosterResult, name: str, protocol: str) -> str:
    values = [
        part.test["f32"].accuracy
        for key, part in sorted(result.parts.items())
        if key.startswith(f"{name}-{protocol}-s")
    ]
    if len(values) < 2:
        return "-"
    return f"{percent(mean(values))} +- {100 * stdev(values):.2f} (n = {len(values)})"


def _summary(result: PosterResult) -> str:
    """Return what was tested on which images."""
    sides: Sequence[str] = []
    for protocol in PROTOCOLS:
        part = next((p for key, p in result.parts.items() if key.endswith(f"-{protocol}-s0")), None)
        if part is not None:
            tested = part.test["f32"]
            seen = f"{tested.seen_in_train:,} of them with their original in the training split"
            sides = [*sides, f"`{protocol}`: {tested.n:,} images of {tested.originals} originals, {seen}"]
    sizes = sorted({part.input for part in result.parts.values()})
    inputs = ", ".join(f"{width} x {height}" for height, width in sizes)
    return (
        f"{result.total:,} images augmented from BCCD's originals as the poster describes; input {inputs}, trained "
        f"on two CPU cores. Test: {'; '.join(sides)}. In parentheses: 95 % intervals "
        "from a bootstrap that resamples originals, not images."
    )
