"""Tests of `edgewbc.data.augment`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from edgewbc.data.augment import augment
from edgewbc.pixels import Image, PixelSpec, Reference, prepare
from edgewbc.smear import canonical, stain
from edgewbc.smear.canonical import View
from edgewbc.smear.prepare import Preparer
from edgewbc.train.recipe import Augment

NONE = Augment(rotate=0, flip=False, scale=0, shift=0, brightness=0, contrast=0, saturation=0, color=0, blur=0)
REFERENCE = Reference(30.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4))
CELL = PixelSpec(24, 24, "cell", size=60, reference=REFERENCE)
VIEW = View((20, 30, 60, 60), np.array([240, 240, 240], np.uint8), (1.0, 1.0, 1.0))


def stained(ranges: dict[str, float], seed: int = 0, gray: int = 120) -> Image:
    """Return a uniform stained image of crop `cell` under the given ranges alone."""
    image = np.full((120, 100, 3), gray, np.uint8)
    return augment(image, CELL, None, NONE.model_copy(update=ranges), np.random.default_rng(seed), VIEW)


def gradients(height: int = 120, width: int = 100) -> Image:
    """Return an image with a different gradient in each channel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([2 * x, 2 * y, 128 + 60 * np.sin(x / 9)], 2).astype(np.uint8)


@pytest.mark.parametrize(
    "spec", [PixelSpec(40, 40, "centre", 80), PixelSpec(64, 48), PixelSpec(30, 30, "box", scale=1.2)]
)
def test_without_ranges_it_agrees_with_prepare(spec: PixelSpec) -> None:
    """With all ranges 0, the pixels are those of evaluation to within a few gray levels."""
    box = (20.0, 30.0, 50.0, 60.0)
    got = augment(gradients(), spec, box, NONE, np.random.default_rng(0)).astype(int)
    difference = np.abs(got - prepare(gradients(), spec, box))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 99) <= 8


def test_rotation_by_180_degrees() -> None:
    """A rotation by exactly 180 degrees about the center equals both flips."""
    spec = PixelSpec(40, 40, "centre", 80)
    plain = prepare(gradients(), spec)[::-1, ::-1].astype(int)

    class HalfTurn(np.random.Generator):
        def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Any = None) -> Any:
            return high if size is None and high == 180 else super().uniform(low, high, size)

    turned = augment(gradients(), spec, None, NONE.model_copy(update={"rotate": 180}), HalfTurn(np.random.PCG64(0)))
    assert np.abs(turned.astype(int) - plain).mean() < 1.5


def test_seeded() -> None:
    """The same generator state gives the same image, another gives another."""
    spec = PixelSpec(32, 32)
    a, b, c = (augment(gradients(), spec, None, Augment(), np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert a.dtype == np.uint8
    assert a.shape == (32, 32, 3)


def test_brightness_shifts_the_mean() -> None:
    """Brightness alone moves every channel by the same amount, within its range."""
    gray = np.full((50, 50, 3), 128, np.uint8)
    ranges = NONE.model_copy(update={"brightness": 0.2})
    means = [augment(gray, PixelSpec(10, 10), None, ranges, np.random.default_rng(s)).mean((0, 1)) for s in range(30)]
    assert all(np.ptp(m) == 0 for m in means)
    assert max(abs(m[0] - 128) for m in means) <= 0.2 * 255 + 1
    assert np.std([m[0] for m in means]) > 10


def test_without_ranges_the_canonical_crop_agrees_with_prepare() -> None:
    """With all ranges 0, the canonical view is that of evaluation to within a few gray levels, beyond the edge too."""
    view = View((60, 80, 60, 60), np.array([240, 240, 240], np.uint8), (1.1, 0.8, 1.3))
    got = augment(gradients(), CELL, None, NONE, np.random.default_rng(0), view).astype(int)
    difference = np.abs(got - canonical.crop(gradients(), view, CELL))
    assert difference.mean() < 1.5
    assert np.percentile(difference, 95) <= 8


def test_training_sees_no_border_that_the_lab_side_replaces() -> None:
    """Black around an image is background in both, where the canonical crop reaches it."""
    image = np.full((140, 140, 3), 240, np.uint8)
    cv2.circle(image, (70, 70), 18, (90, 60, 140), -1)
    padded = np.asarray(cv2.copyMakeBorder(image, 40, 40, 40, 40, cv2.BORDER_CONSTANT), dtype=np.uint8)
    view = View((30, 30, 160, 160), np.array([240, 240, 240], np.uint8), (1.0, 1.0, 1.0))
    got = augment(Preparer(CELL).source(padded), CELL, None, NONE, np.random.default_rng(0), view).astype(int)
    expected = augment(image, CELL, None, NONE, np.random.default_rng(0), replace(view, part=(-10, -10, 160, 160)))
    assert np.abs(got - expected).max() <= 2


def test_density_is_varied_within_its_range() -> None:
    """The optical density changes by at most the range and half of it again; the background stays."""
    white = np.array(REFERENCE.background, np.uint8)
    plain = stain.optical_density(stained({}), white)[12, 12]
    ratios = np.array([stain.optical_density(stained({"density": 0.3}, s), white)[12, 12] / plain for s in range(60)])
    assert ratios.max() < np.exp(0.45) * 1.03
    assert ratios.min() > np.exp(-0.45) / 1.03
    assert ratios.std(axis=0).min() > 0.1
    blank = stained({"density": 0.3, "mixing": 0.1, "gamma": 0.3}, gray=240)
    assert np.abs(blank.astype(int) - white).max() <= 1


def test_the_background_is_varied() -> None:
    """`white` moves the background by at most its levels, and stain relative to it stays."""
    colors = np.array([stained({"white": 40}, s, gray=240)[12, 12] for s in range(60)], dtype=int)
    change = colors - np.array(REFERENCE.background, int)
    assert change.min() >= -41
    assert (change.max(axis=0) <= [5, 25, 41]).all()
    assert change.std(axis=0).min() > 5


def test_hiding_the_surroundings() -> None:
    """With `hide` 1 the corners are background, and the center is unchanged."""
    hidden = stained({"hide": 1.0})
    assert np.abs(hidden[0, 0].astype(int) - np.array(REFERENCE.background, int)).max() <= 1
    np.testing.assert_allclose(hidden[12, 12], stained({})[12, 12], atol=2)


@pytest.mark.parametrize(("name", "value"), [("noise", 20.0), ("jpeg", 0.9), ("sharpen", 3.0)])
def test_cameras_degrade_half_of_the_images(name: str, value: float) -> None:
    """Noise, JPEG and sharpening each change about half of the images, and none by its mean."""
    ranges = NONE.model_copy(update={name: value})
    spec = PixelSpec(40, 40, "centre", 80)
    plain = augment(gradients(), spec, None, NONE, np.random.default_rng(0)).astype(int)
    found = [augment(gradients(), spec, None, ranges, np.random.default_rng(seed)).astype(int) for seed in range(40)]
    changed = [np.abs(image - plain).mean() > 0.05 for image in found]
    assert 8 <= sum(changed) <= 32
    assert max(abs((image - plain).mean()) for image in found) < 6
