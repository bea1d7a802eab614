"""JPEG files: size, end marker and scans."""

from __future__ import annotations

import struct

import cv2
import pytest

from edgewbc.images.decode import ImageError, decode
from tests.lab import samples
from tests.lab.samples import PLAIN
from tests.tiny import encode, make_image

EMPTY = ("possibly truncated: part of the JPEG is missing or empty",)


def test_a_progressive_jpeg_without_its_last_scans_is_marked() -> None:
    """Missing scans leave an image that is only blurred; they are detected by counting scans."""
    data = encode(make_image(3, 96, 80), ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])
    assert decode(data).notes == ()
    last = data.rindex(b"\xff\xda")
    assert decode(data[:last] + b"\xff\xd9").notes == EMPTY


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    """Each scan covers the whole image and takes only ten bytes."""
    data = bytearray(encode(make_image(3, 96, 80), ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]))
    struct.pack_into(">HH", data, data.index(b"\xff\xc2") + 5, 5000, 5000)
    scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ImageError, match="too large: a JPEG of 5000 x 5000 pixels in [0-9]+ scans"):
        decode(bytes(data[:-2]) + bytes(scan) * 60 + b"\xff\xd9")


def test_a_jpeg_without_its_end_mark_is_refused() -> None:
    """A file that lacks two bytes is truncated, even if an embedded thumbnail contains the missing marker."""
    data = samples.VALID["jpg"]
    thumb = data[:2] + b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data + data[2:]
    assert decode(thumb).image.shape == PLAIN.shape
    for cut in (data[:-2], thumb[:-2]):
        with pytest.raises(ImageError, match="truncated or damaged"):
            decode(cut)
