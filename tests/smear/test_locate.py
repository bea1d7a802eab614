"""Tests of `edgewbc.smear.locate`, on synthetic smears of any magnification and stain, and on public fields."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.locate import fields, matched
from edgewbc.cells import CLASSES
from edgewbc.data.sources.bccd import wbc_boxes
from edgewbc.images.decode import decode
from edgewbc.pixels import Image
from edgewbc.smear import locate as locate_module
from edgewbc.smear.locate import LocatedCell, central, is_single, locate
from edgewbc.synth.cells import draw_cell, draw_field
from edgewbc.synth.smear import Slide, density, develop, empty, platelet, surroundings, white_cell
from tests.smear.stains import STAINS, stained


def smear(
    *cells: tuple[str, float, float, float],
    platelets: tuple[tuple[float, float], ...] = (),
    scale: float = 6.0,
    size: tuple[int, int] = (480, 640),
    seed: int = 0,
    red: tuple[int, int, int] | None = None,
    crowding: float = 0.3,
) -> Image:
    """A smear with white cells (label, x, y, radius) and platelets (x, y) in micrometers, `scale` pixels for each."""
    rng = np.random.default_rng(seed)
    slide = replace(Slide.draw(rng), crowding=crowding)
    slide = slide if red is None else replace(slide, red=density(red))
    canvas = empty(*size)
    places = [(np.array((x, y)) * scale, radius * scale) for _, x, y, radius in cells]
    surroundings(canvas, rng, slide, scale, [*places, *((np.array(at) * scale, 2 * scale) for at in platelets)])
    for (label, *_), (center, radius) in zip(cells, places, strict=True):
        white_cell(canvas, label, rng, center, radius, scale)
    for at in platelets:
        platelet(canvas, rng, np.array(at) * scale, scale * 1.2)
    return develop(canvas, rng, slide, scale)


@pytest.mark.parametrize("name", STAINS)
def test_fields_in_any_stain(name: str) -> None:
    """Every drawn cell is located once, and nothing else, in any of the stains."""
    for seed in range(4):
        labels = [CLASSES[(seed + index) % 5] for index in range(4)]
        field, boxes = draw_field(np.random.default_rng(seed), labels, height=480, width=640)
        hits, extra = matched(locate(stained(field, *STAINS[name])), [box for _, box in boxes])
        assert (hits, extra) == (4, 0), seed


@pytest.mark.parametrize("factor", [0.35, 0.6, 1.5, 3.0])
def test_any_magnification(factor: float) -> None:
    """The same field larger or smaller gives the same cells, with boxes in its own pixels."""
    field, boxes = draw_field(np.random.default_rng(7), list(CLASSES[:3]), height=480, width=640)
    resized = cv2.resize(field, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    scaled = [tuple(factor * value for value in box) for _, box in boxes]
    assert matched(locate(np.asarray(resized, dtype=np.uint8)), scaled) == (3, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("label", CLASSES)
def test_the_one_cell_of_an_image(label: str) -> None:
    """An image of a single cell, of any class, gives one cell, that one, not cut off."""
    for seed in range(5):
        cell = draw_cell(label, np.random.default_rng(seed), 200)
        found = locate(cell)
        middle = central(found, 200, 200)
        assert middle is not None
        left, top, width, height = middle.box
        assert left < 100 < left + width
        assert top < 100 < top + height
        assert not middle.cut_off


def test_a_cell_at_the_edge_is_cut_off() -> None:
    """Half a cell is located, and known for half a cell."""
    cell = draw_cell("lymphocyte", np.random.default_rng(0), 200)
    (found,) = locate(np.ascontiguousarray(cell[:, 100:]))
    assert found.cut_off
    assert found.box[0] == 0


@pytest.mark.parametrize("across", [20, 60, 400])
def test_cells_of_any_size(across: int) -> None:
    """A field with a cell of 20 to 400 pixels gives that cell."""
    scale = across / 12
    drawn = smear(("lymphocyte", 20, 15, 6), size=(180, 240))
    size = round(40 * scale), round(30 * scale)
    field = np.asarray(cv2.resize(drawn, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    (cell,) = locate(field)
    left, top, width, height = cell.box
    assert left < 20 * scale < left + width
    assert top < 15 * scale < top + height
    assert 0.5 * across < np.sqrt(cell.nucleus_area) < across


def test_red_cells_as_dark_as_cytoplasm() -> None:
    """Violet red cells are not taken for nuclei, nor for the cytoplasm of one cell between two."""
    field = smear(("neutrophil", 30, 30, 6.5), ("monocyte", 80, 50, 8), red=(190, 135, 165))
    assert len(locate(field)) == 2


@pytest.mark.parametrize("label", ["lymphocyte", "monocyte", "neutrophil"])
def test_touching_cells_are_two(label: str) -> None:
    """Two white cells that touch are two."""
    for seed in range(2):
        assert len(locate(smear((label, 40, 40, 6.5), (label, 54, 40, 6.5), seed=seed))) == 2, seed


def test_two_round_lobes_in_one_cytoplasm_are_one() -> None:
    """A nucleus of two equal, round lobes is one nucleus: cytoplasm surrounds both."""
    image = np.full((200, 200, 3), (245, 235, 225), np.uint8)
    cv2.circle(image, (100, 100), 50, (225, 170, 165), -1)
    for x in (77, 123):
        cv2.circle(image, (x, 100), 19, (100, 60, 140), -1)
    (cell,) = locate(image)
    assert cell.box[0] < 60
    assert cell.box[0] + cell.box[2] > 140


def test_two_cells_with_one_waist_are_two() -> None:
    """The same lobes, each in its own cytoplasm, are two cells."""
    image = np.full((200, 200, 3), (245, 235, 225), np.uint8)
    for x in (77, 123):
        cv2.circle(image, (x, 100), 24, (225, 170, 165), -1)
        cv2.circle(image, (x, 100), 19, (100, 60, 140), -1)
    assert len(locate(image)) == 2


def test_a_bare_nucleus_is_located() -> None:
    """A nucleus without cytoplasm has no cytoplasm to be recognized by, and is located all the same."""
    image = np.full((200, 300, 3), (245, 235, 225), np.uint8)
    cv2.circle(image, (150, 100), 30, (110, 70, 150), -1)
    (cell,) = locate(image)
    assert cell.nucleus_area == pytest.approx(np.pi * 30**2, rel=0.1)


def test_the_platelet_of_an_image_of_one_platelet() -> None:
    """It is the central cell, whether or not the size of nuclei is known."""
    image = smear(platelets=((12.5, 12.5),), scale=14, size=(350, 350), red=(226, 180, 176))
    for nucleus in (None, 80.0):
        middle = central(locate(image, nucleus=nucleus), 350, 350)
        assert middle is not None
        assert middle.box[0] < 175 < middle.box[0] + middle.box[2]


def test_platelets_in_a_field_are_no_cells_once_the_size_of_nuclei_is_known() -> None:
    """Neither alone nor in a clump, and white cells stay."""
    clump = tuple((70 + 2.6 * (k % 3), 20 + 2.6 * (k // 3)) for k in range(3))
    alone = smear(platelets=((20, 20), (85, 60), *clump), scale=6)
    assert locate(alone)
    assert locate(alone, nucleus=55.0) == []
    among = smear(("lymphocyte", 50, 40, 6), platelets=((20, 20), (85, 60), *clump), scale=6)
    assert len(locate(among, nucleus=55.0)) == 1


def test_parts_below_four_percent_of_the_largest_are_no_lobes() -> None:
    """Of a mask with parts of 2500, 121 (4.8 %), 81 (3.2 %) and 4 pixels, two can be lobes; the largest comes first."""
    mask = np.zeros((120, 120), np.uint8)
    for left, side in ((5, 11), (20, 50), (80, 9), (100, 2)):
        mask[20 : 20 + side, left : left + side] = 1
    found = locate_module._components(mask)
    assert [(part.left, part.top, part.right, part.bottom, part.area) for part in found] == [
        (20, 20, 70, 70, 2500),
        (5, 20, 16, 31, 121),
    ]


def test_stain_dirt_is_left_out() -> None:
    """Small, dark grains are not cells beside a cell."""
    field = smear(("monocyte", 50, 40, 8))
    for x, y in ((100, 100), (500, 400), (520, 60)):
        cv2.circle(field, (x, y), 5, (40, 20, 60), -1)
    assert len(locate(field)) == 1


def test_a_blurred_image() -> None:
    """Out of focus, a cell is located."""
    field = cv2.GaussianBlur(smear(("eosinophil", 50, 40, 7)), (0, 0), 6)
    assert len(locate(np.asarray(field, dtype=np.uint8))) == 1


def test_fields_and_images_of_one_cell_are_told_apart() -> None:
    """By what is in the middle: a cell cut off at the edge does not make an image a field."""
    one = smear(("neutrophil", 12.5, 12.5, 6.5), ("lymphocyte", 26, 12, 5), scale=14, size=(350, 350))
    assert is_single(locate(one), 350, 350)
    field = smear(("neutrophil", 25, 20, 6.5))
    assert not is_single(locate(field), 480, 640)
    assert not is_single([], 480, 640)
    grid = [LocatedCell((x, y, 10.0, 10.0), 50.0, False) for x in (5.0, 45.0, 85.0) for y in (5.0, 45.0, 85.0)]
    assert not is_single(grid, 100, 100)


@pytest.mark.parametrize(
    ("side", "width", "area", "single"),
    [(40, 100, 900.0, True), (40, 150, 900.0, False), (40, 150, 400.0, True), (15, 100, 900.0, False)],
    ids=["square", "oblong", "a smaller one", "small cells"],
)
def test_no_cell_of_a_field_is_left_out_for_one_in_the_middle(side: int, width: int, area: float, single: bool) -> None:
    """One cell in the middle and another whole one: of one cell only if it is square, and the cell not small in it."""
    middle = LocatedCell((width / 2 - side / 2, 50 - side / 2, side, side), 1000.0, False)
    other = LocatedCell((2.0, 2.0, 15.0, 15.0), area, False)
    assert is_single([middle, other], 100, width) is single
    assert is_single([middle, replace(other, cut_off=True)], 100, width)


@pytest.mark.parametrize(
    "image",
    [
        np.full((100, 100, 3), 255, np.uint8),
        np.zeros((100, 100, 3), np.uint8),
        np.full((50, 80, 3), (200, 180, 150), np.uint8),
    ],
    ids=["white", "black", "plain"],
)
def test_nothing_in_an_empty_image(image: Image) -> None:
    """A blank image has no cells."""
    assert locate(image) == []


@settings(max_examples=40)
@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 2**16), low=st.integers(0, 255))
def test_wild_images_give_boxes_inside(height: int, width: int, seed: int, low: int) -> None:
    """Whatever the pixels, boxes lie inside the image and areas are positive."""
    image = np.random.default_rng(seed).integers(low, 256, (height, width, 3), dtype=np.uint8)
    for cell in locate(image):
        left, top, box_width, box_height = cell.box
        assert min(left, top) >= 0
        assert left + box_width <= width + 1e-6
        assert top + box_height <= height + 1e-6
        assert cell.nucleus_area > 0


@pytest.mark.data
def test_public_fields(real_data: Path) -> None:
    """BCCD: at least 98 of 100 annotated white cells, and at most one false cell in ten fields."""
    paths = sorted((real_data / "bccd" / "Annotations").glob("*.xml"))
    decoded = (decode((real_data / "bccd/JPEGImages" / f"{path.stem}.jpg").read_bytes()).image for path in paths)
    found = fields(zip(decoded, map(wbc_boxes, paths), strict=True))
    assert found["recall"]["n"] == 372
    assert found["recall"]["share"] >= 0.98
    assert found["false_per_field"] <= 0.1
    assert found["taken_for_one_cell"]["share"] <= 0.06
