"""Tests of `edgewbc.synth.smear`. Complete cells and fields are tested in `test_cells`."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.synth import smear
from edgewbc.synth.smear import Slide, density, develop, empty, stain, surroundings, white_cell

SCALE = 4.0
CENTER = np.array([60.0, 50.0])


@pytest.fixture
def slide() -> Slide:
    """A random slide."""
    return Slide.draw(np.random.default_rng(3))


def test_density_is_the_logarithm_of_the_light() -> None:
    """White (245) has density 0, half the light ln 2, and densities add up."""
    np.testing.assert_allclose(density((245, 122.5, 61.25)), np.log([1, 2, 4]), atol=1e-12)


def test_stain_blends_in_place() -> None:
    """The color where the mask is 1, the canvas where it is 0, a mixture between."""
    canvas = np.ones((1, 3, 3))
    stain(canvas, np.array([[0.0, 0.5, 1.0]]), np.array([3.0, 1.0, 0.0]))
    np.testing.assert_allclose(canvas[0], [[1.0, 1.0, 1.0], [2.0, 1.0, 0.5], [3.0, 1.0, 0.0]])


@pytest.mark.parametrize("label", [*CLASSES, *OTHER_CLASSES])
def test_white_cell_is_inside_its_box(label: str) -> None:
    """The box has about the cell's size, nothing outside it changes, and the generator determines the cell."""
    canvas = empty(100, 120)
    radius = SCALE * float(np.mean(smear.RADII[label]))
    left, top, width, height = white_cell(canvas, label, np.random.default_rng(1), CENTER, radius, SCALE)
    assert width == pytest.approx(2 * radius, rel=0.15)
    assert height == pytest.approx(2 * radius, rel=0.15)
    x0, y0, x1, y1 = int(left) - 2, int(top) - 2, int(left + width) + 4, int(top + height) + 4
    assert canvas[50, 60].min() > 0
    canvas[max(y0, 0) : y1, max(x0, 0) : x1] = 0
    assert np.abs(canvas).max() < 0.02
    again, other = empty(100, 120), empty(100, 120)
    white_cell(again, label, np.random.default_rng(1), CENTER, radius, SCALE)
    white_cell(other, label, np.random.default_rng(2), CENTER, radius, SCALE)
    assert not np.array_equal(again, other)


def test_red_cells_do_not_cover_white_cells(slide: Slide) -> None:
    """Red cells cover a share of the free area and none of the inner disc of a white cell."""
    canvas = empty(160, 160)
    center = np.array([80.0, 80.0])
    surroundings(canvas, np.random.default_rng(5), slide, SCALE, [(center, 30.0)])
    assert 0.15 < (canvas.max(2) > 0.05).mean() < 0.95
    y, x = np.mgrid[:160, :160]
    assert canvas[np.hypot(x - 80, y - 80) < 24].max() < 0.05


def test_develop(slide: Slide) -> None:
    """An empty canvas has the slide's light, up to unevenness and noise; density ln 2 halves it."""
    light = develop(empty(80, 90), np.random.default_rng(0), slide, SCALE)
    assert light.shape == (80, 90, 3)
    assert light.dtype == np.uint8
    np.testing.assert_allclose(light.mean((0, 1)), np.minimum(slide.light, 255), atol=6)
    dark = develop(empty(80, 90) + np.log(2) / slide.dye, np.random.default_rng(0), slide, SCALE)
    np.testing.assert_allclose(dark.mean((0, 1)), slide.light / 2, atol=4)


def test_slides_are_plausible() -> None:
    """Light near white, a dye factor of 0.65 to 1.35, crowding of 0.35 to 0.8."""
    for seed in range(50):
        one = Slide.draw(np.random.default_rng(seed))
        assert 210 < one.light.min() <= one.light.max() < 256
        assert 0.65 < one.dye.min() <= one.dye.max() < 1.35
        assert 0.35 <= one.crowding <= 0.8
        assert one.red.min() > 0
