"""From an image to the network's inputs: one cell, the cells of a field, and why a person should look at them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from edgewbc import pixels
from edgewbc.pixels import Box, Image, PixelSpec, Reference
from edgewbc.reasons import CUT_OFF, ReasonKind
from edgewbc.smear import prepare as room
from edgewbc.smear.gauge import Gauge
from edgewbc.smear.learning import learn
from edgewbc.smear.locate import LocatedCell
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import draw_cell


@cache
def cell(seed: int = 0) -> Image:
    """An image of one cell, 240 x 240."""
    return draw_cell("lymphocyte", np.random.default_rng(seed), size=240)


@pytest.fixture(scope="module")
def profile() -> Profile:
    """The profile of the microscope that `cell` draws for."""
    found = learn([cell(seed) for seed in range(24)])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def spec(profile: Profile) -> PixelSpec:
    """A crop around each cell, for a network that was trained on this microscope."""
    return PixelSpec(32, 32, crop="cell", size=200, reference=profile.reference)


def field(*seeds: int) -> Image:
    """Images of single cells side by side, with background between them."""
    parts: list[Image] = []
    for seed in seeds:
        image = cell(seed)
        parts += [image, np.broadcast_to(np.median(image[0], axis=0).astype(np.uint8), (240, 60, 3))]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def test_a_crop_that_locates_nothing_is_the_whole_image() -> None:
    """It is one cell without number, box or reasons, with the input of `pixels.prepare`."""
    whole = PixelSpec(20, 20)
    (found,) = Preparer(whole).cells(cell())
    assert (found.number, found.box, found.reasons) == (0, None, ())
    np.testing.assert_array_equal(found.image, pixels.prepare(cell(), whole))
    np.testing.assert_array_equal(Preparer(whole)(cell()), found.image)


def test_an_image_of_one_cell_is_one_cell(spec: PixelSpec, profile: Profile) -> None:
    """Number 0, a box in whole pixels around the middle, and nothing to look at under its own microscope."""
    (found,) = Preparer(spec, profile).cells(cell())
    assert found.number == 0
    assert found.box is not None
    assert all(value == int(value) for value in found.box)
    left, top, width, height = found.box
    assert left < 120 < left + width
    assert top < 120 < top + height
    assert found.image.shape == (32, 32, 3)
    assert found.reasons == ()


def test_an_image_is_prepared_by_the_profile_of_its_preparation(spec: PixelSpec, profile: Profile) -> None:
    """The one with the nearest background: scale, stain and what an image is compared with are that preparation's."""
    other = replace(profile, nucleus=profile.nucleus / 2, background=(60.0, 60.0, 60.0))
    two = Preparer(spec, replace(other, preparations=(other, profile)))
    one = Preparer(spec, profile)
    (found,), (expected,) = two.cells(cell()), one.cells(cell())
    assert (found.part, found.reasons) == (expected.part, ())
    for image in (found.image, two.one(cell()).image, two(cell())):
        np.testing.assert_array_equal(image, expected.image)
    assert Preparer(spec, other).one(cell()).part[2] == pytest.approx(expected.part[2] / 2, abs=1)


def test_the_cells_of_a_field_are_numbered(spec: PixelSpec, profile: Profile) -> None:
    """From 1, the largest nucleus first; each has the input that its box alone gives."""
    image = field(0, 1, 2)
    found = Preparer(spec, profile).cells(image)
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert len(found) == 3
    sizes = [located.nucleus_area for located in Gauge.of(image, profile.nucleus).cells]
    assert sizes == sorted(sizes, reverse=True)
    for each in found:
        np.testing.assert_array_equal(Preparer(spec, profile)(image, each.box), each.image)


def test_a_cell_at_the_edge_is_for_review(spec: PixelSpec, profile: Profile) -> None:
    """It is cut off; the size of its nucleus is not compared."""
    found = Preparer(spec, profile).cells(np.ascontiguousarray(field(0, 1)[:, 110:]))
    assert any(CUT_OFF in each.reasons for each in found)
    assert not all(CUT_OFF in each.reasons for each in found)


@pytest.mark.parametrize(("known", "words"), [(True, "unlike this microscope's"), (False, "not of the training")])
def test_an_image_of_another_light_is_for_review(spec: PixelSpec, profile: Profile, known: bool, words: str) -> None:
    """In the words of what it is compared with: a known microscope, or that of the training images."""
    dark = (cell().astype(np.float64) * 0.6).astype(np.uint8)
    found = Preparer(spec, profile if known else None).one(dark)
    (reason,) = found.reasons
    assert reason.kind is ReasonKind.MICROSCOPE
    assert reason.text.startswith(words)
    assert "background" in reason.text


def test_an_empty_image_has_no_cells(spec: PixelSpec) -> None:
    """There is nothing to classify; a single cell asked for is the middle of the image."""
    blank = np.full((100, 120, 3), 230, np.uint8)
    assert Preparer(spec).cells(blank) == []
    assert Preparer(spec).one(blank).box is None
    assert Preparer(spec).one(blank).image.shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.0, 0.0, 12.0, 12.0), (0.0, 0.0, 10.0, 10.0)),
        ((15.0, 0.0, 30.0, 10.0), (20.0, 0.0, 20.0, 10.0)),
        ((50.0, 50.0, 5.0, 5.0), (50.0, 50.0, 5.0, 5.0)),
    ],
)
def test_the_cell_of_a_box_overlaps_it_most(box: Box, expected: Box) -> None:
    """A box without any located cell is taken itself, as one that is cut off: its size says nothing."""
    located = (
        LocatedCell((0.0, 0.0, 10.0, 10.0), 9.0, cut_off=False),
        LocatedCell((20.0, 0.0, 20.0, 10.0), 9.0, cut_off=False),
    )
    gauge = Gauge(np.array([240, 240, 240], np.uint8), located, 60, 60)
    found = room._in_box(gauge, box)
    assert found is not None
    assert found.box == expected
    assert found.cut_off is (box[0] == 50)


def test_a_reference_is_needed_to_locate() -> None:
    """Without one, the crop `cell` is that of the whole image."""
    reference = Reference(60.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4))
    assert Preparer(PixelSpec(20, 20, crop="cell", size=50, reference=reference)).view(cell()) is not None
    assert Preparer(PixelSpec(20, 20)).view(cell()) is None


def test_an_image_without_color_is_for_review(spec: PixelSpec) -> None:
    """Whatever its file or light says: equal channels, and equal ones in yellow light. A network in gray takes it."""
    for light in ((1.0, 1.0, 1.0), (1.0, 0.95, 0.7)):
        gray = [np.rint(cell(seed)[..., 1:2] * np.array(light)).astype(np.uint8) for seed in range(24)]
        own = learn(gray)
        assert own is not None
        (found,) = Preparer(spec, own).cells(gray[0])
        assert [reason.text for reason in found.reasons] == ["unlike this microscope's images: color (grayscale?)"]
        (found,) = Preparer(replace(spec, reference=own.reference), own).cells(gray[0])
        assert found.reasons == ()
