"""The pixel pipeline: cropping, resizing, and the coordinate map that matches them."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.pixels import PixelSpec, cut, fit_map, prepare


def numbered(height: int, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return an image whose red is the row and whose green is the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([rows, columns, np.zeros_like(rows)]).astype(np.uint8)


def test_the_centre_is_cut_out() -> None:
    """The central 4 of 10 x 9 pixels are rows 3 to 6 and columns 2 to 5, unchanged."""
    found = prepare(numbered(10, 9), PixelSpec(4, 4, crop="centre", size=4))
    assert found[:, 0, 0].tolist() == [3, 4, 5, 6]
    assert found[0, :, 1].tolist() == [2, 3, 4, 5]
    assert found.flags["C_CONTIGUOUS"]


def test_pbcs_centre() -> None:
    """Of PBC's 360 x 363 pixels the central 250 begin at row 56 and column 55."""
    assert PixelSpec(112, 112, crop="centre", size=250).rectangle(363, 360) == (55, 56, 250, 250)


def test_a_small_image_is_taken_whole() -> None:
    """With crop `center` an image smaller than the square is used whole; with `box`, so is one without a box."""
    image = numbered(6, 8)
    want = prepare(image, PixelSpec(3, 4))
    np.testing.assert_array_equal(prepare(image, PixelSpec(3, 4, crop="centre", size=7)), want)
    np.testing.assert_array_equal(prepare(image, PixelSpec(3, 4, crop="box", scale=2)), want)


def test_shrinking_averages_exactly() -> None:
    """Blocks of one color shrink to exactly that color; mixed blocks to their mean."""
    blocks = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(prepare(blocks.repeat(4, 0).repeat(3, 1), PixelSpec(6, 5)), blocks)
    checks = np.zeros((8, 8, 3), np.uint8)
    checks[::2] = 200
    assert (prepare(checks, PixelSpec(2, 2)) == 100).all()


