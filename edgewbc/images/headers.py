"""What a picture file says of itself, read before a pixel is decoded: kind, size, colour, and whether it is whole.

A few bytes can promise a picture of gigapixels, so the size must be known before anything is decoded; and some decoders
fill what is missing of a cut file with grey, without a word. The readers here walk a file's parts to its end mark.

Sources: the PNG specification (third edition) 5 and 11, GIF89a, RFC 9649 (WebP), BITMAPINFOHEADER (BMP).
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Literal

from edgewbc.images import jpeg, tiff

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
        multiplied: whether colours come out of OpenCV multiplied by alpha already.
        inverted: whether white comes out of OpenCV as 0.
        frames: 1, or more for an animation or a file of several pages (not always counted to the end).
        orientation: EXIF's, 1 to 8; read for PNG and WebP only.
        animated: whether a PNG holds chunks of an animation (see `still`).
        link: of a TIFF of several pages, where the number stands that leads to the second, and its bytes.
        incomplete: whether a JPEG's scans do not add up to a whole picture.
    """

    kind: str
    width: int
    height: int
    colour: Colour = "colour"
    bits: int = 8
    alpha: bool = False
    multiplied: bool = False
    inverted: bool = False
    frames: int = 1
    orientation: int = 1
    animated: bool = False
    link: tuple[int, int] | None = None
    incomplete: bool = False


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
    try:
        found = jpeg.read(data)
    except ValueError as error:
        raise ValueError(str(error) or CUT) from None
    colours: dict[int, Colour] = {1: "grey", 3: "colour", 4: "cmyk"}
    return Header("JPEG", found.width, found.height, colours[found.channels], incomplete=not found.whole)


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
        animated=not seen.keys().isdisjoint(_ANIMATION),
    )


_ANIMATION = (b"acTL", b"fcTL", b"fdAT")


def still(data: bytes) -> bytes:
    """A PNG without its animation: the one picture that any reader shows. The file must be whole (see `read`).

    OpenCV 5.0 crashes on animations whose first frame is damaged.
    """
    kept, at = [data[:8]], 8
    while at < len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name not in _ANIMATION:
            kept.append(data[at : at + 12 + length])
        at += 12 + length
        if name == b"IEND":
            break
    return b"".join(kept)


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
    found = tiff.directory(data)
    why = tiff.refusal(found, len(data))
    if why is not None:
        raise ValueError(f"{why} is not read" if why else CUT)
    photometric = found.one(tiff.PHOTOMETRIC, tiff.RGB)
    colour: Colour = "colour"
    if photometric in (tiff.WHITE_IS_ZERO, tiff.BLACK_IS_ZERO):
        colour = "grey"
    elif photometric == tiff.CMYK:
        colour = "cmyk"
    bits, extra = found.one(tiff.BITS, 1), found.tags.get(tiff.EXTRA, ())
    alpha = 1 in extra or 2 in extra
    return Header(
        "TIFF",
        found.one(tiff.WIDTH),
        found.one(tiff.HEIGHT),
        colour,
        bits,
        alpha=alpha,
        # OpenCV hands 8-bit TIFFs out with their colours multiplied by alpha, however they were stored.
        multiplied=alpha and (bits < 16 or 1 in extra),
        inverted=bits == 16 and photometric == tiff.WHITE_IS_ZERO,
        frames=2 if found.following else 1,
        link=(found.link, found.size) if found.following else None,
    )


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


def _orientation(exif: bytes) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none, or none that can be read."""
    exif = exif.removeprefix(b"Exif\0\0")
    if exif[:4] not in (b"II*\0", b"MM\0*"):
        return 1
    try:
        found = tiff.directory(exif).one(tiff.ORIENTATION, 1)
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
