"""The effect of a leaking split on accuracy: the same network and images under two splits, by class, as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.figures import Look, label_axes, legend
from bench.poster.result import PosterResult
from edgewbc.metrics import Interval
from edgewbc.report import style
from edgewbc.report.style import INK, SIZE

SHOWN = "gap"
"""The row of the study that is drawn."""

LOOKS = {
    "poster": Look("o", style.VERMILION, "random over images (poster)"),
    "grouped": Look("s", style.BLUE, "originals kept apart (grouped)"),
}
"""How each protocol is drawn."""


def drawable(result: PosterResult) -> bool:
    """Return whether the row has a result under both protocols."""
    return all(result.part(SHOWN, protocol) is not None for protocol in LOOKS)


def draw(result: PosterResult, path: Path) -> None:
    """Write the figure (SVG or PNG, by the suffix): recall of each class and accuracy, with 95 % intervals.

    Args:
        result: of `python -m bench.poster`, for which `drawable` is true.
        path: of the figure.

    Raises:
        UserError: matplotlib is not installed.
    """
    parts = {protocol: result.part(SHOWN, protocol) for protocol in LOOKS}
    tests = {protocol: part.test["f32"] for protocol, part in parts.items() if part is not None}
    classes = list(tests["poster"].per_class)
    labels = ["all"]
    for name in classes:
        counts = [tests[protocol].per_class[name].originals for protocol in LOOKS]
        labels.append(f"{name}\n({counts[0]} and {counts[1]} originals)")
    with style.saved(path, 760, 62 + 54 * len(labels), "the figure of the poster study") as figure:
        (axes,) = style.axes(figure, 150, 14, 34, 44)
        for place, (protocol, tested) in enumerate(tests.items()):
            values = [(tested.accuracy, tested.clustered_interval)]
            values += [(one.recall, one.clustered_interval) for one in map(tested.per_class.__getitem__, classes)]
            for row, (value, found) in enumerate(values):
                interval = found or (value, value)  # a single original has no interval
                _row(axes, LOOKS[protocol], row + (place - 0.5) * 0.34, value, interval)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_xlim(0, 102)
        style.ticks(axes.xaxis)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        label_axes(axes, "correct predictions on the test images, %, with 95 % intervals over originals")
        legend(figure, LOOKS.values(), [])


def _row(axes: Any, look: Look, y: float, value: float, interval: Interval) -> None:
    axes.plot([100 * bound for bound in interval], [y, y], color=look.color, linewidth=1.6, solid_capstyle="butt")
    axes.plot(100 * value, y, look.marker, color=look.color, markersize=7)
    inside = interval[0] > 0.12
    axes.annotate(
        f"{100 * value:.1f}", (100 * (interval[0] if inside else interval[1]), y), va="center", color=INK,
        ha="right" if inside else "left", xytext=(-5 if inside else 5, 0), textcoords="offset points",
        fontsize=SIZE - 1,
    )  # fmt: skip
