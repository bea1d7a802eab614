"""Image files of every kind for tests, made with OpenCV and by hand, without libraries of the training side."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.tiny import encode, make_image

SHAPE = (24, 20)
PLAIN = make_image(1, *SHAPE)

# 8 x 8 pixels, Adobe CMYK (cyan 0, magenta 200, yellow 40, black 10)
CMYK_JPEG = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3OFBtUVdfYmdoZz5NcXlwZHhc"
    "ZWdj/8AAFAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAYH/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAA"
    "PwCgDRYdv//Z"
)


def exif(orientation: int) -> bytes:
    """Return an EXIF block that holds only an orientation."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def chunk(name: bytes, body: bytes) -> bytes:
    """Return a PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(data: bytes, name: bytes, body: bytes) -> bytes:
    """Insert a chunk after a PNG's header."""
    return data[:33] + chunk(name, body) + data[33:]


def jpeg_with_exif(data: bytes, orientation: int) -> bytes:
    body = b"Exif\0\0" + exif(orientation)
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def webp_with_exif(data: bytes, orientation: int) -> bytes:
    """Wrap a simple WebP into the extended format, with EXIF and, for alpha, its flag."""
    height, width = SHAPE
    flags = 0x08 | (0x10 if data[12:16] == b"VP8L" and data[24] & 0x10 else 0)
    extended = struct.pack("<4sIB3xHBHB", b"VP8X", 10, flags, width - 1, 0, height - 1, 0)
    block = exif(orientation)
    parts = b"WEBP" + extended + data[12:] + struct.pack("<4sI", b"EXIF", len(block)) + block
    return b"RIFF" + struct.pack("<I", len(parts)) + parts


def tiff(pixels: NDArray[Any], photometric: int, orientation: int = 1, sample: int = 1) -> bytes:
    """Return an uncompressed TIFF of one strip, (h, w) or (h, w, channels)."""
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    body = np.ascontiguousarray(pixels).tobytes()
    bits = 8 * pixels.itemsize
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 0), (274, orientation)]
    tags += [(277, channels), (278, height), (279, len(body))]
    tags += [(338, 2)] if photometric == 2 and channels == 4 else []  # alpha that the colors are not multiplied by
    tags += [(339, sample)]
    extra = 8 + 2 + 12 * len(tags) + 4
    entries = b""
    for tag, value in tags:
        if tag in (258, 339) and channels > 2:
            entries += struct.pack("<HHII", tag, 3, channels, extra + (8 if tag == 339 else 0))
        elif tag in (258, 338, 339):
            entries += struct.pack("<HHIHH", tag, 3, 1 if tag == 338 else channels, value, value)
        else:
            entries += struct.pack("<HHII", tag, 4, 1, extra + 16 if tag == 273 else value)
    lists = struct.pack("<4H", *[bits] * 4) + struct.pack("<4H", *[sample] * 4)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + lists + body


_SHORT = {254, 258, 259, 262, 274, 277, 284, 317, 320, 338, 339, 530}


def tiff_like(
    pixels: NDArray[Any],
    photometric: int = 2,
    *,
    order: str = "<",
    big: bool = False,
    compression: int = 1,
    predictor: int = 1,
    planar: int = 1,
    tile: tuple[int, int] | None = None,
    rows: int | None = None,
    tags: Mapping[int, Sequence[int]] | None = None,
) -> bytes:
    """Return a TIFF of any layout, (h, w) or (h, w, channels), uint8 or uint16.

    Args:
        pixels: the image.
        photometric: interpretation, by its number.
        order: of bytes, `<` or `>`.
        big: BigTIFF.
        compression: 1 none, 5 LZW, 7 JPEG, 8 deflate.
        predictor: 2 stores differences along the row.
        planar: 2 stores the channels separately.
        tile: height and width; None for strips of `rows` rows (None: one strip).
        rows: see `tile`.
        tags: additional ones, or replacements.
    """
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    height, width, channels = pixels.shape
    tall, wide = tile or (rows or height, width)
    planes = [pixels] if planar == 1 else [pixels[..., k : k + 1] for k in range(channels)]
    parts = []
    for plane in planes:
        for top in range(0, height, tall):
            for left in range(0, width, wide):
                part = plane[top : top + tall, left : left + wide]
                if tile:
                    part = np.pad(part, ((0, tall - part.shape[0]), (0, wide - part.shape[1]), (0, 0)))
                parts.append(_tiff_part(part, order, compression, predictor))
    place, counts = (324, 325) if tile else (273, 279)
    found: dict[int, Sequence[int]] = {256: [width], 257: [height], 258: [8 * pixels.itemsize] * channels}
    found |= {259: [compression], 262: [photometric], 277: [channels], 284: [planar], 317: [predictor]}
    found |= {322: [wide], 323: [tall]} if tile else {278: [tall]}
    found |= {place: [0] * len(parts), counts: [len(part) for part in parts], **(tags or {})}
    empty = _tiff_directory(found, order, big)
    starts = np.cumsum([len(empty), *(len(part) for part in parts[:-1])])
    return _tiff_directory({**found, place: starts.tolist()}, order, big) + b"".join(parts)


