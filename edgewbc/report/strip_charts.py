"""Strips: one row of a chart, a thin SVG as wide as its place.

Places are percent of the width, so that on a phone a strip becomes shorter and its lines and letters stay as large as
they are. What a mark is filled with tells the precision, in black and white too: empty is f32, hatched bf16, full int8.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from edgewbc.report.scale import Scale, plain

HEIGHT: Final = 26
MIDDLE: Final = HEIGHT / 2
FILLS: Final = {"f32": "f32", "bf16": "bf16", "int8": "int8"}
"""CSS classes by precision; the page's style has their fills."""


def fill(precision: str) -> str:
    """The CSS class that fills a mark of a precision."""
    return FILLS.get(precision, "other")


def place(share: float) -> str:
    """A share of 0..1 of the width as SVG writes it."""
    return f"{100 * share:.2f}%"


def axis(scale: Scale) -> str:
    """The ticks' names over a list of strips; screen readers skip it, as every strip has its values in words."""
    names = []
    for tick in scale.ticks:
        share = scale(tick)
        anchor = "start" if share < 0.04 else "end" if share > 0.96 else "middle"
        names.append(f'<text x="{place(share)}" y="13" text-anchor="{anchor}">{plain(tick)}</text>')
    return f'<svg class="axis" height="18" aria-hidden="true">{"".join(names)}</svg>'


def boxes(scale: Scale, quantiles: Sequence[float], precision: str, label: str) -> str:
    """A distribution: a line over all of it, boxes over the middle 98, 90 and 50 %, a tick at the median.

    A letter-value plot (Hofmann, Wickham and Kafadar 2017, "Letter-value plots: boxplots for large data", JCGS 26:3):
    unlike a box plot it shows the tail, which is what somebody waits for.

    Args:
        scale: of the values.
        quantiles: the 0th, 1st, ... 100th percentile.
        precision: for the fill.
        label: what it shows, in words.
    """
    parts = [_line(scale(quantiles[0]), scale(quantiles[100]))]
    parts += [
        _box(scale(quantiles[low]), scale(quantiles[100 - low]), height, precision)
        for low, height in ((1, 5), (5, 11), (25, 17))
    ]
    return _strip(scale, [*parts, _tick(scale(quantiles[50]))], label)


def rounds(scale: Scale, values: Sequence[float], middle: float, precision: str, label: str) -> str:
    """What each round measured, a dot each, and their median as a tick."""
    parts = [_line(scale(min(values)), scale(max(values))), _tick(scale(middle))]
    parts += [
        f'<circle class="{fill(precision)}" cx="{place(scale(value))}" cy="{MIDDLE:g}" r="4.5"/>' for value in values
    ]
    return _strip(scale, parts, label)


def bar(scale: Scale, value: float, precision: str, label: str) -> str:
    """A bar from the left edge."""
    return _strip(scale, [_box(0, scale(value), 14, precision)], label)


def interval(scale: Scale, value: float | None, bounds: Sequence[float] | None, label: str) -> str:
    """A dot with its interval; nothing but the grid where there is none."""
    parts = []
    if bounds is not None:
        low, high = scale(bounds[0]), scale(bounds[1])
        parts += [_line(low, high, "thick"), _tick(low, 9), _tick(high, 9)]
    if value is not None:
        parts.append(f'<circle class="int8" cx="{place(scale(value))}" cy="{MIDDLE:g}" r="5"/>')
    return _strip(scale, parts, label)


def _strip(scale: Scale, parts: Sequence[str], label: str) -> str:
    ticks = (place(scale(tick)) for tick in scale.ticks)
    grid = "".join(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}"/>' for x in ticks)
    return (
        f'<svg class="strip" height="{HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"<title>{escape(label)}</title>{grid}{''.join(parts)}</svg>"
    )


def _line(low: float, high: float, kind: str = "thin") -> str:
    return f'<line class="{kind}" x1="{place(low)}" x2="{place(high)}" y1="{MIDDLE:g}" y2="{MIDDLE:g}"/>'


def _box(low: float, high: float, height: float, precision: str) -> str:
    width = place(max(0.0, high - low))
    return (
        f'<rect class="{fill(precision)}" x="{place(low)}" width="{width}" y="{MIDDLE - height / 2:g}" '
        f'height="{height:g}"/>'
    )


def _tick(x: float, height: float = HEIGHT - 2) -> str:
    """Black on a white edge, so that it is seen on a full box too."""
    ends = f'x1="{place(x)}" x2="{place(x)}" y1="{MIDDLE - height / 2:g}" y2="{MIDDLE + height / 2:g}"'
    return f'<line class="halo" {ends}/><line class="tick" {ends}/>'
