"""Tests of `edgewbc.data.augment`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgewbc.data.augment import augment
from edgewbc.pixels import Image, PixelSpec, prepare
from edgewbc.train.recipe import Augment

NONE = Augment(rotate=0, flip=False, scale=0, shift=0, brightness=0, contrast=0, saturation=0, colour=0, blur=0)


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
