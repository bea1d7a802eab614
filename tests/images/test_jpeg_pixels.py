"""Decoding JPEGs: the same pixels as OpenCV's, and what libjpeg says of damage."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from edgewbc.images import jpeg_pixels
from edgewbc.images.decode import DAMAGE, decode
from edgewbc.synth.cells import draw_cell
from tests.lab import samples
from tests.tiny import encode, make_image

CELL = encode(draw_cell("eosinophil", np.random.default_rng(3), 200), ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95])


@pytest.mark.parametrize("sampling", [0x411111, 0x221111, 0x211111, 0x121111, 0x111111])
@pytest.mark.parametrize("progressive", [0, 1])
@pytest.mark.parametrize("restart", [0, 3])
def test_pixels_are_those_of_opencv(sampling: int, progressive: int, restart: int) -> None:
    """For every subsampling, bit by bit, at a size that is not a multiple of a block."""
    options = {
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: sampling,
        cv2.IMWRITE_JPEG_PROGRESSIVE: progressive,
        cv2.IMWRITE_JPEG_RST_INTERVAL: restart,
    }
    data = encode(make_image(5, 93, 141), ".jpg", [value for pair in options.items() for value in pair])
    found = jpeg_pixels.decode(data)
    assert found is not None
    assert found[1] == ""
    np.testing.assert_array_equal(found[0], cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB))


def test_gray_is_repeated_over_the_channels() -> None:
    """As OpenCV does it."""
    found = jpeg_pixels.decode(encode(make_image(1)[..., 0], ".jpg"))
    assert found is not None
    assert found[0].shape == (24, 20, 3)
    assert np.ptp(found[0], axis=2).max() == 0


def test_what_cannot_be_decoded_is_left_to_opencv() -> None:
    """No pixels, no exception."""
    assert jpeg_pixels.decode(b"\xff\xd8\xff\xd9") is None


def damaged(seed: int, size: int) -> bytes:
    """The cell's file with `size` random bytes somewhere in its middle; its header and end are whole."""
    random = np.random.default_rng([seed, size])
    at = int(random.integers(len(CELL) // 4, len(CELL) // 2))
    return CELL[:at] + random.integers(0, 255, size, dtype=np.uint8).tobytes() + CELL[at + size :]


@pytest.mark.parametrize("size", [64, 512])
def test_overwritten_bytes_are_noted(size: int) -> None:
    """At least 9 of 10 files with destroyed data, in one line of words; the whole file has no note."""
    assert decode(CELL).notes == ()
    found = [decode(damaged(seed, size)).notes for seed in range(20)]
    assert sum(bool(notes) for notes in found) >= 18
    assert all(note.startswith((DAMAGE, "possibly ")) and note.isprintable() for n in found for note in n)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_damaged_image_is_turned_like_a_whole_one(orientation: int) -> None:
    """The second decoding applies the EXIF orientation too."""
    data = encode(make_image(2, 40, 60), ".jpg")
    extra = data[:-2] + bytes([1, 2, 3, 4]) + data[-2:]
    found = decode(samples.jpeg_with_exif(extra, orientation))
    assert found.image.shape == ((40, 60, 3) if orientation < 5 else (60, 40, 3))
    assert [note for note in found.notes if note.startswith(DAMAGE)] == list(found.notes) != []
    np.testing.assert_array_equal(found.image, decode(samples.jpeg_with_exif(data, orientation)).image)


def test_damage_that_libjpeg_does_not_notice_is_seen_in_the_pixels() -> None:
    """Colors that step by 20 levels from one row of blocks on; not within a block, and not by 4 levels."""
    cell = decode(CELL).image
    assert not jpeg_pixels.has_step(cell)
    for row, levels, wanted in ((96, 20, True), (92, 20, False), (96, 4, False)):
        stepped = cell.astype(int)
        stepped[row:, 50:, 2] -= levels
        assert jpeg_pixels.has_step(np.clip(stepped, 0, 255).astype(np.uint8)) is wanted


def test_a_step_is_noted() -> None:
    """The note of `decode`, for an image that libjpeg finds whole."""
    stepped = decode(CELL).image.astype(int)
    stepped[96:] -= 30
    data = encode(np.clip(stepped, 0, 255).astype(np.uint8), ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95])
    assert decode(data).notes == ("possibly damaged: brightness or color steps across the JPEG",)


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (65, 66), (70, 71), (8, 500), (73, 64)])
def test_any_size_is_looked_at(size: tuple[int, int]) -> None:
    """Plain images have no step, whatever is left of the last row of blocks."""
    assert not jpeg_pixels.has_step(np.full((*size, 3), 90, np.uint8))
