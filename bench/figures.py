"""Figures of the studies: accuracy over speed or size, with the Pareto front."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from edgewbc.report import style
from edgewbc.report.charts import pareto, stairs
from edgewbc.report.label_placement import Label, place
from edgewbc.report.style import INK, MUTED, SIZE


@dataclass(frozen=True)
class Look:
    """Marker, color and legend of a kind of mark; kinds differ in black and white too."""

    marker: str
    color: str
    legend: str


@dataclass(frozen=True)
class Mark:
    """A network on a figure.

    Attributes:
        look: of its kind.
        x: speed or size.
        accuracy: 0 to 1; drawn in percent.
        interval: 95 % interval of the accuracy.
        label: written next to it.
        filled: whether the mark is filled or open.
    """

    look: Look
    x: float
    accuracy: float
    interval: tuple[float, float]
    label: str
    filled: bool = True


def panel(axes: Any, marks: Sequence[Mark], *, faster: bool = True) -> None:
    """Draw marks with intervals and labels over a logarithmic x, and their Pareto front.

    The limits are those of the marks, so call this last.

    Args:
        axes: of `style.axes`.
        marks: at least one.
        faster: whether a larger x is better.
    """
    axes.set_xscale("log")
    xs = [mark.x for mark in marks]
    axes.set_xlim(min(xs) / 1.5, max(xs) * 1.5)
    low, high = min(mark.interval[0] for mark in marks), max(mark.interval[1] for mark in marks)
    axes.set_ylim(100 * low - 4 * (high - low), 100 * high + 4 * (high - low))
    style.ticks(axes.xaxis, 7, log=True)
    style.ticks(axes.yaxis, 7)
    best = pareto([(mark.x if faster else 1 / mark.x, mark.accuracy) for mark in marks])
    corners = [(marks[index].x, 100 * marks[index].accuracy) for index in best]
    line = stairs(corners)
    axes.plot(*zip(*line, strict=True), color=INK, linewidth=1.2, linestyle=(0, (5, 3)), zorder=2)
    for mark in marks:
        bounds = [100 * bound for bound in mark.interval]
        axes.plot([mark.x, mark.x], bounds, color=mark.look.color, linewidth=1.1, alpha=0.45, zorder=1)
        axes.plot(
            mark.x, 100 * mark.accuracy, mark.look.marker, color=mark.look.color, markersize=7, zorder=4,
            fillstyle="full" if mark.filled else "none", markeredgewidth=1.4,
        )  # fmt: skip
    labels = [
        Label(mark.x, 100 * mark.accuracy, mark.label, (100 * mark.interval[0], 100 * mark.interval[1]))
        for mark in marks
    ]  # fmt: skip
    place(axes, labels, line)


def threshold(axes: Any, accuracy: float) -> None:
    """Draw an accuracy of 0 to 1 as a dotted line."""
    axes.axhline(100 * accuracy, color=MUTED, linewidth=1.2, linestyle=":", zorder=1)


def legend(figure: Any, looks: Iterable[Look], lines: Sequence[tuple[str, str]], columns: int = 4) -> None:
    """Put a legend at the top left of a figure.

    Args:
        figure: of `style.saved`.
        looks: kinds of marks; each is named once.
        lines: name and line style of each line that is neither a mark nor an interval.
        columns: entries in a line of the legend.
    """
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker=look.marker, color=look.color, linestyle="none", markersize=7, label=look.legend)
        for look in dict.fromkeys(looks)
    ]
    handles += [Line2D([], [], color=INK, linewidth=1.2, linestyle=kind, label=name) for name, kind in lines]
    figure.legend(
        handles=handles, loc="upper left", ncols=columns, frameon=False, handletextpad=0.4, columnspacing=1.4,
        fontsize=SIZE, labelcolor=INK, borderaxespad=0.3,
    )  # fmt: skip


def label_axes(axes: Any, x: str, y: str = "") -> None:
    """Name the axes."""
    axes.set_xlabel(x, color=INK, fontsize=SIZE)
    if y:
        axes.set_ylabel(y, color=INK, fontsize=SIZE)