def test_area_means_are_those_of_opencv() -> None:
    """Every level is the same, where the pixel pipeline computes the means by itself and where it does not."""
    random = np.random.default_rng(0)
    odd = [(old, new) for old in range(3, 26, 2) for new in range(2, old) if math.gcd(old, new) == 1]
    for old, new in [*odd, (4, 3), (3, 1), (27, 8), (125, 56)]:
        tall, wide = old * int(random.integers(1, 60 // old + 2)), 3 * old
        for levels in (np.arange(256), np.array([0, 255])):
            image = random.choice(levels, (tall, wide, 3)).astype(np.uint8)
            size = (tall // old * new, 3 * new)
            expected = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
            np.testing.assert_array_equal(cut(image, (0, 0, wide, tall), *size), expected, err_msg=f"{old} to {new}")


def test_growing_is_bilinear() -> None:
    """Two gray levels are enlarged to a ramp that is constant at its ends."""
    pair = np.array([[[0] * 3, [100] * 3]], np.uint8)
    assert prepare(pair, PixelSpec(1, 4))[0, :, 0].tolist() == [0, 25, 75, 100]


def test_the_image_is_not_written_to() -> None:
    """The result is a copy even where nothing is resized."""
    image = numbered(4, 4)
    prepare(image, PixelSpec(4, 4))[:] = 9
    np.testing.assert_array_equal(image, numbered(4, 4))


def test_a_box_is_made_square_and_scaled() -> None:
    """The square around a box has a side of `scale` times its longer side and the same center."""
    spec = PixelSpec(8, 8, crop="box", scale=2)
    assert spec.rectangle(100, 100, (40, 50, 10, 6)) == (35, 43, 20, 20)
    found = prepare(numbered(100, 100), PixelSpec(20, 20, crop="box", scale=2), (40, 50, 10, 6))
    assert found[:, 0, 0].tolist() == list(range(43, 63))
    assert found[0, :, 1].tolist() == list(range(35, 55))


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((0, 0, 4, 4), [0, 0, 0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 2, 3, 4, 5]),
        ((6, 6, 4, 4), [4, 5, 6, 7, 8, 9, 9, 9], [4, 5, 6, 7, 8, 9, 9, 9]),
        ((20, 3, 4, 4), [1, 2, 3, 4, 5, 6, 7, 8], [9] * 8),
    ],
)
def test_past_the_edge_the_edge_is_repeated(
    box: tuple[int, int, int, int], rows: list[int], columns: list[int]
) -> None:
    """Where a box extends beyond the image, the edge is repeated; a box wholly outside is all edge."""
    found = prepare(numbered(10, 10), PixelSpec(8, 8, crop="box", scale=2), box)
    assert found[:, 0, 0].tolist() == rows
    assert found[0, :, 1].tolist() == columns


SIZES = st.integers(1, 60)
SPECS = st.one_of(
    st.builds(PixelSpec, SIZES, SIZES),
    st.builds(PixelSpec, SIZES, SIZES, crop=st.just("centre"), size=SIZES),
    st.builds(PixelSpec, SIZES, SIZES, crop=st.just("box"), scale=st.floats(0.5, 3)),
)
BOXES = st.none() | st.tuples(st.floats(-30, 90), st.floats(-30, 90), st.floats(1, 50), st.floats(1, 50))


@given(spec=SPECS, height=SIZES, width=SIZES, box=BOXES)
def test_any_crop_has_the_networks_size(
    spec: PixelSpec, height: int, width: int, box: tuple[float, float, float, float] | None
) -> None:
    """For any crop, image and box, the result is uint8 of the network's size, within the image's range of colors."""
    found = prepare(numbered(height, width), spec, box)
    assert found.shape == (spec.height, spec.width, 3)
    assert found.dtype == np.uint8
    assert found[..., 0].max() < height
    assert found[..., 1].max() < width


@given(spec=SPECS, height=SIZES, width=SIZES, box=BOXES)
def test_the_map_takes_the_rectangle_to_the_input(
    spec: PixelSpec, height: int, width: int, box: tuple[float, float, float, float] | None
) -> None:
    """The corners of the rectangle (of pixels, not of their centers) map to the corners of the network's input."""
    left, top, wide, tall = spec.rectangle(height, width, box)
    corners = np.array([[left - 0.5, top - 0.5, 1], [left + wide - 0.5, top + tall - 0.5, 1]])
    found = corners @ fit_map(spec, spec.rectangle(height, width, box)).T
    np.testing.assert_allclose(found, [[-0.5, -0.5], [spec.width - 0.5, spec.height - 0.5]], atol=1e-9)


def test_warping_by_the_map_is_what_prepare_does() -> None:
    """For a crop without resizing, the warped image equals the prepared one, pixel for pixel."""
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    spec = PixelSpec(20, 20, crop="box", scale=2)
    box = (38.0, 30.0, 10.0, 8.0)
    placed = fit_map(spec, spec.rectangle(40, 50, box))
    warped = cv2.warpAffine(image, placed, (20, 20), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    np.testing.assert_array_equal(warped, prepare(image, spec, box))


def test_a_spec_comes_back_from_json() -> None:
    """`from_dict` inverts `to_dict`, also with lists instead of tuples."""
    spec = PixelSpec(112, 96, crop="centre", size=250)
    told = {key: list(value) if isinstance(value, tuple) else value for key, value in spec.to_dict().items()}
    assert PixelSpec.from_dict(told) == spec


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"height": 0}, "input size 0 x 8"),
        ({"crop": "corner"}, "use whole, centre, box or cell"),
        ({"crop": "centre"}, "needs a size"),
        ({"crop": "box", "scale": 0.0}, "scale above 0"),
        ({"std": (1.0, 0.0, 1.0)}, "std above 0"),
        ({"mean": (1.0, 1.0)}, "three numbers"),
    ],
)
def test_impossible_specs_are_refused(values: dict[str, Any], reason: str) -> None:
    """An invalid spec raises a ValueError that says why."""
    with pytest.raises(ValueError, match=reason):
        PixelSpec(**{"height": 8, "width": 8, **values})
