"""Charts with one line for each row of a benchmark: rounds, latency, share of peak, recall by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgewbc.report import style
from edgewbc.report.style import GRID, INK, MUTED, PAPER, SIZE, Chart

TOP: Final = 44.0  # above the rows: the axis
LETTERS: Final = 6.4  # width of a character, in pixels, on the safe side


@dataclass(frozen=True)
class RowText:
    """What is written beside a row of a chart.

    Attributes:
        name, subtitle: on the left.
        value, remark: on the right.
        precision: for the fill of its marks.
    """

    name: str
    subtitle: str
    value: str
    remark: str
    precision: str


@dataclass(frozen=True)
class RowChart:
    """A chart with one line a row, before it is drawn.

    Attributes:
        name: unique on the page.
        label: what the chart shows, in words with all values.
        axis: what its axis is, with the unit.
        limits: of the axis.
        rows: one or more.
        draw: draws the marks of a row, given the axes, the row's index and y.
        log: whether the axis is logarithmic.
    """

    name: str
    label: str
    axis: str
    limits: tuple[float, float]
    rows: Sequence[RowText]
    draw: Callable[[Any, int, float], None]
    log: bool = False

    def chart(self) -> Chart:
        """Draw it at both widths."""
        return style.chart(self._figure, self.name, self.label)

    def _figure(self, width: float) -> Any:
        layout = _WIDE if width > 500 else _NARROW
        inner = width - layout.left - layout.right
        figure = style.figure(width, TOP + layout.height * len(self.rows) + 4)
        (axes,) = style.axes(figure, layout.left, layout.right, TOP, 4)
        if self.log:
            axes.set_xscale("log")
        axes.set_xlim(*self.limits)
        axes.set_ylim(layout.height * len(self.rows), 0)  # one unit a pixel
        axes.xaxis.tick_top()
        axes.tick_params(length=0, labelsize=SIZE - 0.5, labelcolor=MUTED)
        style.ticks(axes.xaxis, 6 if width > 500 else 5, log=self.log)
        axes.set_xlabel(self.axis, color=MUTED, fontsize=SIZE - 0.5)
        axes.xaxis.set_label_position("top")
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        across = axes.get_yaxis_transform()
        edges = -layout.left / inner, 1 + layout.right / inner
        for index, row in enumerate(self.rows):
            top = layout.height * index
            if index:
                axes.plot(edges, [top, top], color=GRID, linewidth=1, clip_on=False, zorder=0, transform=across)
            for x, side, texts in (
                (edges[0], "left", (row.name, row.subtitle)),
                (edges[1], "right", (row.value, row.remark)),
            ):
                lines = [text for text in texts if text]
                first = layout.text - 7 * (len(lines) - 1)
                for line, text in enumerate(lines):
                    axes.text(
                        x, top + first + 14 * line, shorten(text, int(layout.room / LETTERS)), ha=side, va="center",
                        fontsize=SIZE - 1.5 * line, color=MUTED if line else INK, transform=across,
                        weight="normal" if line else "bold",
                    )  # fmt: skip
            self.draw(axes, index, top + layout.middle)
        return figure


@dataclass(frozen=True)
class _Layout:
    """Where things are, in pixels: margins, height of a row, and in a row the middle of the texts and of the marks."""

    left: float
    right: float
    height: float
    text: float
    middle: float
    room: float  # for a text


_WIDE: Final = _Layout(left=190, right=150, height=40, text=20, middle=20, room=184)
_NARROW: Final = _Layout(left=14, right=14, height=60, text=18, middle=46, room=170)


def shorten(text: str, most: int) -> str:
    """Cut the middle out of a text of more than `most` characters."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}\u2026{text[len(text) - tail :]}"


def rounds(
    name: str, label: str, rows: Sequence[RowText], deviations: Sequence[Sequence[float]], least: float
) -> Chart:
    """Draw a dot a round: how far it lies from the median of the row, in percent; the median is the tick at 0.

    Args:
        deviations: of each row, in percent, one a round.
        least: percent that the axis covers at least to both sides.
    """
    far = 1.12 * max(least, *(abs(value) for values in deviations for value in values))

    def draw(axes: Any, index: int, y: float) -> None:
        values = deviations[index]
        axes.plot([min(values), max(values)], [y, y], color=INK, linewidth=1.1)
        _tick(axes, 0, y)
        axes.plot(values, [y] * len(values), "o", **_mark(rows[index].precision))

    return RowChart(name, label, "% from the median", (-far, far), rows, draw).chart()


def letter_values(name: str, label: str, rows: Sequence[RowText], quantiles: Sequence[Sequence[float]]) -> Chart:
    """Draw distributions: a line over all values, boxes over the middle 98, 90 and 50 %, a tick at the median.

    A letter-value plot (Hofmann, Wickham and Kafadar 2017, "Letter-value plots: boxplots for large data", JCGS 26:3):
    unlike a box plot it shows the tail, which is what a user waits for.

    Args:
        quantiles: the 0th, 1st, ... 100th percentile of each row, in milliseconds.
    """
    limits = min(values[0] for values in quantiles) / 1.1, max(values[100] for values in quantiles) * 1.1

    def draw(axes: Any, index: int, y: float) -> None:
        values = quantiles[index]
        axes.plot([values[0], values[100]], [y, y], color=INK, linewidth=1.1)
        for low, height in ((1, 5), (5, 11), (25, 17)):
            left, right = values[low], values[100 - low]
            _bar(axes, left, right - left, y, height, rows[index].precision)
        _tick(axes, values[50], y)

    return RowChart(name, label, "milliseconds per image", limits, rows, draw, log=True).chart()


def shares(name: str, label: str, rows: Sequence[RowText], percents: Sequence[float]) -> Chart:
    """Draw a bar a row, in percent of the peak."""

    def draw(axes: Any, index: int, y: float) -> None:
        _bar(axes, 0, percents[index], y, 14, rows[index].precision)

    return RowChart(name, label, "% of the peak", (0, max(100.0, 1.05 * max(percents))), rows, draw).chart()


def intervals(
    name: str, label: str, rows: Sequence[RowText],
    values: Sequence[tuple[float, tuple[float, float]] | None],
) -> Chart:  # fmt: skip
    """Draw a dot with its interval a row, in percent; None draws nothing."""
    low = min((value[1][0] for value in values if value), default=0.0)

    def draw(axes: Any, index: int, y: float) -> None:
        if (value := values[index]) is None:
            return
        middle, bounds = value
        axes.plot(bounds, [y, y], "|-", color=INK, linewidth=1.6, markersize=9, clip_on=False)
        axes.plot(middle, y, "o", **_mark(rows[index].precision), clip_on=False)

    return RowChart(name, label, "recall, %", (max(0.0, low - 1), 100), rows, draw).chart()


def _mark(precision: str) -> dict[str, Any]:
    return {
        "markersize": 8,
        "markerfacecolor": style.fill(precision),
        "markeredgecolor": INK,
        "markeredgewidth": 1.2,
        "zorder": 4,
    }


def _bar(axes: Any, left: float, width: float, y: float, height: float, precision: str) -> None:
    axes.barh(
        y, width, height, left, facecolor=style.fill(precision), edgecolor=INK, linewidth=1.1, zorder=3
    )  # fmt: skip


def _tick(axes: Any, x: float, y: float) -> None:
    """Draw a tick on a light edge, so that it is seen on a filled box too."""
    for color, width in ((PAPER, 4.5), (INK, 2.2)):
        axes.plot([x, x], [y - 12, y + 12], color=color, linewidth=width, zorder=5, solid_capstyle="butt")
