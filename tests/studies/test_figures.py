"""bench.figures: what the figures of the studies share."""

from __future__ import annotations

from typing import Any

import pytest

from bench.figures import Look, Mark, legend, panel, threshold
from edgewbc.report import style

pytest.importorskip("matplotlib")

OURS = Look("o", style.BLUE, "ours")


@pytest.fixture
def axes() -> Any:
    """Axes of a figure."""
    (made,) = style.axes(style.figure(500, 300), 50, 10, 30, 40)
    return made


def mark(x: float, accuracy: float, *, filled: bool = True) -> Mark:
    """A mark with an interval of two percent to both sides."""
    return Mark(OURS, x, accuracy, (accuracy - 0.02, accuracy + 0.02), "64", filled)


@pytest.mark.parametrize(
    ("faster", "stairs"), [(True, [[1.0, 96.0], [1.0, 95.0], [4.0, 95.0]]), (False, [[1.0, 96.0]])]
)
def test_front_excludes_dominated_points(axes: Any, faster: bool, stairs: list[list[float]]) -> None:
    """If more is better, the fast point is on the front; if less is better, the smallest point dominates all."""
    panel(axes, [mark(1.0, 0.96), mark(2.0, 0.94), mark(4.0, 0.95)], faster=faster)
    assert axes.lines[0].get_xydata().round(6).tolist() == stairs
    assert axes.get_xscale() == "log"
    assert axes.get_ylim()[0] < 92
    assert axes.get_ylim()[1] > 98


def test_open_marks_differ_from_filled_ones(axes: Any) -> None:
    """Marks of int8 are filled, others are open."""
    panel(axes, [mark(1.0, 0.9), mark(2.0, 0.9, filled=False)])
    assert [line.get_fillstyle() for line in axes.lines if line.get_marker() == "o"] == ["full", "none"]


def test_legend_names_every_kind_and_line_once(axes: Any) -> None:
    """Two marks of a kind have one entry; the lines are named too."""
    threshold(axes, 0.9)
    legend(axes.figure, [OURS, OURS, Look("s", style.GREEN, "theirs")], [("Pareto front", "--"), ("threshold", ":")])
    (made,) = axes.figure.legends
    assert [text.get_text() for text in made.get_texts()] == ["ours", "theirs", "Pareto front", "threshold"]
