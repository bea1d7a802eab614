"""Read a TIFF's first directory, and decide whether OpenCV decodes such an image correctly.

OpenCV decodes some TIFFs wrongly without an error: 16-bit images with separate planes return uninitialized memory, and
kinds that no camera writes use decoders that few people test. Those are refused here, with the reason.

Sources: TIFF 6.0; Adobe's BigTIFF proposal; libtiff 4.7 and OpenCV 5.0 (`grfmt_tiff.cpp`) for what is supported.
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
_NAMES = {2: "RGB", 0: "grayscale", 1: "grayscale", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "CIE L*a*b*"}
_COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
"""None, CCITT (three kinds), LZW, JPEG, deflate, PackBits, deflate under its old number."""

_ROOMY = 1 << 24
"""Pixels up to which a tile or strip may be larger than its image. (Decoders allocate memory for a complete one.)"""


@dataclass(frozen=True)
class Directory:
    """The first directory of a TIFF, or of an EXIF block, which has the same format.

    Attributes:
        tags: integer tags that are used here.
        next_at: position of the offset of the next directory.
        next_size: size of that offset in bytes.
        next_directory: that offset; 0 if this is the last directory.
    """

    tags: Tags
    next_at: int
    next_size: int
    next_directory: int

    def one(self, tag: int, default: int = 0) -> int:
        """Return a tag's first value."""
        return self.tags.get(tag, (default,))[0]


def read_directory(data: bytes) -> Directory:
    """Read the first directory.

    Raises:
        struct.error, OverflowError: it extends beyond the end of the file.
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
    (next_directory,) = struct.unpack_from(order + ("Q" if big else "I"), data, at)
    return Directory(found, at, room, next_directory)


def reason_to_refuse(found: Directory, size: int) -> str | None:
    """Return why a TIFF with this directory is refused, as in "a TIFF ... is not supported"; None if it is accepted.

    An empty text means that it is truncated or damaged.

    Args:
        found: its first directory.
        size: of the file in bytes.
    """
    bits = set(found.tags.get(BITS, (1,)))
    samples, photometric = found.one(SAMPLES, 1), found.one(PHOTOMETRIC, RGB)
    colors = _NAMES.get(photometric, f"color space {photometric}")
    if not bits <= {1, 2, 4, 8, 16} or len(bits) > 1 or set(found.tags.get(FORMAT, (1,))) != {1}:
        return "a TIFF with samples other than unsigned integers of up to 8 or 16 bits"
    if found.one(COMPRESSION, 1) not in _COMPRESSIONS:
        return f"a TIFF with compression {found.one(COMPRESSION)} (use LZW, deflate, JPEG or none)"
    if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR):
        return f"a TIFF in {colors} (use RGB)"
    if samples not in (1, 3, 4) or (samples == 1) != (photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE)):
        return f"a TIFF with {samples} channels in {colors} (use RGB, RGB with alpha, or grayscale)"
    if bits == {16} and photometric > RGB:
        return f"a TIFF with 16 bits in {colors} (use RGB, or 8 bits)"
    if bits == {16} and found.one(PLANAR, 1) != 1 and samples > 1:
        return f"a TIFF with 16 bits in {colors} with separate planes (use interleaved RGB, or 8 bits)"
    return _damage(found, size)


def _damage(found: Directory, size: int) -> str | None:
    width, height = found.one(WIDTH), found.one(HEIGHT)
    for offsets, counts in ((STRIPS, STRIP_BYTES), (TILES, TILE_BYTES)):
        parts = zip(found.tags.get(offsets, ()), found.tags.get(counts, ()), strict=False)
        if any(offset + count > size for offset, count in parts):
            return ""
    part = found.one(TILE_WIDTH) * found.one(TILE_HEIGHT)
    rows = found.one(ROWS)
    if not part and height < rows < 1 << 31:  # larger values mean "all rows"
        part = width * rows
    if part > max(_ROOMY, 2 * width * height):
        return ""
    if found.one(COMPRESSION, 1) == 1 and TILES not in found.tags:
        row = (width * found.one(SAMPLES, 1) * found.one(BITS, 1) + 7) // 8
        if STRIP_BYTES in found.tags and sum(found.tags[STRIP_BYTES]) < row * height:
            return ""
    return None
