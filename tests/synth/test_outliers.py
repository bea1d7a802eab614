"""Tests of edgewbc.synth.outliers."""

from __future__ import annotations

import numpy as np

from edgewbc.synth.outliers import outliers


def test_each_image_is_made_of_two_cells_or_of_none() -> None:
    """The second cell is of another class; what is erased is the median color; the same seed gives the same images."""
    prepared = np.zeros((4, 20, 24, 3), np.uint8)
    prepared[:2], prepared[2:] = 200, 100
    prepared[:, 8:12, 8:12] = 0
    found = outliers(prepared, ["a", "a", "b", "b"])
    assert set(found) == {"mixed", "halves", "detail of another", "erased"}
    assert all(images.shape == prepared.shape and images.dtype == np.uint8 for images in found.values())
    assert (found["mixed"][:, 0, 0] == 150).all()
    np.testing.assert_array_equal(found["halves"][:, :, :12], prepared[:, :, :12])
    assert [int(image[0, 20, 0]) for image in found["halves"]] == [100, 100, 200, 200]
    assert [int(image[10, 10, 0]) for image in found["erased"]] == [200, 200, 100, 100]
    again = outliers(prepared, ["a", "a", "b", "b"])
    assert all((again[name] == images).all() for name, images in found.items())
