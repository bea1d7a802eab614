"""Where a map is drawn, and that nothing is drawn where nothing speaks for the label."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.images.decode import decode
from edgewbc.lab.overlay import overlay, window_of
from edgewbc.pixels import Box, Image


@pytest.fixture
def gray() -> Image:
    return np.full((60, 80, 3), 128, np.uint8)


def changed(plain: Image, drawn: Image) -> tuple[float, float]:
    """Return the middle of what was colored, x and y as shares of the image."""
    rows, columns = np.nonzero(np.abs(plain.astype(int) - drawn).sum(2) > 60)
    return columns.mean() / plain.shape[1], rows.mean() / plain.shape[0]


@pytest.mark.parametrize(("place", "wanted"), [((0, 0), (0.25, 0.25)), ((1, 0), (0.25, 0.75)), ((1, 1), (0.75, 0.75))])
def test_the_map_lies_on_its_place(gray: Image, place: tuple[int, int], wanted: tuple[float, float]) -> None:
    evidence = np.zeros((2, 2))
    evidence[place] = 2.5
    found = overlay(gray, (0, 0, 80, 60), evidence, (0, 0, 80, 60), 160)
    assert found.drawn.shape == (120, 160, 3)
    assert found.highest == 2.5
    assert changed(found.plain, found.drawn) == pytest.approx(wanted, abs=0.12)
    assert decode(found.png).image.tolist() == found.drawn.tolist()
    assert found.pair(8).shape == (120, 328, 3)


def test_a_part_of_the_image_is_drawn_at_its_place(gray: Image) -> None:
    """The network sees the right half only: the left one stays as it is."""
    found = overlay(gray, (40, 0, 40, 60), np.ones((3, 3)), (0, 0, 80, 60), 160)
    assert np.array_equal(found.drawn[:, :72], found.plain[:, :72])
    assert not np.array_equal(found.drawn[60, 120], found.plain[60, 120])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_nothing_is_colored_where_nothing_speaks_for_the_label(gray: Image, value: float) -> None:
    found = overlay(gray, (0, 0, 80, 60), np.full((4, 4), value), (0, 0, 80, 60), 80)
    assert found.highest == 0
    assert np.array_equal(found.drawn[1:-1, 1:-1], found.plain[1:-1, 1:-1])


@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ((0, 0, 80, 60), (0, 0, 80, 60)),
        ((30, 20, 20, 20), (27, 17, 26, 26)),
        ((-10, 5, 40, 40), (-16, -1, 52, 52)),
        ((-9, 20, 90, 20), (0, 17, 80, 26)),
    ],
)
def test_the_window_has_the_part_in_the_middle(gray: Image, part: Box, wanted: Box) -> None:
    assert window_of(gray, part) == wanted
