"""edgewbc.report.label_placement: labels cover neither marks nor each other."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from edgewbc.report import style
from edgewbc.report.label_placement import Box, Label, place

pytest.importorskip("matplotlib")


@pytest.fixture
def axes() -> Any:
    """Axes from 0 to 100 in both directions, of 660 x 360 pixels."""
    (made,) = style.axes(style.figure(720, 420), 40, 20, 20, 40)
    made.set_xlim(0, 100)
    made.set_ylim(0, 100)
    return made


def apart(a: Box, b: Box) -> bool:
    """Whether two boxes share no pixel."""
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_labels_of_close_marks_are_apart(axes: Any) -> None:
    """Eight marks within a few pixels: no label covers a mark or another label, and all are within the axes."""
    labels = [Label(50 + i, 50 + i % 2, f"{100 + i}", (40, 60)) for i in range(8)]
    boxes = place(axes, labels)
    assert len(boxes) == 8
    assert all(apart(a, b) for a, b in combinations(boxes, 2))
    for label in labels:
        x, y = axes.transData.transform((label.x, label.y))
        assert all(apart(box, (x - 4, y - 4, x + 4, y + 4)) for box in boxes)
    assert all(box[0] >= 40 and box[2] <= 700 and box[1] >= 40 and box[3] <= 400 for box in boxes)


def test_a_lone_label_is_next_to_its_mark(axes: Any) -> None:
    """There is no line to it, and a mark without a text gets no label."""
    assert len(place(axes, [Label(50, 50, "64", (50, 50)), Label(80, 80, "", (80, 80))])) == 1
    assert not axes.lines
    (text,) = axes.texts
    x, y = axes.transData.transform(text.get_position())
    mark = axes.transData.transform((50, 50))
    assert abs(x - mark[0]) + abs(y - mark[1]) < 30


def test_a_far_label_has_a_line_to_its_mark(axes: Any) -> None:
    """In a crowd, labels that are far from their marks are connected with them."""
    place(axes, [Label(50 + i % 5, 50 + i // 5, "1234", (50, 50)) for i in range(20)])
    assert axes.lines
