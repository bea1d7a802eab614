"""Tests of `edgewbc.smear.stain`."""

from __future__ import annotations

import numpy as np

from edgewbc.smear import stain


def test_background_is_the_bright_part() -> None:
    """A field of which a third is stained has the color of the other two thirds, whatever that is."""
    image = np.full((30, 30, 3), (255, 255, 172), np.uint8)
    image[:10] = (120, 40, 150)
    assert stain.background(image).tolist() == [255, 255, 172]


def test_optical_density_against_values_by_hand() -> None:
    """-ln((I + 1) / (I0 + 1)) per channel; brighter than the background is 0, black is finite."""
    image = np.array([[[127, 0, 255]]], np.uint8)
    density = stain.optical_density(image, np.array([255, 127, 127], np.uint8))
    np.testing.assert_allclose(density[0, 0], [np.log(2), np.log(128), 0.0], rtol=1e-6)
    assert density.dtype == np.float32


def test_nuclei_stand_out_from_red_cells_of_the_same_red_density() -> None:
    """R + G / 2 - B, worked out by hand; a red cell that absorbs as much red comes out below 0."""
    white = np.array([255, 255, 255], np.uint8)
    nucleus, red_cell = [127, 63, 191], [127, 127, 31]
    found = stain.nuclear_stain(np.array([[nucleus, red_cell]], np.uint8), white)
    np.testing.assert_allclose(
        found[0], [np.log(2) + np.log(4) / 2 - np.log(4 / 3), 1.5 * np.log(2) - np.log(8)], rtol=1e-5
    )
    assert found[0, 1] < 0 < 1 < found[0, 0]


def test_more_images_than_a_byte_counts() -> None:
    """The histograms of 600 images, most of them of one color."""
    images = np.zeros((600, 2, 3), np.uint8)
    images[::7] = 9
    images[599, 1, 2] = 5
    counts = stain.histograms(images, np.ones_like(images))
    assert counts.shape == (600, 256)
    assert counts[:, 9].tolist() == [0.0 if number % 7 else 6.0 for number in range(600)]
    assert (counts[599, 0], counts[599, 5]) == (5, 1)


def test_several_images_give_what_each_alone_gives() -> None:
    """Histograms, percentiles and nuclear stain of several images, against the functions for one; bit by bit."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (5, 12, 9, 3), dtype=np.uint8)
    images[1], images[2, :6] = 200, 30
    masks = random.integers(0, 2, images.shape[:3], dtype=np.uint8)
    masks[3] = 0
    counts = stain.histograms(images, masks, 1)
    for count, image, mask in zip(counts, images, masks, strict=True):
        np.testing.assert_array_equal(count, stain.histogram(image, mask, 1))
    for percent in (0, 1, 50, 99, 100):
        expected = [stain.percentile(count, percent) for count in counts]
        assert stain.percentiles(counts, percent).tolist() == expected
    white = stain.backgrounds(images)
    assert white.dtype == np.uint8
    for color, image, stained in zip(white, images, stain.nuclear_stains(images, white), strict=True):
        np.testing.assert_array_equal(color, stain.background(image))
        np.testing.assert_array_equal(stained, stain.nuclear_stain(image, color))
