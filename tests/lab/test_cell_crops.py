"""Crops of cells, as a person looks at them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from edgewbc.images.decode import decode
from edgewbc.lab import cell_crops

IMAGE = np.zeros((100, 200, 3), np.uint8)


def test_the_window_is_twice_the_cell_with_the_cell_in_the_middle() -> None:
    """Square around the cell, at an edge of the image too; the image itself without a box."""
    assert cell_crops.window(IMAGE, (90, 40, 20, 10)) == (80, 25, 40, 40)
    assert cell_crops.window(IMAGE, (0, 90, 20, 10)) == (-10, 75, 40, 40)
    assert cell_crops.window(IMAGE, (0, 0, 90, 90)) == (-45, -45, 180, 180)
    assert cell_crops.window(IMAGE, None) == (0, 0, 200, 100)


def test_beyond_the_image_a_crop_is_gray() -> None:
    """So that what is not there is not taken for background; the cell keeps its place."""
    image = IMAGE.copy()
    image[80:90, 0:10] = (200, 40, 40)
    found = decode(cell_crops.crop(image, (-15, 65, 40, 40))).image.astype(int)
    assert found.shape == (40, 40, 3)
    assert np.abs(found[:31, :11] - cell_crops.BEYOND).max() <= 8
    assert np.abs(found[37:] - cell_crops.BEYOND).max() <= 8
    assert np.abs(found[17:23, 17:23] - (200, 40, 40)).max() <= 6


def test_a_crop_is_that_part_of_the_image() -> None:
    """A large one is reduced to the longest side, and keeps its proportions."""
    image = IMAGE.copy()
    image[20:60, 50:90] = (200, 40, 40)
    found = decode(cell_crops.crop(image, (50, 20, 40, 40))).image
    assert found.shape == (40, 40, 3)
    assert np.abs(found.astype(int) - (200, 40, 40)).max() <= 3
    assert decode(cell_crops.crop(np.zeros((800, 1600, 3), np.uint8), (0, 0, 1600, 800))).image.shape == (160, 320, 3)


def test_a_crop_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    """The file keeps its time; another content replaces it, and no temporary file is left."""
    path = tmp_path / "1.jpg"
    assert cell_crops.save(path, b"one") == hashlib.sha256(b"one").hexdigest()
    before = path.stat().st_ino
    cell_crops.save(path, b"one")
    assert path.stat().st_ino == before
    cell_crops.save(path, b"two")
    assert path.read_bytes() == b"two"
    assert [each.name for each in tmp_path.iterdir()] == ["1.jpg"]
