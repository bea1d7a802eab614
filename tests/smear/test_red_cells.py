"""Tests of `edgewbc.smear.red_cells`: drawn red cells of known size, in any stain and magnification."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.cells import CLASSES
from edgewbc.pixels import Image
from edgewbc.smear import stain
from edgewbc.smear.red_cells import MIN_RED_CELLS, diameter, diameters, summary
from edgewbc.synth.cells import draw_cell
from edgewbc.synth.smear import RED_CELL_RADIUS, Slide, density, develop, empty, surroundings
from tests.smear.stains import STAINS, stained

DRAWN = 0.99 * 2 * RED_CELL_RADIUS
"""Mean diameter of the red cells of `synth.smear.surroundings`, in micrometers."""


def field(seed: int, scale: float, height: int = 480, width: int = 640, crowding: float = 0.4) -> Image:
    """A field of red cells and platelets at a scale in pixels per micrometer."""
    rng = np.random.default_rng(seed)
    slide = replace(Slide.draw(rng), crowding=crowding)
    canvas = empty(height, width)
    surroundings(canvas, rng, slide, scale, [])
    return develop(canvas, rng, slide, scale)


def background(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return stain.background(stain.reduced(image, 240)[0])


@pytest.mark.parametrize("scale", [2.0, 3.5, 6.0, 10.0, 15.0])
def test_any_magnification(scale: float) -> None:
    """The median is within 6 % of what was drawn, from cells of 14 pixels to cells of 108."""
    image = field(3, scale)
    found = diameter(image, background(image))
    assert found is not None
    assert found.diameter == pytest.approx(DRAWN * scale, rel=0.06)
    assert found.count >= MIN_RED_CELLS
    assert found.spread < 0.2


@pytest.mark.parametrize("name", STAINS)
def test_any_stain(name: str) -> None:
    """Neither stain nor light changes the diameter."""
    image = stained(field(5, 6.0), *STAINS[name])
    found = diameter(image, background(image))
    assert found is not None
    assert found.diameter == pytest.approx(DRAWN * 6.0, rel=0.06)


def test_crowded_fields() -> None:
    """Where most cells touch or overlap, those with most of their outline free are measured."""
    pooled = np.concatenate(
        [diameters(image, background(image)) for image in (field(s, 6.0, crowding=0.9) for s in range(4))]
    )
    found = summary(pooled)
    assert found is not None
    assert found.diameter == pytest.approx(DRAWN * 6.0, rel=0.08)


@pytest.mark.parametrize("label", CLASSES)
def test_images_of_single_cells(label: str) -> None:
    """Around a white cell few red cells are whole: pooled over images they give the scale, and the white cell none."""
    pooled = []
    for seed in range(12):
        image = draw_cell(label, np.random.default_rng(seed), 360)
        pooled.append(diameters(image, background(image)))
    found = summary(np.concatenate(pooled))
    assert found is not None
    assert found.diameter == pytest.approx(DRAWN * 360 / 25 * 1.01, rel=0.08)


def test_dark_violet_red_cells() -> None:
    """Red cells in the color of cytoplasm are measured too."""
    rng = np.random.default_rng(2)
    slide = replace(Slide.draw(rng), crowding=0.4, red=density((190, 140, 175)))
    canvas = empty(480, 640)
    surroundings(canvas, rng, slide, 6.0, [])
    image = develop(canvas, rng, slide, 6.0)
    found = diameter(image, background(image))
    assert found is not None
    assert found.diameter == pytest.approx(DRAWN * 6.0, rel=0.06)


def test_a_white_cell_alone_is_no_red_cell() -> None:
    """An image without red cells gives none."""
    for seed, label in enumerate(CLASSES):
        rng = np.random.default_rng(seed)
        image = draw_cell(label, rng, 200, replace(Slide.draw(rng), crowding=0.0))
        assert diameter(image, background(image)) is None


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_in_an_empty_image(level: int) -> None:
    """A blank image has no red cells."""
    image = np.full((100, 120, 3), level, np.uint8)
    assert diameter(image, np.full(3, level, np.uint8)) is None


def test_summary_needs_several_that_agree() -> None:
    """Two are too few, and sizes that differ widely are not red cells."""
    assert summary([70.0, 72.0]) is None
    assert summary([10.0, 14.0, 30.0, 40.0]) is None
    found = summary([68.0, 70.0, 72.0, 74.0])
    assert found is not None
    assert (found.diameter, found.count) == (71.0, 4)
    assert found.spread == pytest.approx(3 / 71)


@settings(max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 2**16), low=st.integers(0, 255))
def test_wild_images(height: int, width: int, seed: int, low: int) -> None:
    """Whatever the pixels, diameters are positive and not larger than the image."""
    image = np.random.default_rng(seed).integers(low, 256, (height, width, 3), dtype=np.uint8)
    for size in diameters(image, background(image)):
        assert 0 < size <= max(height, width)


@pytest.mark.data
def test_public_fields(real_data: Path) -> None:
    """BCCD: 80 fields give 88 to 98 pixels; the annotated boxes leave a margin around the outlines."""
    pooled = []
    for path in sorted((real_data / "bccd" / "JPEGImages").glob("*.jpg"))[:80]:
        image = np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB), dtype=np.uint8)
        pooled.append(diameters(image, background(image)))
    found = summary(np.concatenate(pooled))
    assert found is not None
    assert 88 < found.diameter < 98
