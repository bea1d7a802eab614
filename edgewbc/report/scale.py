"""Axes: values to places between 0 and 1, with round ticks; and figures with as many digits as a person reads."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10

STEPS = (1, 2, 5)
MARGIN = 1.08  # of a logarithmic axis beyond its values, as a ratio
TINY = 1e-300  # below this a step between ticks could not be told from 0


@dataclass(frozen=True)
class Scale:
    """An axis.

    Attributes:
        low, high: values at its ends.
        ticks: values that are named, from low to high.
        log: whether equal ratios are equally far apart.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where a value lies, 0..1; what lies outside is put at the end."""
        value = min(max(value, self.low), self.high)
        if self.log:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear(low: float, high: float, most: int = 6) -> Scale:
    """From the round value below `low` to the one above `high`, with at most `most` ticks or so."""
    span = high - low
    if span <= 1e-9 * max(abs(low), abs(high)):  # one value, or as good as
        span = abs(high) if abs(high) > TINY else 1.0
    rough = span / max(1, most - 1)
    unit = 10.0 ** floor(log10(rough))
    step = next((unit * by for by in STEPS if unit * by >= rough * 0.999), unit * 10)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    last = max(last, first + 1)
    ticks = tuple(float(f"{step * count:.12g}") for count in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def logarithmic(low: float, high: float, most: int = 7) -> Scale:
    """From a little below `low` to a little above `high`, with ticks in steps of 1, 2, 5, or of 10 where these are too
    many. Two ticks are always there: the ends give way. Values must be above 0."""
    low, high = low / MARGIN, high * MARGIN
    for steps in (STEPS, (1,)):
        names = [by * 10.0**power for power in range(floor(log10(low)) - 1, ceil(log10(high)) + 2) for by in steps]
        ticks = [float(f"{name:.12g}") for name in names]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) < 2:
            inside = [max(tick for tick in ticks if tick <= low), *inside, min(tick for tick in ticks if tick >= high)]
        if len(inside) <= most:
            break
    return Scale(min(low, inside[0]), max(high, inside[-1]), tuple(inside), log=True)


def short(value: float | None) -> str:
    """Three digits, without an exponent; - for None."""
    if value is None:
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = min(6, 2 - floor(log10(abs(value))))
    return f"{value:.{max(0, digits)}f}"


def plain(value: float) -> str:
    """A tick's name: no zeros behind the point."""
    return f"{value:,.6f}".rstrip("0").rstrip(".")
