"""edgewbc.report.charts: the Pareto front, and what is drawn where."""

from __future__ import annotations

import pytest

from edgewbc.report import charts
from edgewbc.report.charts import Bin, Point, pareto, stairs

pytest.importorskip("matplotlib")


def point(name: str, speed: float, accuracy: float, size: float = 1.0, backend: str = "onnx") -> Point:
    """A point with an interval of one percent to both sides."""
    bounds = (max(0.0, accuracy - 0.01), min(1.0, accuracy + 0.01))
    return Point(name, speed, accuracy, bounds, size, backend, "int8")


def test_front_has_what_no_other_point_beats() -> None:
    """Slowest first; of equal points the first is kept, a point that is worse in both is left out."""
    points = [(10.0, 0.99), (20.0, 0.98), (5.0, 0.985), (40.0, 0.9), (20.0, 0.98)]
    assert pareto(points) == [0, 1, 3]
    assert pareto([(10.0, 0.99), (10.0, 0.995)]) == [1]


def test_stairs_go_down_and_then_to_the_right() -> None:
    """The corner between two points is an accuracy that the faster point reaches at the slower speed."""
    assert stairs([(10, 99), (100, 95)]) == [(10, 99), (10, 95), (100, 95)]
    assert stairs([(10, 99)]) == [(10, 99)]


def test_marks_lie_at_their_values() -> None:
    """Marks are at speed and percent; a backend has its marker, four times the size has twice the diameter."""
    figure = charts._front([point("1", 10, 0.9, 4.0, "torch"), point("2", 99, 0.95, 1.0, "other")], 720, None)
    (axes,) = figure.axes
    marks = {line.get_marker(): line.get_xydata().tolist() for line in axes.lines if line.get_marker() in "^D"}
    assert marks == {"^": [[10.0, 90.0]], "D": [[99.0, 95.0]]}
    large, small = axes.collections[0].get_sizes()
    assert large == pytest.approx(4 * small)
    assert axes.get_xscale() == "log"
    low, high = axes.get_ylim()
    assert low < 89
    assert high > 96


def test_reference_line_only_within_the_axis() -> None:
    """The line and its name are drawn only where the axis reaches the reference."""
    shown = charts.front([point("1", 10, 0.99)], "a chart", reference=0.99)
    assert "reference" in shown.wide
    assert "reference" in shown.narrow
    assert "reference" not in charts.front([point("1", 10, 0.5)], "a chart", reference=0.99).wide


def test_reliability_reaches_the_corner() -> None:
    """A bin of confidence and accuracy 1 lies within the canvas, not clipped by the axes."""
    figure = charts._reliability([Bin(0.5, 0.25, (0.1, 0.6)), Bin(1.0, 1.0, (0.9, 1.0))], 440)
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [dot.get_xydata().tolist() for dot in dots] == [[[50.0, 25.0]], [[100.0, 100.0]]]
    assert not any(dot.get_clip_on() for dot in dots)
    right, top = axes.transData.transform((100, 100))
    assert right + 5 < 440
    assert top + 5 < 0.86 * 440
