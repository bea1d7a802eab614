"""bench.locate: counting of located cells against annotated ones."""

from __future__ import annotations

import numpy as np
import pytest

from bench.locate import covers, fields, matched, overlap, proportion, singles
from edgewbc.smear.locate import LocatedCell
from edgewbc.synth.cells import draw_cell


def cell(left: float, top: float, side: float = 10.0) -> LocatedCell:
    return LocatedCell((left, top, side, side), side * side / 2, False)


def test_overlap() -> None:
    """Half of a box in common is a third of the union."""
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (20, 0, 10, 10)) == 0


def test_each_box_has_a_cell_of_its_own() -> None:
    """One cell does not count for two boxes, and what is left over is false."""
    assert matched([cell(0, 0)], [(0, 0, 10, 10), (1, 0, 10, 10)]) == (1, 0)
    assert matched([cell(0, 0), cell(50, 50)], [(1, 1, 10, 10)]) == (1, 1)
    assert matched([], [(1, 1, 10, 10)]) == (0, 0)


def test_counts() -> None:
    """Shares come with the number they are of and an interval."""
    assert proportion(0, 0) == {"count": 0, "n": 0, "share": None, "interval": None}
    found = proportion(9, 10)
    assert found["share"] == 0.9
    assert found["interval"][0] < 0.9 < found["interval"][1]
    assert covers((0, 0, 10, 10), 5, 5)
    assert not covers((0, 0, 10, 10), 11, 5)


def test_drawn_images() -> None:
    """Drawn cells are in the middle; an empty field has neither hits nor false cells."""
    images = [draw_cell("lymphocyte", np.random.default_rng(seed), 120) for seed in range(3)]
    found = singles(images)
    assert (found["images"], found["central"]["count"], found["taken_for_field"]["count"]) == (3, 3, 0)
    empty = fields([(np.full((60, 80, 3), 240, np.uint8), [])])
    assert (empty["recall"]["n"], empty["false_cells"], empty["taken_for_one_cell"]["count"]) == (0, 0, 0)
