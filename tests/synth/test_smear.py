"""Tests of `edgewbc.synth.smear`. What cells and fields look like is tested in `test_synth`."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.cells import CLASSES
from edgewbc.synth import smear
from edgewbc.synth.smear import Slide, density, develop, empty, stain, surroundings, white_cell

SCALE = 4.0
CENTRE = np.array([60.0, 50.0])


@pytest.fixture
def slide() -> Slide:
    return Slide.draw(np.random.default_rng(3))


def test_density_is_the_logarithm_of_the_light() -> None:
    """White (245) has none, half the light has ln 2, and layers add up."""
    np.testing.assert_allclose(density((245, 122.5, 61.25)), [0, np.log(2), 2 * np.log(2)], atol=1e-12)


def test_stain_blends_in_place() -> None:
    """Where the mask is 1 the colour stands, where it is 0 nothing changes, between it is between."""
    canvas = np.ones((1, 3, 3))
    stain(canvas, np.array([[0.0, 0.5, 1.0]]), np.array([3.0, 1.0, 0.0]))
    np.testing.assert_allclose(canvas[0], [[1, 1, 1], [2, 1, 0.5], [3, 1, 0]])


@pytest.mark.parametrize("label", CLASSES)
def test_a_white_cell_stays_within_its_box(label: str) -> None:
    """The box is about the cell's size, what lies outside of it is left as it was, and the generator determines it."""
    canvas = empty(100, 120)
    radius = SCALE * float(np.mean(smear.RADII[label]))
    left, top, width, height = white_cell(canvas, label, np.random.default_rng(1), CENTRE, radius, SCALE)
    assert width == pytest.approx(2 * radius, rel=0.15)
    assert height == pytest.approx(2 * radius, rel=0.15)
    x0, y0, x1, y1 = int(left) - 2, int(top) - 2, int(left + width) + 4, int(top + height) + 4
    assert canvas[50, 60].min() > 0
    canvas[max(y0, 0) : y1, max(x0, 0) : x1] = 0
    assert np.abs(canvas).max() < 0.02
    again, other = empty(100, 120), empty(100, 120)
    white_cell(again, label, np.random.default_rng(1), CENTRE, radius, SCALE)
    white_cell(other, label, np.random.default_rng(2), CENTRE, radius, SCALE)
    assert not np.array_equal(again, other)


def test_red_cells_leave_white_cells_free(slide: Slide) -> None:
    """Red cells cover a share of the free area, and hardly reach into the disc of a white cell."""
    canvas = empty(160, 160)
    centre = np.array([80.0, 80.0])
    surroundings(canvas, np.random.default_rng(5), slide, SCALE, [(centre, 30.0)])
    assert 0.15 < (canvas.max(2) > 0.05).mean() < 0.95
    y, x = np.mgrid[:160, :160]
    assert canvas[np.hypot(x - 80, y - 80) < 24].max() < 0.05


def test_develop_gives_the_lamps_light_where_nothing_is(slide: Slide) -> None:
    """An empty canvas is uint8 of the slide's light, give or take unevenness and noise; density makes it darker."""
    light = develop(empty(80, 90), np.random.default_rng(0), slide, SCALE)
    assert light.shape == (80, 90, 3)
    assert light.dtype == np.uint8
    np.testing.assert_allclose(light.mean((0, 1)), np.minimum(slide.light, 255), atol=6)
    dark = develop(empty(80, 90) + np.log(2) / slide.dye, np.random.default_rng(0), slide, SCALE)
    np.testing.assert_allclose(dark.mean((0, 1)), slide.light / 2, atol=4)


def test_slides_stay_within_what_a_microscope_shows() -> None:
    """Light near white, a stain of half to one and a half times the usual, crowding below one."""
    for seed in range(50):
        one = Slide.draw(np.random.default_rng(seed))
        assert 210 < one.light.min() <= one.light.max() < 256
        assert 0.65 < one.dye.min() <= one.dye.max() < 1.35
        assert 0.35 <= one.crowding <= 0.8
        assert one.red.min() > 0
