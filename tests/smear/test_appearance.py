"""Tests of `edgewbc.smear.appearance`."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.cells import CLASSES
from edgewbc.images.decode import decode
from edgewbc.pixels import Image, PixelSpec, prepare
from edgewbc.smear.appearance import QUANTITIES, UsualRange, measure, measure_all
from edgewbc.synth.cells import draw_cell

SPEC = PixelSpec(64, 64, "centre", 100)


def cells(count: int, seed: int = 0) -> list[Image]:
    """Synthetic images of one cell each, 120 x 120, of all classes in turn."""
    return [draw_cell(CLASSES[i % 5], np.random.default_rng([seed, i]), 120) for i in range(count)]


@pytest.fixture(scope="module")
def usual() -> UsualRange:
    """The range of 150 synthetic cells."""
    return UsualRange.of([measure(prepare(cell, SPEC)) for cell in cells(150)])


def test_quantities_against_values_by_hand() -> None:
    """A disk of known size and color in the middle of a plain image."""
    image = np.full((40, 40, 3), (240, 220, 200), np.uint8)
    cv2.circle(image, (20, 20), 8, (80, 40, 160), -1)
    found = dict(zip(QUANTITIES, measure(image).tolist(), strict=True))
    assert [found[f"background_{name}"] for name in ("red", "green", "blue")] == [240, 220, 200]
    expected = [np.log(241 / 81), np.log(221 / 41), np.log(201 / 161)]
    assert [found[f"density_{name}"] for name in ("red", "green", "blue")] == pytest.approx(expected, abs=1e-4)
    assert found["cells"] == 1
    assert found["offset"] == pytest.approx(0.0125 * np.sqrt(2), abs=1e-3)
    assert found["border"] == 0
    # 197 pixels in the disk; joining lobes widens it by 2 pixels on each side.
    assert found["nucleus"] == pytest.approx(np.sqrt(np.pi * 10.25**2) / 40, rel=0.05)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (40, 40), (64, 80), (95, 41)])
def test_several_images_are_measured_as_each_alone(size: tuple[int, int]) -> None:
    """Bit by bit: cells, a blank image without a nucleus, and noise with several."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    drawn = [np.asarray(cv2.resize(cell, size[::-1]), dtype=np.uint8) for cell in cells(5)]
    images = np.stack([*drawn, np.full_like(noise, 230), noise])
    np.testing.assert_array_equal(measure_all(images), [measure(image) for image in images])


def test_quantities_of_several_nuclei_against_values_by_hand() -> None:
    """Two disks of one size and a smaller dot: two cells count, and the one in the middle gives the distance."""
    image = np.full((40, 40, 3), (240, 220, 200), np.uint8)
    for center, radius in (((20, 20), 6), ((5, 5), 6), ((34, 34), 0)):
        cv2.circle(image, center, radius, (80, 40, 160), -1)
    found = dict(zip(QUANTITIES, measure(image).tolist(), strict=True))
    assert found["cells"] == 2
    assert found["offset"] == pytest.approx(0.0125 * np.sqrt(2), abs=1e-3)
    stained = image[..., 1] == 40
    at_edge = sum(int(side.sum()) for side in (stained[0], stained[-1], stained[:, 0], stained[:, -1]))
    assert found["border"] == pytest.approx(at_edge / 160)
    blank = dict(zip(QUANTITIES, measure(np.full((40, 40, 3), 230, np.uint8)).tolist(), strict=True))
    assert [blank[name] for name in ("nucleus", "cells", "offset", "density_red", "edge")] == [0, 0, 1, 0, 0]


def test_new_images_of_the_same_kind_are_usual(usual: UsualRange) -> None:
    """At most 2 of 100 images that the range was not taken from fall outside."""
    outside = sum(bool(usual.unusual(measure(prepare(cell, SPEC)))) for cell in cells(100, seed=1))
    assert outside <= 2


