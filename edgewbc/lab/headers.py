"""What a picture file says of itself, read before a pixel is decoded: kind, size, colour, and whether it is whole.

A few bytes can promise a picture of gigapixels, so the size must be known before anything is decoded; and some decoders
fill what is missing of a cut file with grey, without a word. The readers here walk a file's parts to its end mark.

Sources: ISO/IEC 10918-1 annex B (JPEG), the PNG specification (third edition) 5 and 11, TIFF 6.0 and BigTIFF,
GIF89a, RFC 9649 (WebP), BITMAPINFOHEADER (BMP).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Literal

Colour = Literal["colour", "grey", "cmyk"]

CUT = "cut short or damaged"
KINDS = "JPEG, PNG, BMP, GIF, TIFF and WebP"


@dataclass(frozen=True)
class Header:
    """A picture file's own account.

    Attributes:
        kind: JPEG, PNG, BMP, GIF, TIFF or WebP.
        width, height: in pixels, before any rotation.
        colour: `grey` if all its colours are grey by construction: one channel, or a palette of greys.
        bits: of one sample, 16 or at most 8.
        alpha: whether pixels may be transparent.
        frames: 1, or more for an animation or a file of several pages (not always counted to the end).
        orientation: EXIF's, 1 to 8; read for PNG and WebP only.
    """

    kind: str
    width: int
    height: int
    colour: Colour = "colour"
    bits: int = 8
    alpha: bool = False
    frames: int = 1
    orientation: int = 1


def read(data: bytes) -> Header:
    """Read a picture file's header and check that the file is whole.

    Raises:
        ValueError: not a picture of a known kind, cut short, or damaged; the message is the reason.
    """
    for start, reader in _READERS:
        if data.startswith(start) and (reader is not _webp or data[8:12] == b"WEBP"):
            try:
                return reader(data)
            except (struct.error, IndexError, OverflowError):
                raise ValueError(CUT) from None
    raise ValueError(f"not a picture, or of a kind that is not read ({KINDS} are)")


def _jpeg(data: bytes) -> Header:
    at, size = 2, None
    while True:
        at = data.find(b"\xff", at)
        if at < 0:
            raise ValueError(CUT)
        while data[at] == 0xFF:
            at += 1
        marker, at = data[at], at + 1
        if marker == 0xD9:
            raise ValueError(CUT)
        if marker == 0xDA:
            break
        if marker in (0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            continue  # these stand alone
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise ValueError(CUT)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            size = struct.unpack_from(">BHHB", data, at + 2)
        at += length
    # Inside a scan 0xff is always followed by 0 or a restart mark, so that this can only be the end of the image.
    if size is None or data.find(b"\xff\xd9", at) < 0:
        raise ValueError(CUT)
    bits, height, width, channels = size
    if channels not in (1, 3, 4):
        raise ValueError(f"a JPEG of {channels} channels is not read")
    colours: dict[int, Colour] = {1: "grey", 3: "colour", 4: "cmyk"}
    return Header("JPEG", width, height, colours[channels], bits)


def _png(data: bytes) -> Header:
    view = memoryview(data)
    at, name, seen = 8, b"", dict[bytes, bytes]()
    while name != b"IEND":
        length, name = struct.unpack_from(">I4s", data, at)
        (checksum,) = struct.unpack_from(">I", data, at + 8 + length)
        if zlib.crc32(view[at + 4 : at + 8 + length]) != checksum:
            raise ValueError(CUT)
        if not seen and name != b"IHDR":
            raise ValueError(CUT)
        if name != b"IDAT":
            seen.setdefault(name, data[at + 8 : at + 8 + length])
        at += 12 + length
    width, height, bits, kind = struct.unpack_from(">IIBB", seen[b"IHDR"])
    grey = kind in (0, 4) or (kind == 3 and _is_grey(seen.get(b"PLTE", b""), 3))
    return Header(
        "PNG",
        width,
        height,
        "grey" if grey else "colour",
        bits,
        alpha=kind in (4, 6) or b"tRNS" in seen,
        frames=struct.unpack_from(">I", seen[b"acTL"])[0] if b"acTL" in seen else 1,
        orientation=_orientation(seen.get(b"eXIf", b"")),
    )


def _bmp(data: bytes) -> Header:
    start, header = struct.unpack_from("<II", data, 10)
    if header == 12:
        width, height, _, depth = struct.unpack_from("<HHHH", data, 18)
        compression = 0
    else:
        width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    height = abs(height)  # negative: the first row is the top one
    if width < 1 or depth not in (1, 2, 4, 8, 16, 24, 32):
        raise ValueError(CUT)
    if compression in (0, 3) and len(data) < start + (width * depth + 31) // 32 * 4 * height:
        raise ValueError(CUT)
    palette = data[14 + header : start] if depth <= 8 else b""
    return Header("BMP", width, height, "grey" if _is_grey(palette, 3 if header == 12 else 4) else "colour")


def _gif(data: bytes) -> Header:
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at, frames, alpha = 13, 0, False
    palette = b""
    if flags & 0x80:
        palette = data[at : at + (6 << (flags & 7))]
        at += 6 << (flags & 7)
    while (mark := data[at]) != 0x3B:
        if mark == 0x2C:
            frames += 1
            flags = data[at + 9]
            at += 10
            if flags & 0x80:
                palette = data[at : at + (6 << (flags & 7))] if frames == 1 else palette
                at += 6 << (flags & 7)
            at += 1
        elif mark == 0x21:
            alpha |= data[at + 1] == 0xF9 and frames == 0 and bool(data[at + 3] & 1)
            at += 2
        else:
            raise ValueError(CUT)
        while data[at]:
            at += data[at] + 1
        at += 1
    if not frames:
        raise ValueError(CUT)
    return Header("GIF", width, height, "grey" if _is_grey(palette, 3) else "colour", alpha=alpha, frames=frames)


def _tiff(data: bytes) -> Header:
    tags, following = _tags(data)
    width, height = tags[256][0], tags[257][0]
    bits = max(tags.get(258, [1]))
    if bits not in (1, 2, 4, 8, 16) or any(kind not in (1, 2) for kind in tags.get(339, [1])):
        raise ValueError("a TIFF of whole numbers of 8 or 16 bits is read, and this one is of another kind")
    for offsets, counts in ((273, 279), (324, 325)):
        parts = zip(tags.get(offsets, []), tags.get(counts, []), strict=False)
        if any(offset + count > len(data) for offset, count in parts):
            raise ValueError(CUT)
    # Photometric interpretation: 0 and 1 are grey, 5 is CMYK (separated)
    colour: Colour = {0: "grey", 1: "grey", 5: "cmyk"}.get(tags.get(262, [2])[0], "colour")  # type: ignore[assignment]
    alpha = any(extra in (1, 2) for extra in tags.get(338, []))
    return Header("TIFF", width, height, colour, bits, alpha, 2 if following else 1)


def _webp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 4)
    end = size + 8
    if end > len(data):
        raise ValueError(CUT)
    at, first, frames, orientation = 12, None, 0, 1
    while at + 8 <= end:
        name, length = struct.unpack_from("<4sI", data, at)
        at += 8
        if first is None:
            first = _webp_size(name, data, at)
        frames += name == b"ANMF"
        if name == b"EXIF":
            orientation = _orientation(data[at : at + length])
        at += length + (length & 1)
    if first is None:
        raise ValueError(CUT)
    return Header("WebP", first[0], first[1], alpha=first[2], frames=max(1, frames), orientation=orientation)


def _webp_size(name: bytes, data: bytes, at: int) -> tuple[int, int, bool]:
    """Width, height and whether there is alpha, from a WebP file's first chunk."""
    if name == b"VP8X":
        flags, low_w, high_w, low_h, high_h = struct.unpack_from("<B3xHBHB", data, at)
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1, bool(flags & 0x10)
    if name == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, at + 1)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1, bool(packed >> 28 & 1)
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, at + 6)
        return width & 0x3FFF, height & 0x3FFF, False
    raise ValueError(CUT)


