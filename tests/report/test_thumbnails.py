"""Tests of `edgewbc.report.thumbnails`."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edgewbc.bench.result import BenchData
from edgewbc.bench.scores import Mistake
from edgewbc.data.manifest import Entry, Split
from edgewbc.report import thumbnails


def entry(path: str, box: tuple[float, float, float, float] | None = None) -> Entry:
    """A test entry."""
    return Entry(path, "monocyte", "g", Split.TEST, "0" * 64, box)


def test_image_keeps_its_shape_and_colors() -> None:
    """The longer side is 144 pixels, RGB stays RGB."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :, 0] = 200
    data = thumbnails.jpeg(image)
    assert data is not None
    small = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert small is not None
    assert small.shape == (72, 144, 3)
    assert abs(int(small[30, 30, 2]) - 200) < 6
    assert thumbnails.jpeg(image) == data


def test_cell_is_cut_out_with_its_surroundings() -> None:
    """A square of 1.3 times the box, clipped to the image; the image without a box or with one outside of it."""
    image = np.zeros((300, 400, 3), np.uint8)
    assert thumbnails.crop(image, entry("a", (100, 100, 100, 60))).shape == (130, 130, 3)
    assert thumbnails.crop(image, entry("a", (0, 0, 100, 100))).shape == (115, 115, 3)
    assert thumbnails.crop(image, entry("a")).shape == image.shape
    assert thumbnails.crop(image, entry("a", (900, 900, 10, 10))).shape == image.shape


def test_mistake_is_found_by_its_index_or_by_its_path(tmp_path: Path) -> None:
    """By index if all images have a prediction; otherwise by path, if only one cell has it."""
    entries = [entry("a", (0, 0, 9, 9)), entry("a", (9, 9, 9, 9)), entry("b")]
    some, every = BenchData("pbc", n=2), BenchData("pbc", n=3)
    assert thumbnails.find(mistake(1, "a"), every, entries) == (entries[1], True)
    assert thumbnails.find(mistake(1, "b"), some, entries) == (entries[2], True)
    assert thumbnails.find(mistake(1, "a"), some, entries) == (entries[0], False)
    assert thumbnails.find(mistake(0, "c"), some, entries) == (None, False)


def mistake(index: int, path: str) -> Mistake:
    """A wrong prediction for an image."""
    return Mistake(index, path, "monocyte", "neutrophil", 0.9, 0.1)