ODD: dict[str, Callable[[Image], Any]] = {
    "noise": lambda cell: np.random.default_rng(0).integers(0, 256, cell.shape, dtype=np.uint8),
    "red and blue swapped": lambda cell: np.ascontiguousarray(cell[..., ::-1]),
    "negative": lambda cell: 255 - cell,
    "four times as large": lambda cell: cv2.resize(cell, None, fx=4, fy=4),
    "blurred to nothing": lambda cell: cv2.GaussianBlur(cell, (0, 0), 12),
    "half the light": lambda cell: (cell // 2).astype(np.uint8),
    "blank": lambda cell: np.full_like(cell, 230),
    "black": lambda cell: np.zeros_like(cell),
}


@pytest.mark.parametrize("name", ODD)
def test_foreign_and_destroyed_images_are_unusual(usual: UsualRange, name: str) -> None:
    """At least 19 of 20, each with a reason in words."""
    found = [usual.unusual(measure(prepare(np.asarray(ODD[name](cell), np.uint8), SPEC))) for cell in cells(20, 2)]
    assert sum(bool(reasons) for reasons in found) >= 19
    assert {each.words for reasons in found for each in reasons} <= set(QUANTITIES.values())
    assert all(not each.low <= each.value <= each.high for reasons in found for each in reasons)


def test_json_round_trip(usual: UsualRange) -> None:
    """What a bundle holds gives the same range back; unknown quantities of a later version are left out."""
    values = json.loads(json.dumps(usual.to_json()))
    assert UsualRange.from_json(values) == usual
    for side in ("low", "high"):
        values[side]["of a later version"] = 1.0
    assert UsualRange.from_json(values) == usual


@pytest.mark.parametrize(
    "values",
    [
        {},
        [],
        {"low": {}, "high": {}},
        {"low": {"grain": 0.0}, "high": {}, "images": 3},
        {"low": {"grain": float("nan")}, "high": {"grain": 1.0}, "images": 3},
        {"low": {"grain": "x"}, "high": {"grain": 1.0}, "images": 3},
        {"low": 3, "high": {}, "images": 3},
    ],
)
def test_a_malformed_range_is_refused(values: object) -> None:
    """ValueError, never another exception and never a range that lets everything pass."""
    with pytest.raises(ValueError, match="range of appearance"):
        UsualRange.from_json(values)  # type: ignore[arg-type]


def test_a_range_of_nothing_is_refused() -> None:
    """There is no usual without images."""
    with pytest.raises(ValueError, match="no images"):
        UsualRange.of([])


@given(height=st.integers(1, 60), width=st.integers(1, 60), seed=st.integers(0, 1000), low=st.integers(0, 255))
def test_any_image_is_measured_in_finite_numbers(height: int, width: int, seed: int, low: int) -> None:
    """Whatever the size and the pixels."""
    image = np.random.default_rng(seed).integers(low, 256, (height, width, 3), dtype=np.uint8)
    found = measure(image)
    assert found.shape == (len(QUANTITIES),)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


@pytest.mark.data
def test_public_images(real_data: Path) -> None:
    """PBC's range keeps 98 of 100 validation images, and finds another laboratory's images unusual."""

    def read(split: str, step: int) -> list[Image]:
        with (real_data / "pbc" / "splits" / f"{split}.csv").open(encoding="utf-8") as table:
            names = [row["path"] for row in csv.DictReader(table)][::step]
        return [prepare(decode((real_data / "pbc" / name).read_bytes()).image, spec) for name in names]

    spec = PixelSpec(80, 80, "centre", 250)
    usual = UsualRange.of([measure(image) for image in read("train", 10)])
    home = read("val", 5)
    assert sum(bool(usual.unusual(measure(image))) for image in home) <= 0.02 * len(home)
    other = [prepare(decode(file.read_bytes()).image, spec) for file in sorted((real_data / "jtsc").glob("*.bmp"))]
    assert all(usual.unusual(measure(image)) for image in other)
