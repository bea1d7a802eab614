"""A TIFF's first directory, and why some are not read. (What the others decode to is tested in test_decode.)"""

from __future__ import annotations

import struct

import pytest

from edgewbc.images import tiff
from tests.lab import samples


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_directory_is_read_in_either_order_and_size(order: str, big: bool) -> None:
    """Tags of one value and of many, and where the next directory would be named."""
    data = samples.tiff_like(samples.PLAIN, order=order, big=big, rows=8)
    found = tiff.read_directory(data)
    assert (found.one(tiff.WIDTH), found.one(tiff.HEIGHT)) == (20, 24)
    assert found.tags[tiff.BITS] == (8, 8, 8)
    assert found.tags[tiff.STRIP_BYTES] == (480, 480, 480)
    assert found.one(tiff.ORIENTATION, 1) == 1
    assert found.next_directory == 0
    assert found.next_size == (8 if big else 4)
    assert data[found.next_at : found.next_at + found.next_size] == bytes(found.next_size)
    assert tiff.reason_to_refuse(found, len(data)) is None


def test_a_directory_that_leads_out_of_the_file_is_an_error() -> None:
    """Wherever the file is cut within its directory."""
    data = samples.tiff_like(samples.PLAIN)
    for size in (5, 9, 30, 100):
        with pytest.raises(struct.error):
            tiff.read_directory(data[:size])


def test_parts_beyond_the_end_or_too_small_are_damage() -> None:
    """A strip that leads out of the file, and plain strips with fewer bytes than the pixels need: no filling up."""
    data = samples.tiff_like(samples.PLAIN, rows=8)
    found = tiff.read_directory(data)
    assert tiff.reason_to_refuse(found, len(data) - 1) == ""
    short = samples.tiff_like(samples.PLAIN, rows=8, tags={tiff.STRIP_BYTES: [480, 480, 479]})
    assert tiff.reason_to_refuse(tiff.read_directory(short), len(short)) == ""


@pytest.mark.parametrize(
    ("photometric", "tags", "reason"),
    [
        (2, {tiff.BITS: [8, 16, 8]}, "a TIFF with samples other than unsigned integers of up to 8 or 16 bits"),
        (2, {tiff.BITS: [12, 12, 12]}, "a TIFF with samples other than unsigned integers of up to 8 or 16 bits"),
        (2, {tiff.FORMAT: [3, 3, 3]}, "a TIFF with samples other than unsigned integers of up to 8 or 16 bits"),
        (2, {tiff.COMPRESSION: [34712]}, "a TIFF with compression 34712 (use LZW, deflate, JPEG or none)"),
        (8, {}, "a TIFF in CIE L*a*b* (use RGB)"),
        (1, {}, "a TIFF with 3 channels in grayscale (use RGB, RGB with alpha, or grayscale)"),
        (6, {tiff.BITS: [16, 16, 16]}, "a TIFF with 16 bits in YCbCr (use RGB, or 8 bits)"),
    ],
)
def test_layouts_that_are_not_read(photometric: int, tags: dict[int, list[int]], reason: str) -> None:
    """Each is named, with what to use instead."""
    data = samples.tiff_like(samples.PLAIN, photometric, tags=tags)
    assert tiff.reason_to_refuse(tiff.read_directory(data), len(data)) == reason
