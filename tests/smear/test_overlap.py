"""Cells that overlapping fields show twice are found, and different cells are not taken for one."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.pixels import Box, Image
from edgewbc.smear.overlap import Overlaps
from edgewbc.synth.cells import draw_cell, draw_field
from edgewbc.synth.smear import Slide

SLIDE = Slide.draw(np.random.default_rng(2))
LABELS = ("neutrophil", "lymphocyte", "lymphocyte", "monocyte", "eosinophil", "neutrophil", "lymphocyte", "basophil")


@pytest.fixture(scope="module")
def strip() -> tuple[Image, list[Box]]:
    """A part of a slide, 240 x 900 pixels, with eight white cells."""
    image, boxes = draw_field(np.random.default_rng(4), LABELS, 240, 900, SLIDE)
    return image, [box for _, box in boxes]


def photo(strip: Image, left: int, width: int, seed: int) -> Image:
    """A field of the strip, with noise and light of its own."""
    rng = np.random.default_rng(seed)
    part = strip[:, left : left + width].astype(np.float64) * rng.uniform(0.95, 1.02)
    return np.clip(np.rint(part + rng.normal(0, 2, part.shape)), 0, 255).astype(np.uint8)


def within(boxes: list[Box], left: int, width: int) -> dict[int, Box]:
    """The whole cells of a field, by their number on the strip, with their boxes in the field."""
    found = {}
    for number, (x, y, wide, tall) in enumerate(boxes, 1):
        if left <= x and x + wide <= left + width:
            found[number] = (x - left, y, wide, tall)
    return found


@pytest.mark.parametrize("step", [100, 220, 300])
def test_every_cell_is_found_once(strip: tuple[Image, list[Box]], step: int) -> None:
    image, boxes = strip
    overlaps, numbers, repeated = Overlaps(), dict[int, int](), 0
    for field, left in enumerate(range(0, 900 - 400 + 1, step)):
        cells = within(boxes, left, 400)
        ids = [100 * field + number for number in cells]
        found = overlaps.add(photo(image, left, 400, field), list(cells.values()), ids)
        for number, given, same in zip(cells, ids, found, strict=True):
            assert same == numbers.get(number, 0)
            numbers.setdefault(number, given)
            repeated += bool(same)
    assert repeated


def test_different_cells_of_one_type_are_different() -> None:
    overlaps = Overlaps()
    for number in range(1, 16):
        image = draw_cell("lymphocyte", np.random.default_rng(number), 96, SLIDE)
        assert overlaps.add(image, [None], [number]) == [0]


def test_a_cell_that_was_imaged_again_is_the_same_also_where_the_image_is_tight() -> None:
    overlaps = Overlaps()
    image = draw_cell("monocyte", np.random.default_rng(1), 110, SLIDE)
    assert overlaps.add(image[:100, :100], [None], [1]) == [0]
    assert overlaps.add(photo(image, 0, 110, 3)[4:104, 4:104], [None], [2]) == [1]


def test_an_image_without_cells_or_contrast_matches_nothing() -> None:
    overlaps, plain = Overlaps(), np.full((80, 90, 3), 200, dtype=np.uint8)
    assert overlaps.add(plain, [], []) == []
    assert [overlaps.add(plain, [None], [number]) for number in (1, 2)] == [[0], [0]]


def test_the_oldest_images_are_dropped_when_memory_is_full(
    strip: tuple[Image, list[Box]], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, boxes = strip
    cells = within(boxes, 0, 400)
    monkeypatch.setattr("edgewbc.smear.overlap.MEMORY", 1)
    overlaps = Overlaps()
    ids = list(cells)
    assert overlaps.add(image[:, :400], list(cells.values()), ids) == [0] * len(ids)
    assert overlaps.add(image[:, :400], list(cells.values()), ids) == ids  # the last image is always kept
    other = within(boxes, 500, 400)
    overlaps.add(image[:, 500:], list(other.values()), [50 + number for number in other])
    assert overlaps.add(image[:, :400], list(cells.values()), ids) == [0] * len(ids)
