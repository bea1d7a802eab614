"""Encoding pixels as the bytes of an image file."""

import numpy as np
import pytest

from edgewbc.images.decode import decode
from edgewbc.images.encode import encode


def test_a_png_is_lossless() -> None:
    """Decoding gives the same pixels, with the same order of colors."""
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    data = encode(image, ".png")
    assert data == encode(image, ".png")
    np.testing.assert_array_equal(decode(data).image, image)


def test_a_jpeg_is_close() -> None:
    """A JPEG of one color keeps that color within a few levels."""
    image = np.full((16, 16, 3), (200, 30, 90), dtype=np.uint8)
    found = decode(encode(image, ".jpg")).image.astype(int)
    assert np.abs(found - image).max() <= 4


def test_impossible_images_are_refused() -> None:
    """A side beyond the limit of JPEG raises a ValueError."""
    with pytest.raises(ValueError, match=r"cannot be written as \.jpg"):
        encode(np.zeros((1, 70000, 3), dtype=np.uint8), ".jpg")
