"""Tests of `edgewbc.smear.frame`: what borders an image has, and that they change nothing that is measured."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from edgewbc.images.decode import decode
from edgewbc.images.encode import encode
from edgewbc.pixels import Image, PixelSpec, Reference
from edgewbc.smear import frame, stain
from edgewbc.smear.gauge import Gauge, observe
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import draw_cell, draw_field
from tests.smear.stains import STAINS, stained

WIDE = 70


def cell(seed: int = 0, label: str = "neutrophil") -> Image:
    """One cell on a background that is neither white nor gray, 200 x 200."""
    return stained(draw_cell(label, np.random.default_rng(seed), 200), *STAINS["violet light"])


def padded(image: Image, color: int, top: int = WIDE, left: int = WIDE) -> Image:
    """The image with a border of one color on all four sides."""
    return np.asarray(cv2.copyMakeBorder(image, top, top, left, left, cv2.BORDER_CONSTANT, value=(color,) * 3))


def turned(image: Image) -> Image:
    """The image turned by 30 degrees, with black corners."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 30, 1)
    return np.asarray(cv2.warpAffine(image, turn, (width, height)), dtype=np.uint8)


def round_field(image: Image) -> Image:
    """What an eyepiece shows: a round field with a soft edge, and black around it."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width]
    away = np.hypot(x - width / 2, y - height / 2) / (width / 2)
    return np.asarray(image * np.clip((0.98 - away) * 20, 0, 1)[..., None], dtype=np.uint8)


def cut_out(color: int) -> Callable[[Image], Image]:
    """Everything but a disc around the cell has one color."""

    def cut(image: Image) -> Image:
        height, width = image.shape[:2]
        left, top, wide, tall = Gauge.of(image).cells[0].box
        y, x = np.mgrid[:height, :width]
        inside = np.hypot(x - left - wide / 2, y - top - tall / 2) < 0.55 * max(wide, tall)
        return np.where(inside[..., None], image, np.uint8(color)).astype(np.uint8)

    return cut


BORDERS: dict[str, Callable[[Image], Image]] = {
    "black around": lambda image: padded(image, 0),
    "black, not quite": lambda image: padded(image, 9),
    "white around": lambda image: padded(image, 255),
    "gray around": lambda image: padded(image, 128),
    "black above and below": lambda image: padded(image, 0, left=0),
    "white at the sides": lambda image: padded(image, 255, top=0),
    "turned": turned,
    "round": round_field,
    "cut out on black": cut_out(0),
    "cut out on gray": cut_out(128),
}


@pytest.mark.parametrize("name", BORDERS)
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_border_changes_nothing(name: str, suffix: str) -> None:
    """The cell in the middle is located, alone, in its size, and the background is the smear's."""
    for seed, label in enumerate(("neutrophil", "lymphocyte", "monocyte")):
        plain = cell(seed, label)
        bordered = decode(encode(BORDERS[name](plain), suffix)).image
        shift = (bordered.shape[1] - 200) / 2, (bordered.shape[0] - 200) / 2
        expected, seen = observe(plain), observe(bordered)
        single, found = expected.gauge.single, seen.gauge.single
        assert single is not None
        assert found is not None, (name, label)
        assert not found.cut_off
        for axis in (0, 1):
            middle = single.box[axis] + single.box[axis + 2] / 2 + shift[axis]
            if name != "turned":  # the cell is not quite in the middle, and turns around it
                assert abs(found.box[axis] + found.box[axis + 2] / 2 - middle) < 6
        assert found.nucleus_area == pytest.approx(single.nucleus_area, rel=0.25)
        if not name.startswith("cut out"):  # what is left of the light there is that of the cytoplasm
            assert np.abs(seen.gauge.background - expected.gauge.background.astype(int)).max() <= 4


def test_the_network_sees_the_same_cell() -> None:
    """The canonical crop of a cell with black around it is that of the cell without."""
    plain, gauge = cell(), observe(cell())
    reference = Reference(gauge.nuclei[0], (254.0, 228.0, 202.0), gauge.densities[0])
    prepare = Preparer(PixelSpec(64, 64, crop="cell", size=190, reference=reference))
    (expected,), (found,) = prepare.cells(plain), prepare.cells(padded(plain, 0))
    assert np.abs(expected.image.astype(int) - found.image)[8:-8, 8:-8].mean() < 3
    np.testing.assert_array_equal(found.image, prepare(padded(plain, 0)))


@pytest.mark.parametrize("name", STAINS)
def test_an_image_without_borders_is_left_as_it_is(name: str) -> None:
    """In any stain and light, single cells and fields, up to a nucleus that fills the image."""
    for seed in range(3):
        image = stained(draw_cell("lymphocyte", np.random.default_rng(seed), 160), *STAINS[name])
        field = stained(draw_field(np.random.default_rng(seed), ["neutrophil"] * 3)[0], *STAINS[name])
        nucleus = np.ascontiguousarray(image[60:100, 60:100])
        for each in (image, field, nucleus, gray(image)):
            assert frame.cleared(each) is each


def gray(image: Image) -> Image:
    """The image in gray, of three channels."""
    return np.asarray(np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2), dtype=np.uint8)


def test_white_light_that_is_too_bright_is_background() -> None:
    """A flat white background goes on inside, and is not taken for padding."""
    bright = np.asarray(np.clip(cell().astype(int) * 1.4, 0, 255), dtype=np.uint8)
    bright[:20] = 255
    assert frame.cleared(bright) is bright


@pytest.mark.parametrize("across", [12, 20, 40, 90, 150])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_cell_on_flat_white_keeps_its_outline(across: int, suffix: str) -> None:
    """A background that is white throughout is not taken for padding up to the cell, however small or near the edge."""
    for left, top in ((60, 60), (5, 70), (40, 3)):
        image = np.full((220, 220, 3), 255, np.uint8)
        center = left + across // 2, top + across // 2
        cv2.ellipse(image, (center, (across, round(0.8 * across)), 30), (190, 150, 190), -1, cv2.LINE_AA)
        cv2.circle(image, center, across // 3, (70, 40, 120), -1, cv2.LINE_AA)
        image = decode(encode(image, suffix)).image
        assert frame.mask(image) is None


@pytest.mark.parametrize("color", [0, 128, 255])
def test_an_image_of_one_color_is_all_or_nothing(color: int) -> None:
    """There is nothing to measure in it, and it is left as it is."""
    image = np.full((60, 80, 3), color, np.uint8)
    assert frame.cleared(image) is image


def test_the_image_given_is_not_modified() -> None:
    """The borders are replaced in a copy, by the color of the background."""
    image = padded(cell(), 0)
    before = image.copy()
    found = frame.cleared(image)
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(found[0, 0], found[-1, -1])
    assert np.abs(found[0, 0].astype(int) - stain.background(cell())).max() <= 3
