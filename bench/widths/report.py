"""Results of the study of channel counts as a table with a column for each count."""

from __future__ import annotations

from bench.widths.result import ChannelCost, WidthsResult
from edgewbc.utils import text as words
from edgewbc.utils.text import figure

STEPS = (16, 32, 64)


def markdown(result: WidthsResult) -> str:
    """Return the table in Markdown, and what it shows."""
    header, rows = table(result)
    return f"{words.markdown(header, rows, range(1, len(header)))}\n\n{summary(result)}"


def text(result: WidthsResult) -> str:
    """Return the table as plain text, and what it shows."""
    header, rows = table(result)
    return f"{words.table(header, rows)}\n{summary(result)}"


def table(result: WidthsResult) -> tuple[list[str], list[list[str]]]:
    """Return header and lines: microseconds per image in each precision, and int8 over the next multiples."""
    int8 = result.costs["int8"]
    lines = [
        [f"{precision}, microseconds", *(figure(one.microseconds) for one in counts.values())]
        for precision, counts in result.costs.items()
    ]
    lines += [
        [f"int8, over the next multiple of {step}", *(_over(one, step) for one in int8.values())] for step in STEPS
    ]
    return ["channels", *map(str, int8)], lines


def _over(one: ChannelCost, step: int) -> str:
    ratio = one.to_multiple.get(step)
    return "-" if ratio is None else f"{ratio:.2f}"


def summary(result: WidthsResult) -> str:
    """Return what was measured."""
    return (
        f"One 3 x 3 convolution, as many channels in as out, at {result.side} x {result.side}, in OpenVINO on "
        f"{result.cpu}, {result.cores} cores; {result.rounds} rounds of {result.seconds:g} s, "
        "interleaved; medians."
    )
