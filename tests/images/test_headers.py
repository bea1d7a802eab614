"""Headers: what a file says of itself, before anything is decoded."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from edgewbc.images.headers import Header, read
from tests.lab import samples
from tests.tiny import encode


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("jpg", Header("JPEG", 20, 24)),
        ("progressive", Header("JPEG", 20, 24)),
        ("png", Header("PNG", 20, 24)),
        ("bmp", Header("BMP", 20, 24)),
        ("tiff", Header("TIFF", 20, 24)),
        ("webp", Header("WebP", 20, 24)),
        ("lossy webp", Header("WebP", 20, 24)),
        ("gif", Header("GIF", 20, 24)),
        ("rgba png", Header("PNG", 20, 24, alpha=True)),
        ("16 bits png", Header("PNG", 20, 24, bits=16)),
        ("cmyk", Header("JPEG", 8, 8, "cmyk")),
        ("two pages", Header("TIFF", 20, 24, frames=2)),
        ("two frames", Header("GIF", 20, 24, frames=2)),
    ],
)
def test_headers_of_every_kind(name: str, want: Header) -> None:
    """Kind, size, color, depth, alpha and frames are read from each format."""
    found = replace(read(samples.VALID[name]), next_page=None)
    assert found == Header(**{**want.__dict__, "alpha": found.alpha if name == "two frames" else want.alpha})


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_frames_of_animations(suffix: str) -> None:
    """Animated WebP and PNG have two frames."""
    assert read(samples.animation(suffix)).frames == 2


def test_grey_is_told_by_channels_and_palettes() -> None:
    """One channel is gray; so is a palette of grays, as OpenCV writes a grayscale BMP."""
    for suffix in (".jpg", ".png", ".tiff", ".bmp"):
        assert read(encode(samples.PLAIN[..., 0], suffix)).color == "gray", suffix


@pytest.mark.parametrize("orientation", [1, 3, 8])
def test_orientation_of_png_and_webp(orientation: int) -> None:
    """The orientation is read from PNG's eXIf and WebP's EXIF; nonsense counts as upright."""
    block = samples.exif(orientation)
    assert read(samples.png_with(samples.LOSSLESS["png"], b"eXIf", block)).orientation == orientation
    assert read(samples.webp_with_exif(samples.LOSSLESS["webp"], orientation)).orientation == orientation
    for broken in (block[:11], b"junk", samples.exif(77), b""):
        assert read(samples.png_with(samples.LOSSLESS["png"], b"eXIf", broken)).orientation == 1


def test_bigtiff_is_read() -> None:
    """A TIFF with 64-bit offsets gives its size and its next page."""
    tags = [(256, 70000), (257, 3), (262, 1)]
    entries = b"".join(struct.pack("<HHQQ", tag, 4, 1, value) for tag, value in tags)
    data = b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", len(tags)) + entries + struct.pack("<Q", 0)
    assert read(data) == Header("TIFF", 70000, 3, "gray", bits=1)


def test_a_changed_byte_of_a_png_is_found_by_its_checksum() -> None:
    """Any one byte of a PNG behind its signature may not change unseen."""
    data = samples.LOSSLESS["png"]
    for place in range(8, len(data), 37):
        changed = bytearray(data)
        changed[place] ^= 1
        with pytest.raises(ValueError, match="truncated or damaged"):
            read(bytes(changed))


def test_top_down_bmp() -> None:
    """A BMP with a negative height is read from the top; its size is the same."""
    data = bytearray(samples.LOSSLESS["bmp"])
    struct.pack_into("<i", data, 22, -24)
    assert read(bytes(data)) == Header("BMP", 20, 24)
