"""Tests of `edgewbc.smear.locate`, on synthetic smears of any magnification and stain, and on public fields."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.cells import CLASSES
from edgewbc.pixels import Box, Image
from edgewbc.smear.locate import LocatedCell, central, locate
from edgewbc.synth.cells import draw_cell, draw_field
from tests.smear.stains import STAINS, stained


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    both = max(0.0, width) * max(0.0, height)
    return both / (first[2] * first[3] + second[2] * second[3] - both)


def matched(cells: list[LocatedCell], boxes: list[Box]) -> tuple[int, int]:
    """How many boxes have a cell of their own at IoU >= 0.3, and how many cells have no box."""
    left = list(cells)
    hits = 0
    for box in boxes:
        best = max(left, key=lambda cell: overlap(cell.box, box), default=None)
        if best is not None and overlap(best.box, box) >= 0.3:
            left.remove(best)
            hits += 1
    return hits, len(left)


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
    from xml.etree import ElementTree

    hits = expected = extra = 0
    fields = sorted((real_data / "bccd" / "Annotations").glob("*.xml"))
    for path in fields:
        boxes: list[Box] = []
        for item in ElementTree.parse(path).iter("object"):  # noqa: S314
            if item.findtext("name") == "WBC":
                left, top, right, bottom = (
                    float(item.findtext(f"bndbox/{name}") or 0) for name in ("xmin", "ymin", "xmax", "ymax")
                )
                boxes.append((left, top, right - left, bottom - top))
        image = cv2.cvtColor(cv2.imread(str(real_data / "bccd/JPEGImages" / f"{path.stem}.jpg")), cv2.COLOR_BGR2RGB)
        found, more = matched(locate(np.asarray(image, dtype=np.uint8)), boxes)
        hits, expected, extra = hits + found, expected + len(boxes), extra + more
    assert expected == 372
    assert hits >= 0.98 * expected
    assert extra <= 0.1 * len(fields)
