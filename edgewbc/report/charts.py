"""Charts with two axes: accuracy over speed, and accuracy over confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from edgewbc.report import style
from edgewbc.report.label_placement import Label, place
from edgewbc.report.style import INK, MUTED, SIZE, Chart

MAX_DIAMETER: Final = 44.0  # diameter of the largest model's circle, in pixels


@dataclass(frozen=True)
class Point:
    """A row of a benchmark on the chart of accuracy over speed.

    Attributes:
        name: its number in the tables.
        speed: images per second.
        accuracy: 0 to 1.
        interval: 95 % interval of the accuracy.
        size: of the model, in MB.
        backend, precision: for the shape and the fill of the mark.
    """

    name: str
    speed: float
    accuracy: float
    interval: tuple[float, float]
    size: float
    backend: str
    precision: str


@dataclass(frozen=True)
class Bin:
    """A bin of a reliability diagram.

    Attributes:
        confidence: mean of the bin, 0 to 1.
        accuracy: share of correct predictions.
        interval: 95 % interval of the accuracy.
    """

    confidence: float
    accuracy: float
    interval: tuple[float, float]


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the indices of the (speed, accuracy) points on the Pareto front, slowest first.

    A point is on the front unless another one is at least as good in both and better in one; of equal points the first
    is kept.
    """
    kept: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (-points[i][0], -points[i][1])):
        if not kept or points[index][1] > points[kept[-1]][1]:
            kept.append(index)
    return kept[::-1]


def stairs(corners: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of the staircase through the points of a front, slowest first: down, then right."""
    steps = [corners[0]]
    for (x, _), (next_x, next_y) in zip(corners, corners[1:], strict=False):
        steps += [(x, next_y), (next_x, next_y)]
    return steps


def front(points: Sequence[Point], label: str, reference: float | None = None) -> Chart:
    """Draw accuracy with its interval over images per second (logarithmic), and the Pareto front.

    Args:
        points: at least one.
        label: what the chart shows, in words.
        reference: an accuracy that gets a line if it lies within the axis.
    """
    return style.chart(lambda width: _front(points, width, reference), "front", label)


def _front(points: Sequence[Point], width: float, reference: float | None) -> Any:
    figure = style.figure(width, 400 if width > 500 else 330)
    (axes,) = style.axes(figure, 52, 14, 12, 46)
    axes.set_xscale("log")
    speeds = [point.speed for point in points]
    lows, highs = [point.interval[0] for point in points], [point.interval[1] for point in points]
    margin = 0.06 * max(max(highs) - min(lows), 0.002)
    axes.set_xlim(min(speeds) / 1.35, max(speeds) * 1.35)
    bottom = min(lows) - margin
    room = (MAX_DIAMETER / 2 + 2) / (72 * figure.get_figheight() * axes.get_position().height)
    top = (max(point.accuracy for point in points) - room * bottom) / (1 - room)  # circles stay within the axes
    axes.set_ylim(100 * bottom, 100 * max(max(highs) + margin, top))
    style.ticks(axes.xaxis, 7 if width > 500 else 5, log=True)
    style.ticks(axes.yaxis, 7)
    axes.set_xlabel("images per second", color=INK, fontsize=SIZE)
    axes.set_ylabel("accuracy, %", color=INK, fontsize=SIZE)
    largest = max(point.size for point in points) or 1.0
    axes.scatter(
        speeds, [100 * point.accuracy for point in points], s=[MAX_DIAMETER**2 * p.size / largest for p in points],
        facecolor=MUTED, edgecolor=MUTED, alpha=0.12, linewidth=1, zorder=1,
    )  # fmt: skip
    best = [points[index] for index in pareto([(point.speed, point.accuracy) for point in points])]
    line = stairs([(point.speed, 100 * point.accuracy) for point in best])
    axes.plot(*zip(*line, strict=True), color=INK, linewidth=1.3, linestyle=(0, (5, 3)), zorder=2)
    for point in points:
        whiskers(axes, point.speed, point.interval)
        axes.plot(
            point.speed, 100 * point.accuracy, style.marker(point.backend), markersize=8.5, markeredgecolor=INK,
            markerfacecolor=style.fill(point.precision), markeredgewidth=1.2, zorder=4,
        )  # fmt: skip
    low, high = axes.get_ylim()
    if reference is not None and low < 100 * reference < high:
        axes.axhline(100 * reference, color=MUTED, linewidth=1.2, linestyle=":", zorder=1)
        axes.annotate(
            "reference", (1, 100 * reference), xycoords=("axes fraction", "data"), xytext=(-4, 3), ha="right",
            textcoords="offset points", fontsize=SIZE - 1, color=MUTED,
        )  # fmt: skip
    labels = [
        Label(p.speed, 100 * p.accuracy, p.name, (100 * p.interval[0], 100 * p.interval[1])) for p in points
    ]  # fmt: skip
    place(axes, labels, line, bold=True)
    return figure


def whiskers(axes: Any, x: float, interval: tuple[float, float], color: str = INK) -> None:
    """Draw an interval of 0 to 1 as an upright line in percent, with caps."""
    low, high = (100 * bound for bound in interval)
    axes.plot([x, x], [low, high], "_-", color=color, linewidth=1, markersize=7, zorder=3, clip_on=False)


def reliability(bins: Sequence[Bin], label: str) -> Chart:
    """Draw the share of correct predictions over confidence; on the diagonal the two are equal.

    Args:
        bins: those with at least one image.
        label: what the chart shows, in words.
    """
    return style.chart(lambda width: _reliability(bins, min(width, 440)), "reliability", label)


def _reliability(bins: Sequence[Bin], width: float) -> Any:
    figure = style.figure(width, 0.86 * width)
    (axes,) = style.axes(figure, 52, 18, 14, 46)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    for axis in (axes.xaxis, axes.yaxis):
        style.ticks(axis)
    axes.set_xlabel("confidence, %", color=INK, fontsize=SIZE)
    axes.set_ylabel("correct, %", color=INK, fontsize=SIZE)
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1.2, linestyle=":", zorder=2)
    places = [(100 * one.confidence, 100 * one.accuracy) for one in bins]
    axes.plot(*zip(*places, strict=True), color=INK, linewidth=1.3, zorder=3, clip_on=False)
    for one, (x, y) in zip(bins, places, strict=True):
        whiskers(axes, x, one.interval)
        axes.plot(
            x, y, "o", markersize=8, markerfacecolor=style.BLUE, markeredgecolor=INK, zorder=4, clip_on=False
        )  # fmt: skip
    return figure
