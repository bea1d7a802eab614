"""Tests of `edgewbc.smear.pairs`: white cells that touch are two, or told of; a nucleus with lobes stays one."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from edgewbc.cells import CLASSES
from edgewbc.pixels import Box, Image, PixelSpec
from edgewbc.smear.learning import learn
from edgewbc.smear.lobes import Component
from edgewbc.smear.locate import LocatedCell, locate
from edgewbc.smear.pairs import NucleusForm, split
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import draw_cell
from edgewbc.synth.smear import RADII, Slide, develop, empty, surroundings, white_cell
from tests.smear.stains import STAINS, stained

SCALE = 6.0
BACKGROUND, CYTOPLASM, NUCLEUS = (245, 235, 225), (225, 170, 165), (100, 60, 140)


def slide(seed: int = 1) -> Slide:
    """The one slide of these tests, with few red cells."""
    return replace(Slide.draw(np.random.default_rng(seed)), crowding=0.3)


@cache
def usual() -> float:
    """Square root of the usual nuclear area on it, in pixels."""
    found = [
        math.sqrt(
            max(cell.nucleus_area for cell in locate(draw_cell(label, np.random.default_rng(seed), 150, slide())))
        )
        for label in CLASSES
        for seed in range(3)
    ]
    return float(np.median(found))


@cache
def touching(labels: tuple[str, ...], apart: float, seed: int) -> tuple[Image, list[Box]]:
    """A smear with cells in a row whose centers are `apart` times the sum of their radii apart, and their boxes."""
    rng = np.random.default_rng(seed)
    radii = [rng.uniform(*RADII[label]) * SCALE for label in labels]
    turn = rng.uniform(0, 2 * np.pi)
    way = np.array((np.cos(turn), np.sin(turn)))
    along = [0.0]
    for one, other in zip(radii, radii[1:], strict=False):
        along.append(along[-1] + apart * (one + other))
    centers = [np.array((170.0, 170.0)) + (place - along[-1] / 2) * way for place in along]
    canvas = empty(340, 340)
    surroundings(canvas, rng, slide(), SCALE, list(zip(centers, radii, strict=True)))
    boxes = [
        white_cell(canvas, label, rng, center, radius, SCALE)
        for label, center, radius in zip(labels, centers, radii, strict=True)
    ]
    return develop(canvas, rng, slide(), SCALE), boxes


def told(cells: list[LocatedCell], boxes: list[Box]) -> bool:
    """Whether each of these cells has a located one in its middle, or one that may be two was found there."""

    def covered(cell: LocatedCell, box: Box) -> bool:
        x, y = box[0] + box[2] / 2, box[1] + box[3] / 2
        return cell.box[0] <= x <= cell.box[0] + cell.box[2] and cell.box[1] <= y <= cell.box[1] + cell.box[3]

    here = [cell for cell in cells if any(covered(cell, box) for box in boxes)]
    return len(here) == len(boxes) or any(cell.maybe_two for cell in here)


@pytest.mark.parametrize("name", ["as drawn", "pale", "dark", "yellow light"])
def test_cells_that_touch_are_two_or_told_of(name: str) -> None:
    """In any stain: pairs that just touch are located as two, and hardly any that overlap is taken for one cell."""
    pairs = [(one, other) for number, one in enumerate(CLASSES) for other in CLASSES[number:]]
    for apart, least in ((1.0, 1.0), (0.85, 0.8)):
        found = []
        for seed, labels in enumerate(pairs):
            image, boxes = touching(labels, apart, seed)
            found.append(told(locate(stained(image, *STAINS[name]), nucleus=usual()), boxes))
        assert np.mean(found) >= least, (apart, [pair for pair, good in zip(pairs, found, strict=True) if not good])


def test_three_cells_in_a_row() -> None:
    """They are three, or it is told that they may be more."""
    for seed, labels in enumerate([("neutrophil",) * 3, ("lymphocyte",) * 3, ("eosinophil", "monocyte", "neutrophil")]):
        image, boxes = touching(labels, 0.97, seed)
        assert told(locate(image, nucleus=usual()), boxes), labels


@pytest.mark.parametrize("label", [*CLASSES, "immature granulocyte"])
def test_one_cell_is_not_split(label: str) -> None:
    """Whatever the form of its nucleus: segmented, with two lobes, or like a kidney; and few are told of."""
    maybe = 0
    for seed in range(12):
        image = draw_cell(label, np.random.default_rng(seed), 150, slide())
        large = [cell for cell in locate(image, nucleus=usual()) if cell.nucleus_area > (0.5 * usual()) ** 2]
        assert len(large) == 1, seed
        maybe += large[0].maybe_two
    assert maybe <= 1


def discs(*nuclei: tuple[int, int], bodies: tuple[tuple[int, int], ...], body: int, nucleus: int) -> Image:
    """An image of bodies of cytoplasm and nuclei, all discs, at (x, y) in pixels."""
    image = np.full((220, 300, 3), BACKGROUND, np.uint8)
    for at in bodies:
        cv2.circle(image, at, body, CYTOPLASM, -1)
    for at in nuclei:
        cv2.circle(image, at, nucleus, NUCLEUS, -1)
    return image


def test_nuclei_that_touch_are_cut_at_the_neck() -> None:
    """Two round nuclei in one dark part are two cells, each with half of the area, on its side."""
    image = discs((118, 110), (176, 110), bodies=((114, 110), (180, 110)), body=38, nucleus=30)
    usual_nucleus = math.sqrt(math.pi) * 30
    left, right = sorted(locate(image, nucleus=usual_nucleus), key=lambda cell: cell.box[0])
    assert not left.maybe_two
    assert not right.maybe_two
    for cell in (left, right):
        assert cell.nucleus_area == pytest.approx(math.pi * 30**2, rel=0.1)
    assert left.box[0] + left.box[2] / 2 == pytest.approx(118, abs=4)
    assert right.box[0] + right.box[2] / 2 == pytest.approx(176, abs=4)


def test_lobes_in_one_round_cell_are_one() -> None:
    """However far apart: the cell is as wide there as its nucleus is long."""
    image = discs((125, 110), (175, 110), bodies=((150, 110),), body=56, nucleus=22)
    (cell,) = locate(image, nucleus=45.0)
    assert not cell.maybe_two


def test_without_a_usual_nucleus_nothing_is_told() -> None:
    """One large, long nucleus may be that of a cell of another kind: without a scale there is no telling."""
    image = discs((110, 110), (160, 110), bodies=((110, 110), (160, 110)), body=34, nucleus=30)
    assert not any(cell.maybe_two for cell in locate(image))


def test_a_lobe_across_the_neck_is_cut() -> None:
    """Lobes on one side stay whole; of one that lies across, each side keeps its part, without specks."""
    square = np.array([(20, 10), (20, 29), (59, 29), (59, 10)], np.float32)
    across = Component(20, 10, 60, 30, 800, square)
    beside = Component(80, 10, 90, 20, 100, np.array([(80, 10), (80, 19), (89, 19), (89, 10)], np.float32))
    shape = NucleusForm(2.0, 2.5, 0.3, 2.0, 0.8, point=np.array((39.5, 20.0)), axis=np.array((1.0, 0.0)))
    first, second = split([across, beside], shape)
    assert [(part.left, part.right, part.area) for part in first] == [(20, 40, 400)]
    assert [(part.left, part.right, part.area) for part in second] == [(40, 60, 400), (80, 90, 100)]


@pytest.mark.parametrize(
    ("change", "maybe", "certainly"),
    [
        ({}, True, True),
        ({"neck": 0.55}, True, False),
        ({"oblong": 1.1}, True, False),
        ({"part": 0.4}, True, False),
        ({"oblong": 0.9}, False, False),
        ({"neck": 0.95}, False, False),
        ({"area": 1.0}, False, False),
        ({"length": 1.7}, False, False),
        ({"neck": 0.8}, True, False),
    ],
)
def test_from_where_a_nucleus_is_that_of_two(change: dict[str, float], maybe: bool, certainly: bool) -> None:
    """It is split if all is clear, and told of if most is."""
    shape = replace(NucleusForm(1.9, 2.3, 0.1, 1.8, 0.8, np.zeros(2), np.ones(2)), **change)  # type: ignore[arg-type]
    assert (shape.maybe_two, shape.certainly_two) == (maybe, certainly)


def test_a_cell_that_may_be_two_is_for_review() -> None:
    """Its row says so."""
    profile = learn([draw_cell("lymphocyte", np.random.default_rng(seed), size=240) for seed in range(24)])
    assert profile is not None
    nucleus = round(profile.nucleus / math.sqrt(math.pi))
    apart = round(1.75 * nucleus)
    centers = ((150 - apart // 2, 110), (150 + apart // 2, 110))
    image = discs(*centers, bodies=centers, body=round(1.15 * nucleus), nucleus=nucleus)
    spec = PixelSpec(32, 32, crop="cell", size=200, reference=profile.reference)
    found = Preparer(spec, replace(profile, spread=None)).cells(image)
    assert len(found) == 1
    assert any("two cells?" in reason.text for reason in found[0].reasons)