def _is_grey(palette: bytes, step: int) -> bool:
    return bool(palette) and palette[0::step] == palette[1::step] == palette[2::step]


_TAGS = {256, 257, 258, 262, 273, 274, 279, 324, 325, 338, 339}
_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}


def _tags(data: bytes) -> tuple[dict[int, tuple[int, ...]], int]:
    """The whole-numbered tags of a TIFF's first directory (EXIF is one too), and where the next directory starts."""
    order = "<" if data[:2] == b"II" else ">"
    big = struct.unpack_from(order + "H", data, 2)[0] == 43
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
    (entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, at)
    at += 8 if big else 2
    entry, room = ("HHQ", 8) if big else ("HHI", 4)
    step = struct.calcsize(order + entry)
    found: dict[int, tuple[int, ...]] = {}
    for _ in range(entries):
        tag, kind, count = struct.unpack_from(order + entry, data, at)
        if tag in _TAGS - found.keys() and kind in _TYPES and 0 < count <= len(data):
            layout = f"{order}{count}{_TYPES[kind]}"
            place = at + step
            if struct.calcsize(layout) > room:
                (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, place)
            found[tag] = struct.unpack_from(layout, data, place)
        at += step + room
    found.setdefault(256, (0,))
    found.setdefault(257, (0,))
    (following,) = struct.unpack_from(order + ("Q" if big else "I"), data, at)
    return found, following


def _orientation(exif: bytes) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none, or none that can be read."""
    exif = exif.removeprefix(b"Exif\0\0")
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    try:
        found = _tags(exif)[0].get(274, (1,))[0]
    except (struct.error, OverflowError):
        return 1
    return found if 1 <= found <= 8 else 1


_READERS = (
    (b"\xff\xd8\xff", _jpeg),
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"BM", _bmp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"II+\0", _tiff),
    (b"MM\0+", _tiff),
    (b"RIFF", _webp),
)
