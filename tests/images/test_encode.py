"""Pixels to a picture file's bytes."""

import numpy as np
import pytest

from edgewbc.images.decode import decode
from edgewbc.images.encode import encode


def test_a_png_comes_back():
    """Red, green and blue are where they were, pixel for pixel."""
    picture = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    data = encode(picture, ".png")
    assert data == encode(picture, ".png")
    np.testing.assert_array_equal(decode(data).image, picture)


def test_a_jpeg_is_close():
    """A JPEG of one colour keeps it to a few steps."""
    picture = np.full((16, 16, 3), (200, 30, 90), dtype=np.uint8)
    found = decode(encode(picture, ".jpg")).image.astype(int)
    assert np.abs(found - picture).max() <= 4


def test_what_cannot_be_written_is_said():
    """JPEG has a largest side."""
    with pytest.raises(ValueError, match=r"cannot be written as \.jpg"):
        encode(np.zeros((1, 70000, 3), dtype=np.uint8), ".jpg")