def _tiff_part(part: NDArray[Any], order: str, compression: int, predictor: int) -> bytes:
    if compression == 7:
        return encode(part if part.shape[2] == 3 else part[..., 0], ".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95])
    if predictor == 2:
        part = np.concatenate([part[:, :1], np.diff(part, axis=1)], axis=1)
    raw: bytes = part.astype(part.dtype.newbyteorder("<" if order == "<" else ">")).tobytes()
    if compression == 5:
        return lzw(raw)
    return zlib.compress(raw) if compression == 8 else raw


def _tiff_directory(tags: Mapping[int, Sequence[int]], order: str, big: bool) -> bytes:
    """Return a TIFF's header and its only directory, followed by the values that do not fit into it."""
    cell, room = ("Q", 8) if big else ("I", 4)
    start = (b"II" if order == "<" else b"MM") + (
        struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8)
    )
    behind = len(start) + (8 if big else 2) + (20 if big else 12) * len(tags) + room
    entries = lists = b""
    for tag, values in sorted(tags.items()):
        kind = "H" if tag in _SHORT else cell
        packed = struct.pack(f"{order}{len(values)}{kind}", *values)
        entries += struct.pack(order + "HH" + cell, tag, {"H": 3, "I": 4, "Q": 16}[kind], len(values))
        if len(packed) > room:
            entries += struct.pack(order + cell, behind + len(lists))
            lists += packed
        else:
            entries += packed.ljust(room, b"\0")
    return start + struct.pack(order + ("Q" if big else "H"), len(tags)) + entries + bytes(room) + lists


def lzw(data: bytes) -> bytes:
    """Return TIFF's LZW of single bytes: a clear code precedes each point where codes would exceed 9 bits."""
    codes = [code for i, byte in enumerate(data) for code in ((256, byte) if i % 200 == 0 else (byte,))]
    bits = "".join(f"{code:09b}" for code in [*codes, 257])
    return int(bits.ljust(-len(bits) // 8 * -8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def png(pixels: Sequence[bytes], width: int, bits: int, kind: int, *more: bytes) -> bytes:
    """Return a PNG from its rows of bytes; `more` are chunks between header and pixels (a palette)."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(pixels), bits, kind, 0, 0, 0))
    body = zlib.compress(b"".join(b"\0" + row for row in pixels))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(more) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def gigapixel_png() -> bytes:
    """Return a PNG of a few bytes that declares 40,000 x 40,000 pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def animation(suffix: str) -> bytes:
    """Return an animation of two frames as GIF, WebP or PNG."""
    moving = cv2.Animation()
    moving.frames = [np.ascontiguousarray(frame[..., ::-1]) for frame in (PLAIN, 255 - PLAIN)]
    moving.durations = [100, 100]
    done, data = cv2.imencodeanimation(suffix, moving)
    assert done
    return bytes(data.tobytes())


def pages() -> bytes:
    """Return a TIFF of two pages."""
    done, data = cv2.imencodemulti(".tiff", [np.ascontiguousarray(page[..., ::-1]) for page in (PLAIN, 255 - PLAIN)])
    assert done
    return bytes(data.tobytes())


def with_alpha(value: int) -> NDArray[np.uint8]:
    """Return PLAIN with an alpha channel: `value` in the upper third, opaque below."""
    alpha = np.full(SHAPE, 255, np.uint8)
    alpha[:8] = value
    return np.dstack([PLAIN, alpha])


LOSSLESS = {
    "png": encode(PLAIN),
    "bmp": encode(PLAIN, ".bmp"),
    "tiff": encode(PLAIN, ".tiff"),
    "webp": encode(PLAIN, ".webp", [cv2.IMWRITE_WEBP_QUALITY, 101]),
}
"""PLAIN, in the formats that keep every pixel."""

VALID = {
    **LOSSLESS,
    "jpg": encode(PLAIN, ".jpg"),
    "progressive": encode(PLAIN, ".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "gif": encode(PLAIN, ".gif"),
    "lossy webp": encode(PLAIN, ".webp", [cv2.IMWRITE_WEBP_QUALITY, 80]),
    "rgba png": encode(with_alpha(100)),
    "16 bits png": encode(PLAIN.astype(np.uint16) * 257),
    "two frames": animation(".gif"),
    "two pages": pages(),
    "cmyk": CMYK_JPEG,
}
