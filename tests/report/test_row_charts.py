"""edgewbc.report.row_charts: one line a row."""

from __future__ import annotations

from typing import Any

import pytest

from edgewbc.report import row_charts, style
from edgewbc.report.row_charts import RowText

pytest.importorskip("matplotlib")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that are drawn, instead of their SVG."""
    figures: list[Any] = []

    def keep(figure: Any, name: str, label: str) -> str:
        figures.append(figure)
        return ""

    monkeypatch.setattr(style, "svg", keep)
    return figures


def rows(*precisions: str) -> list[RowText]:
    """Rows that are called a, b, ..."""
    return [RowText(letter, "model", "1 ms", "", one) for letter, one in zip("abc", precisions, strict=False)]


def test_letter_values_are_the_quantiles(drawn: list[Any]) -> None:
    """Boxes over the middle 98, 90 and 50 % of 1 to 101, from thin to thick; the tick is at the median."""
    row_charts.letter_values("latency", "words", rows("bf16"), [[float(value) for value in range(1, 102)]])
    (axes,) = drawn[0].axes
    boxes = [(box.get_x(), box.get_x() + box.get_width(), box.get_height()) for box in axes.patches]
    assert boxes == [(2.0, 100.0, 5), (6.0, 96.0, 11), (26.0, 76.0, 17)]
    assert {float(line.get_xdata()[0]) for line in axes.lines if line.get_linewidth() > 2} == {51.0}
    assert axes.get_xscale() == "log"


def test_rounds_lie_around_the_median(drawn: list[Any]) -> None:
    """One dot a round; the axis reaches as far to the left as to the right, and at least the least."""
    row_charts.rounds("rounds", "words", rows("f32", "int8"), [[-2.0, 0.0, 1.0], [0.0]], 5.0)
    (axes,) = drawn[0].axes
    dots = [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "o"]
    assert dots == [[-2.0, 0.0, 1.0], [0.0]]
    low, high = axes.get_xlim()
    assert high == pytest.approx(-low)
    assert high >= 5.0


def test_bars_begin_at_zero_and_have_the_fill_of_their_precision(drawn: list[Any]) -> None:
    """A share above 100 % is within the axis."""
    row_charts.shares("peak", "words", rows("f32", "bf16", "int8"), [50.0, 90.0, 120.0])
    (axes,) = drawn[0].axes
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0, 50.0), (0, 90.0), (0, 120.0)]
    assert len({bar.get_facecolor() for bar in axes.patches}) == 3
    assert axes.get_xlim()[1] > 120


def test_an_interval_that_is_not_known_is_not_drawn(drawn: list[Any]) -> None:
    """The row has its text and no mark."""
    row_charts.intervals("recall", "words", rows("int8", "int8"), [(90.0, (80.0, 95.0)), None])
    (axes,) = drawn[0].axes
    assert [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "o"] == [[90.0]]
    assert [text.get_text() for text in axes.texts if text.get_weight() == "bold"] == ["a", "1 ms", "b", "1 ms"]


def test_long_texts_are_cut_in_the_middle() -> None:
    """Both ends of a name remain."""
    assert row_charts.shorten("abcdefghij", 10) == "abcdefghij"
    assert row_charts.shorten("abcdefghijk", 7) == "abc\u2026ijk"
