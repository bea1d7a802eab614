"""edgewbc.report.charts, scale and strips: axes, marks, and the front."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgewbc.report import charts, strip_charts
from edgewbc.report.charts import Point, front, pareto
from edgewbc.report.scale import linear, logarithmic, plain, short


def point(name: str, speed: float, accuracy: float, size: float = 1.0, backend: str = "onnx") -> Point:
    """A point with an interval of a point to both sides."""
    bounds = (max(0.0, accuracy - 0.01), min(1.0, accuracy + 0.01))
    return Point(name, f"row {name}", speed, accuracy, bounds, size, backend, "int8")


positive = st.floats(min_value=1e-5, max_value=1e7)


@given(st.floats(-1e6, 1e6), st.just(0.0) | st.floats(1e-6, 1e6))
@example(5e-324, 0.0)
@example(-1e-300, 0.0)
@example(1e-299, 0.0)
def test_linear_axis_holds_its_values(low: float, span: float) -> None:
    """Both ends lie inside, ticks rise and are few."""
    scale = linear(low, low + span)
    slack = 1e-6 * (abs(low) + span) + 1e-12
    assert scale.low <= low + slack
    assert scale.high >= low + span - slack
    assert 2 <= len(scale.ticks) <= 13
    assert list(scale.ticks) == sorted(set(scale.ticks))
    assert 0 <= scale(low) <= scale(low + span) <= 1


@given(positive, st.floats(1, 1e4))
def test_logarithmic_axis_holds_its_values(low: float, ratio: float) -> None:
    """Both ends lie inside, at least two ticks do, and equal ratios are equally far apart."""
    scale = logarithmic(low, low * ratio)
    assert scale.low < low <= low * ratio < scale.high
    assert 2 <= len(scale.ticks) <= 9
    assert scale.low <= scale.ticks[0] < scale.ticks[-1] <= scale.high
    middle = (scale.low * scale.high) ** 0.5
    assert scale(middle) == pytest.approx(0.5)


def test_axes_are_round() -> None:
    """Steps of 1, 2 and 5."""
    assert linear(0.963, 1.0).ticks == pytest.approx((0.96, 0.97, 0.98, 0.99, 1.0))
    assert linear(0, 100).ticks == (0, 20, 40, 60, 80, 100)
    assert logarithmic(90, 1500).ticks == (100, 200, 500, 1000)
    assert logarithmic(1, 1e6).ticks == (1, 10, 100, 1000, 10000, 100000, 1000000)


def test_figures_have_three_digits() -> None:
    """As a person reads them, without exponents."""
    told = {1234.6: "1,235", 12.34: "12.3", 1.0: "1.00", 0.01234: "0.0123", 0: "0", None: "-"}
    assert {value: short(value) for value in told} == told
    assert (plain(20.0), plain(0.05), plain(2000)) == ("20", "0.05", "2,000")


def test_front_is_what_no_other_beats() -> None:
    """The slowest first; an equal one is not added, one that is worse in both is out."""
    points = [point("1", 10, 0.99), point("2", 20, 0.98), point("3", 5, 0.985), point("4", 40, 0.9)]
    assert [one.name for one in pareto([*points, point("5", 20, 0.98)])] == ["1", "2", "4"]
    assert [one.name for one in pareto([points[0], point("6", 10, 0.995)])] == ["6"]


def test_front_is_drawn_down_and_then_to_the_right() -> None:
    """The corner between two points is what the faster one reaches, and not what none does."""
    drawn = front([point("1", 10, 0.99), point("2", 100, 0.95)], "a chart")
    x1, y1, y2, x2 = map(float, re.findall(r'class="front" d="M([\d.]+) ([\d.]+)V([\d.]+)H([\d.]+)"', drawn)[0])
    assert x1 < x2
    assert y1 < y2  # downwards


def test_numbers_lie_apart() -> None:
    """Rows that are almost equal have numbers that can be told apart, each in the chart."""
    points = [point(str(i), 100 + i, 0.98) for i in range(1, 9)]
    drawn = front(points, "a chart")
    places = [(float(x), float(y)) for x, y in re.findall(r'class="name" x="([\d.]+)" y="([\d.]+)"', drawn)]
    assert len(places) == 8
    assert all(abs(a - c) >= 9 or abs(b - d) >= 11.9 for (a, b), (c, d) in combinations(places, 2))
    assert all(charts.LEFT < x < charts.WIDE and 0 < y < charts.TALL for x, y in places)


def test_size_is_an_area_and_the_backend_a_shape() -> None:
    """Four times the MB: twice the radius. A backend that is not known gets a diamond."""
    drawn = front([point("1", 10, 0.9, 4.0, "torch"), point("2", 99, 0.9, 1.0, "other")], "a chart")
    radii = [float(r) for r in re.findall(r'class="size"[^>]* r="([\d.]+)"', drawn)]
    assert radii == [22.0, 11.0]
    assert [len(corners.split()) for corners in re.findall(r'<polygon[^>]*points="([^"]*)"', drawn)] == [3, 4]


def test_reference_line_only_in_sight() -> None:
    """Drawn where the axis reaches it."""
    assert ">reference<" in front([point("1", 10, 0.99)], "a", reference=0.99)
    assert ">reference<" not in front([point("1", 10, 0.5)], "a", reference=0.99)


def test_strips_lie_where_their_values_are() -> None:
    """Percent of the width, from the quantiles; the label is escaped."""
    scale = linear(0, 100)
    drawn = strip_charts.boxes(scale, [float(value) for value in range(101)], "bf16", 'a "<b>"')
    boxes = re.findall(r'<rect class="bf16" x="([\d.]+)%" width="([\d.]+)%"', drawn)
    assert boxes == [("1.00", "98.00"), ("5.00", "90.00"), ("25.00", "50.00")]
    assert 'aria-label="a &quot;&lt;b&gt;&quot;"' in drawn
    assert 'class="tick" x1="50.00%"' in drawn
    bars = strip_charts.bar(scale, 67, "f16", "x")
    assert '<rect class="other" x="0.00%" width="67.00%"' in bars
    assert "circle" not in strip_charts.interval(scale, None, None, "nothing")
