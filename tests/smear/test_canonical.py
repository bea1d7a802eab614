"""The canonical crop: the same cell on another microscope gives nearly the same input."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgewbc.pixels import Image, PixelSpec, Reference
from edgewbc.smear import canonical, microscope, stain
from edgewbc.smear.canonical import View
from edgewbc.smear.gauge import Gauge, nuclear_density
from edgewbc.smear.learning import learn
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import draw_cell

REFERENCE = Reference(60.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4))
SPEC = PixelSpec(48, 48, crop="cell", size=200, reference=REFERENCE)
KINDS = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")


def cells(count: int = 12) -> list[Image]:
    """Draw cells of all kinds, 240 pixels wide."""
    return [draw_cell(KINDS[number % 5], np.random.default_rng(number), size=240) for number in range(count)]


def other_laboratory(image: Image, scale: float = 0.5, gain: float = 1.3, white: float = 0.9) -> Image:
    """Return an image as another microscope would take it: smaller, stained darker, under dimmer, yellower light."""
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float64)
    tinted = 255 * (np.maximum(small, 1) / 255) ** np.array([gain, gain, gain]) * np.array([1, white, white * 0.8])
    return np.asarray(np.clip(tinted, 0, 255), dtype=np.uint8)


def known(images: list[Image]) -> Profile:
    """Return the profile of images, which must have one."""
    found = learn(images)
    assert found is not None
    return found


def test_another_microscope_gives_the_same_input() -> None:
    """Half the size, 1.3 times the stain and yellower light: the canonical crops differ by a few levels."""
    own = cells()
    other = [other_laboratory(image) for image in own]
    reference = known(own).reference
    spec = PixelSpec(48, 48, crop="cell", size=200, reference=reference)
    mine, theirs = Preparer(spec, known(own)), Preparer(spec, known(other))
    canonical_difference = [np.abs(mine(a).astype(int) - theirs(b)).mean() for a, b in zip(own, other, strict=True)]
    plain = PixelSpec(48, 48, crop="centre", size=200)
    unchanged = Preparer(plain)
    plain_difference = [np.abs(unchanged(a).astype(int) - unchanged(b)).mean() for a, b in zip(own, other, strict=True)]
    assert np.median(canonical_difference) < 8
    assert np.median(plain_difference) > 3 * np.median(canonical_difference)


def test_the_microscope_sets_the_scale_not_the_cell() -> None:
    """A cell drawn at half the size comes out at half the size under the same profile."""
    image = cells(1)[0]
    profile = known([image])
    spec = PixelSpec(64, 64, crop="cell", size=200, reference=profile.reference)
    small = np.full_like(image, image[0, 0])
    half = cv2.resize(image, (120, 120), interpolation=cv2.INTER_AREA)
    small[60:180, 60:180] = half
    areas = [
        (stain.nuclear_stain(found, stain.background(found)) > 0.25).sum()
        for found in (Preparer(spec, profile)(image), Preparer(spec, profile)(small))
    ]
    assert areas[1] / areas[0] == pytest.approx(0.25, abs=0.1)


def test_the_view_of_a_known_cell() -> None:
    """The side is the reference's, scaled by the ratio of nuclei; background and nucleus get the reference's colors."""
    image = cells(1)[0]
    gauge = Gauge.of(image)
    cell = gauge.central
    assert cell is not None
    density = nuclear_density(image, cell, gauge.background)
    assert density is not None
    profile = Profile(30.0, (240.0, 240.0, 240.0), density, 1, 1)
    view = canonical.view(image, gauge, cell, profile, SPEC)
    assert view.part[2:] == (100, 100)  # 200 x 30 / 60
    x, y = cell.box[0] + cell.box[2] / 2, cell.box[1] + cell.box[3] / 2
    assert view.part[0] + 50 == pytest.approx(x, abs=1)
    assert view.part[1] + 50 == pytest.approx(y, abs=1)
    wanted = np.clip(np.array(REFERENCE.density) / density, microscope.MIN_GAIN, microscope.MAX_GAIN)
    np.testing.assert_allclose(view.gains, wanted)
    table = view.table(REFERENCE)[0]
    for channel, level in enumerate(gauge.background):
        assert table[level, channel] == round(REFERENCE.background[channel])
        assert table[255, channel] == round(REFERENCE.background[channel])
        assert (np.diff(table[:, channel].astype(int)) >= 0).all()


def test_a_stain_far_from_its_microscope_is_cut() -> None:
    """A cell eight times paler than the microscope's others gets a gain that is only `OWN` times larger."""
    image = cells(1)[0]
    gauge = Gauge.of(image)
    cell = gauge.central
    assert cell is not None
    own = np.array(nuclear_density(image, cell, gauge.background))
    red, green, blue = (float(value) for value in 8 * own)
    view = canonical.view(image, gauge, cell, Profile(60.0, REFERENCE.background, (red, green, blue), 1, 1), SPEC)
    wanted = np.clip(np.array(REFERENCE.density) / (8 * own / canonical.OWN), 0.4, 2.5)
    np.testing.assert_allclose(view.gains, wanted)


