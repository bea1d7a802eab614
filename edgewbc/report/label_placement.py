"""Put labels next to the marks of a chart so that they cover neither marks nor each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin
from typing import Any, Final

from edgewbc.report.style import INK, MUTED, SIZE

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in pixels."""

MARK: Final = 5.0  # half the side of a mark, in pixels
CLEARLY: Final = 1.6  # how many times as far the next mark must be from a label without a line
NEAR: Final = 16.0  # a label farther from its mark than this gets a line to it
DISTANCES: Final = (9, 12, 15, 20, 26, 33, 41, 50, 60, 72, 86)
DIRECTIONS: Final = (2, 0, 4, 12, 8, 14, 10, 6, 1, 3, 15, 13, 5, 7, 9, 11)  # sixteenths of a turn, the favorites first


@dataclass(frozen=True)
class Label:
    """A label of a mark.

    Attributes:
        x, y: of the mark, in data coordinates.
        text: the label.
        bounds: of the mark's interval along y, in data coordinates.
    """

    x: float
    y: float
    text: str
    bounds: tuple[float, float]


def place(
    axes: Any, labels: Sequence[Label], lines: Sequence[tuple[float, float]] = (), *, bold: bool = False
) -> list[Box]:
    """Write the labels of the marks of a chart whose limits are set; return the box of each in pixels.

    Each label takes the cheapest of 176 places around its mark: covering a mark or another label is the dearest, then
    an interval or the line, then the distance.

    Args:
        axes: with its final limits and size.
        labels: one a mark; marks without a text are obstacles only.
        lines: corners of a polyline in data coordinates that labels avoid.
        bold: write them in bold.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    at = [tuple(axes.transData.transform((label.x, label.y))) for label in labels]
    hard = [_around(x, y, MARK, MARK) for x, y in at]
    soft = []
    for label, (x, _) in zip(labels, at, strict=True):
        low, high = (axes.transData.transform((label.x, bound))[1] for bound in label.bounds)
        soft.append((x - 1, low, x + 1, high))
    corners = [axes.transData.transform(corner) for corner in lines]
    soft += [
        (min(a[0], b[0]) - 1, min(a[1], b[1]) - 1, max(a[0], b[0]) + 1, max(a[1], b[1]) + 1)
        for a, b in zip(corners, corners[1:], strict=False)
    ]
    frame = axes.get_window_extent(renderer)
    placed: list[Box] = []
    for index, label in enumerate(labels):
        if not label.text:
            continue
        text = axes.text(0, 0, label.text, fontsize=SIZE - 1, color=INK, weight="bold" if bold else "normal")
        extent = text.get_window_extent(renderer)
        text.remove()
        best = min(
            _candidates(at[index], extent.width, extent.height),
            key=lambda one: _cost(one, at, index, hard, soft, placed, (frame.x0, frame.y0, frame.x1, frame.y1)),
        )
        x, y, distance, box = best
        placed.append(box)
        center = axes.transData.inverted().transform((x, y))
        if distance > NEAR:
            mark_x, mark_y = at[index]
            start = (mark_x + (x - mark_x) * MARK / distance, mark_y + (y - mark_y) * MARK / distance)
            end = (min(max(mark_x, box[0]), box[2]), min(max(mark_y, box[1]), box[3]))
            (a, b), (c, d) = axes.transData.inverted().transform([start, end])
            axes.plot([a, c], [b, d], color=MUTED, linewidth=0.7, zorder=3)
        axes.text(
            *center, label.text, ha="center", va="center", fontsize=SIZE - 1, color=INK,
            weight="bold" if bold else "normal", zorder=5,
        )  # fmt: skip
    return placed


_Candidate = tuple[float, float, float, Box]  # center, distance from the mark, box


def _candidates(mark: tuple[float, ...], width: float, height: float) -> list[_Candidate]:
    found = []
    for distance in DISTANCES:
        for turn in DIRECTIONS:
            across, up = cos(turn * pi / 8), sin(turn * pi / 8)
            x = mark[0] + across * (distance + max(0.0, width / 2 - MARK))
            y = mark[1] + up * distance
            found.append((x, y, hypot(x - mark[0], y - mark[1]) - max(0.0, width / 2 - MARK) * abs(across),
                          _around(x, y, width / 2 + 1, height / 2 - 1)))  # fmt: skip
    return found


def _cost(
    candidate: _Candidate, marks: Sequence[tuple[float, ...]], own: int, hard: Sequence[Box], soft: Sequence[Box],
    placed: Sequence[Box], frame: Box,
) -> float:  # fmt: skip
    x, y, distance, box = candidate
    outside = max(0.0, frame[0] - box[0], box[2] - frame[2], frame[1] - box[1], box[3] - frame[3])
    covered = sum(_overlap(box, other) for other in (*hard, *placed))
    crossed = sum(_overlap(box, other) for other in soft)
    nearer = 0.0
    if distance <= NEAR:  # without a line a label belongs to the mark that is clearly the nearest
        mine = hypot(x - marks[own][0], y - marks[own][1])
        near = [hypot(x - a, y - b) for i, (a, b) in enumerate(marks) if i != own]
        nearer = 60.0 * any(other < CLEARLY * mine for other in near)
    return 1000 * outside + 100 * covered + 2 * crossed + nearer + distance


def _around(x: float, y: float, half_width: float, half_height: float) -> Box:
    return x - half_width, y - half_height, x + half_width, y + half_height


def _overlap(a: Box, b: Box) -> float:
    """Return the area that two boxes share, in square pixels."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
