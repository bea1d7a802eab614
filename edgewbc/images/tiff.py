"""A TIFF's first directory, and whether OpenCV reads a picture with such tags right.

OpenCV hands some TIFFs out wrong without a word: channels that stand apart come out of 16 bits as whatever was in
memory, and kinds that no camera writes go through decoders that few people test. Those are refused here by name.

Sources: TIFF 6.0; Adobe's BigTIFF proposal; libtiff 4.7 and OpenCV 5.0 (`grfmt_tiff.cpp`) for what is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

Tags = dict[int, tuple[int, ...]]
"""Values by tag number."""

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION, SAMPLES = 256, 257, 258, 259, 262, 273, 274, 277
ROWS, STRIP_BYTES, PLANAR, TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, EXTRA, FORMAT = (
    278, 279, 284, 322, 323, 324, 325, 338, 339,
)  # fmt: skip
_WANTED = {
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES, PLANAR),
    *(TILE_WIDTH, TILE_HEIGHT, TILES, TILE_BYTES, EXTRA, FORMAT),
}
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR = 0, 1, 2, 3, 5, 6
_NAMES = {2: "RGB", 0: "grey", 1: "grey", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIE L*a*b*"}
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT (three kinds), LZW, JPEG, deflate, PackBits, deflate by its old number."""

_ROOMY = 1 << 24
"""Pixels of a tile or strip that may be larger than its picture. (Decoders make room for the whole of one.)"""


@dataclass(frozen=True)
class Directory:
    """The first directory of a TIFF, or of an EXIF block, which is one too.

    Attributes:
        tags: those with whole numbers that matter here.
        link: where the number stands that says where the next directory starts.
        size: bytes of that number.
        following: that number; 0 if this is the last directory.
    """

    tags: Tags
    link: int
    size: int
    following: int

    def one(self, tag: int, default: int = 0) -> int:
        """A tag's first value."""
        return self.tags.get(tag, (default,))[0]


def directory(data: bytes) -> Directory:
    """Read the first directory.

    Raises:
        struct.error, OverflowError: it leads out of the file.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    at += 8 if big else 2
    entry, room = ("HHQ", 8) if big else ("HHI", 4)
    step = struct.calcsize(order + entry)
    found: Tags = {}
    for _ in range(entries):
        tag, kind, count = struct.unpack_from(order + entry, data, at)
        if tag in _WANTED - found.keys() and kind in _TYPES and 0 < count <= len(data):
            layout = f"{order}{count}{_TYPES[kind]}"
            place = at + step
            if struct.calcsize(layout) > room:
                (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
            found[tag] = struct.unpack_from(layout, data, place)
        at += step + room
    (following,) = struct.unpack_from(order + ("Q" if big else "I"), data, at)
    return Directory(found, at, room, following)


def refusal(found: Directory, size: int) -> str | None:
    """Why a TIFF of this directory is not read, in words that end "a TIFF ... is not read"; None if it is.

    An empty text means that it is cut short or damaged.

    Args:
        found: its first directory.
        size: bytes of the file.
    """
    bits = set(found.tags.get(BITS, (1,)))
    samples, photometric = found.one(SAMPLES, 1), found.one(PHOTOMETRIC, RGB)
    colours = _NAMES.get(photometric, f"colours of kind {photometric}")
    if not bits <= {1, 2, 4, 8, 16} or len(bits) > 1 or set(found.tags.get(FORMAT, (1,))) != {1}:
        return "a TIFF of other samples than plain whole numbers of 8 or 16 bits"
    if found.one(COMPRESSION, 1) not in _COMPRESSIONS:
        return f"a TIFF of compression {found.one(COMPRESSION)} (LZW, deflate, JPEG or none would do)"
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR):
        return f"a TIFF of {colours} (RGB would do)"
    if samples not in (1, 3, 4) or (samples == 1) != (photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE)):
        return f"a TIFF of {samples} channels of {colours} (RGB, RGB with alpha or plain grey would do)"
    if bits == {16} and photometric > RGB:
        return f"a TIFF of 16 bits of {colours} (RGB, or 8 bits, would do)"
    if bits == {16} and found.one(PLANAR, 1) != 1 and samples > 1:
        return f"a TIFF of 16 bits of {colours}, plane by plane (interleaved RGB, or 8 bits, would do)"
    return _damage(found, size)


def _damage(found: Directory, size: int) -> str | None:
    width, height = found.one(WIDTH), found.one(HEIGHT)
    for offsets, counts in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
        parts = zip(found.tags.get(offsets, ()), found.tags.get(counts, ()), strict=False)
        if any(offset + count > size for offset, count in parts):
            return ""
    part = found.one(TILE_WIDTH) * found.one(TILE_HEIGHT)
    rows = found.one(ROWS)
    if not part and height < rows < 1 << 31:  # beyond, it stands for "all rows"
        part = width * rows
    if part > max(_ROOMY, 2 * width * height):
        return ""
    if found.one(COMPRESSION, 1) == 1 and TILES not in found.tags:
        row = (width * found.one(SAMPLES, 1) * found.one(BITS, 1) + 7) // 8
        if STRIP_BYTES in found.tags and sum(found.tags[STRIP_BYTES]) < row * height:
            return ""
    return None