def test_beyond_the_edge_lies_background() -> None:
    """Where the crop leaves the image, it shows the background of the reference."""
    view = View((-50, -50, 100, 100), np.array([200, 190, 180], np.uint8), (1.0, 1.0, 1.0))
    spec = PixelSpec(10, 10, crop="cell", size=100, reference=REFERENCE)
    found = canonical.crop(np.zeros((80, 80, 3), np.uint8), view, spec)
    assert found[0, 0].tolist() == [250, 230, 210]
    assert found[9, 9].max() < 10


def test_an_image_without_a_cell_is_cropped_at_its_center() -> None:
    """No cell is located: the crop is the center in the microscope's colors; the image is not changed."""
    blank = np.full((100, 120, 3), 230, np.uint8)
    view = Preparer(SPEC).view(blank)
    assert view is not None
    assert view.part == (-40, -50, 200, 200)
    assert Preparer(SPEC)(blank).shape == (48, 48, 3)
    assert (blank == 230).all()


def test_other_crops_are_as_before() -> None:
    """For the crop `centre` there is no view, and the input is that of `pixels.prepare`."""
    image = cells(1)[0]
    spec = PixelSpec(20, 20, crop="centre", size=100)
    assert Preparer(spec).view(image) is None
    np.testing.assert_array_equal(
        Preparer(spec)(image), cv2.resize(image[70:170, 70:170], (20, 20), interpolation=cv2.INTER_AREA)
    )


def test_the_cell_in_the_box_is_taken() -> None:
    """Of two cells in an image, the one that the box marks is in the center of the crop."""
    one, other = cells(2)
    field = np.concatenate([one, other], axis=1)
    view = Preparer(SPEC).view(field, (240.0, 0.0, 240.0, 240.0))
    assert view is not None
    assert 240 < view.part[0] + view.part[2] / 2 < 480


def test_one_cell_has_the_reasons_of_the_lab_side() -> None:
    """A cell that is prepared alone has input, box and reasons as among the cells of its image; without one, no box."""
    images = cells(3)
    prepare = Preparer(SPEC, known(cells()))
    for image in [*images, images[0][:, 90:]]:
        (expected,) = prepare.cells(image)
        found = prepare.one(image)
        np.testing.assert_array_equal(found.image, expected.image)
        assert (found.box, found.reasons) == (expected.box, expected.reasons)
    dark = np.clip(images[0].astype(int) // 2, 0, 255).astype(np.uint8)
    assert prepare.one(dark).reasons == prepare.cells(dark)[0].reasons
    assert prepare.one(dark).reasons
    assert prepare.one(np.full((100, 120, 3), 230, np.uint8)).box is None
    assert Preparer(PixelSpec(20, 20, crop="centre", size=100)).one(images[0]).box is None
