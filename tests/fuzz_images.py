"""Mutated image files: a small corpus of every format, and the mutations that are applied to it."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np

from tests.lab import samples
from tests.tiny import encode, make_image

EXTREMES = (0, 1, 2, 7, 8, 9, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
LARGE = 1 << 16
"""Bytes beyond which no mutation grows a file."""


@cache
def corpus() -> dict[str, bytes]:
    """Return valid files of all formats, a few kB each, by name."""
    rgb = make_image(2, 40, 36)
    deep = rgb.astype(np.uint16) * 257
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 100, np.uint8)])
    jpg = [cv2.IMWRITE_JPEG_QUALITY, 90]
    found = dict(samples.VALID)
    found |= {
        "jpg gray": encode(rgb[..., 0], ".jpg"),
        "jpg restarts": encode(rgb, ".jpg", [*jpg, cv2.IMWRITE_JPEG_RST_INTERVAL, 1]),
        "jpg 4:4:4": encode(rgb, ".jpg", [*jpg, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x111111]),
        "jpg rotated": samples.jpeg_with_exif(encode(rgb, ".jpg"), 6),
        "png gray 16": encode(deep[..., 0]),
        "png palette": samples.png([bytes([0, 1]), bytes([1, 0])], 2, 8, 3, samples.chunk(b"PLTE", bytes(range(6)))),
        "png rotated": samples.png_with(samples.VALID["png"], b"eXIf", samples.exif(6)),
        "png animated": samples.animation(".png"),
        "webp animated": samples.animation(".webp"),
        "webp alpha": encode(samples.with_alpha(100), ".webp", [cv2.IMWRITE_WEBP_QUALITY, 70]),
        "webp rotated": samples.webp_with_exif(samples.VALID["webp"], 6),
        "bmp gray": encode(rgb[..., 0], ".bmp"),
        "bmp 32": encode(alpha, ".bmp"),
        "bmp rle8": _bmp_rle(1),
        "bmp rle4": _bmp_rle(2),
        "bmp fields": _bmp_fields(),
    }
    for order, big in (("<", False), (">", False), ("<", True)):
        name = f"tiff {order}{' big' if big else ''}"
        found |= {
            f"{name} lzw": samples.tiff_like(rgb, order=order, big=big, compression=5, rows=16),
            f"{name} deflate 16": samples.tiff_like(deep, order=order, big=big, compression=8, predictor=2, rows=7),
            f"{name} tiles": samples.tiff_like(rgb, order=order, big=big, compression=8, tile=(16, 32)),
            f"{name} tiles 16": samples.tiff_like(deep, order=order, big=big, tile=(32, 16)),
            f"{name} planar": samples.tiff_like(rgb, order=order, big=big, compression=5, planar=2, rows=16),
            f"{name} jpeg": samples.tiff_like(
                rgb, 6, order=order, big=big, compression=7, rows=16, tags={530: [2, 2], 274: [6]}
            ),
            f"{name} alpha": samples.tiff_like(alpha, order=order, big=big, tags={338: [1]}),
            f"{name} palette": samples.tiff_like(
                rgb[..., 0], 3, order=order, big=big, tags={320: [257 * (i % 256) for i in range(768)]}
            ),
            f"{name} cmyk": samples.tiff_like(alpha, 5, order=order, big=big, compression=8),
            f"{name} gray inverted": samples.tiff_like(deep[..., 0], 0, order=order, big=big),
        }
    return found


def _bmp_rle(compression: int) -> bytes:
    """Return a run-length encoded BMP of 16 x 4 pixels; compression 1 has 8 bits per pixel, 2 has 4."""
    palette = b"".join(bytes([i * 3 % 256, i, 255 - i, 0]) for i in range(256 if compression == 1 else 16))
    body = (bytes([10, 5, 0, 6, 1, 2, 3, 4, 5, 6]) if compression == 1 else bytes([16, 0x12])) + bytes(2)
    body = body * 4 + bytes([0, 1])
    start = 54 + len(palette)
    header = struct.pack("<IIIIiiHHIIiiII", start + len(body), 0, start, 40, 16, 4, 1, 8 // compression, compression,
                         len(body), 0, 0, 0, 0)  # fmt: skip
    return b"BM" + header + palette + body


def _bmp_fields() -> bytes:
    """Return a BMP of 16 bits per pixel in bit fields of 5, 6 and 5, top row first."""
    body = bytes(range(64))
    header = struct.pack("<IIIIiiHHIIiiII", 66 + len(body), 0, 66, 40, 8, -4, 1, 16, 3, len(body), 0, 0, 0, 0)
    return b"BM" + header + struct.pack("<III", 0xF800, 0x07E0, 0x001F) + body


def case(seed: int, number: int) -> tuple[str, str, bytes]:
    """Return a mutated file: the name of the original, of the mutation, and the bytes. Deterministic."""
    rng = random.Random(f"{seed} {number}")  # noqa: S311
    files = corpus()
    name = rng.choice(list(files))
    how = rng.choice(list(MUTATIONS))
    data = bytearray(files[name])
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = MUTATIONS[how](rng, data)[:LARGE]
    if data[:4] == b"\x89PNG" and rng.random() < 0.7:
        data = _with_checksums(data)
    return name, how, bytes(data)


def _place(rng: random.Random, data: bytearray, size: int = 1) -> int:
    """Return a random position, half of the time near the start, where the header is."""
    room = max(1, len(data) - size + 1)
    return rng.randrange(min(room, 128)) if rng.random() < 0.5 else rng.randrange(room)


def _flip(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.randint(1, 8)):
        if data:
            data[_place(rng, data)] ^= 1 << rng.randrange(8)
    return data


def _bytes(rng: random.Random, data: bytearray) -> bytearray:
    at = _place(rng, data)
    size = rng.choice((1, 2, 4, 16, 64))
    data[at : at + size] = rng.randbytes(min(size, len(data) - at))
    return data


def _truncate(rng: random.Random, data: bytearray) -> bytearray:
    end = {b"\xff\xd8": b"\xff\xd9", b"GI": b"\0;"}.get(bytes(data[:2]), b"")
    kept = data[: rng.randrange(len(data) + 1)]
    return kept + end if rng.random() < 0.5 else kept


def _insert(rng: random.Random, data: bytearray) -> bytearray:
    at = _place(rng, data)
    return data[:at] + rng.choice((bytes, rng.randbytes))(rng.choice((1, 2, 3, 8, 200))) + data[at:]


def _cut_out(rng: random.Random, data: bytearray) -> bytearray:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 3, 8, 100)) :]


def _double(rng: random.Random, data: bytearray) -> bytearray:
    at = _place(rng, data)
    part = data[at : at + rng.choice((2, 12, 50, 400))]
    return data[:at] + part * rng.choice((2, 3, 50)) + data[at:]


def _splice(rng: random.Random, data: bytearray) -> bytearray:
    other = rng.choice(list(corpus().values()))
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other)) :]


def _number(rng: random.Random, data: bytearray) -> bytearray:
    """Write an extreme number of 2, 4 or 8 bytes at a random position: sizes, counts, offsets."""
    code = rng.choice("HHIIIQ")
    size = struct.calcsize(code)
    if len(data) >= size:
        value = rng.choice((*EXTREMES, rng.getrandbits(32))) & (1 << 8 * size) - 1
        struct.pack_into(rng.choice("<>") + code, data, _place(rng, data, size), value)
    return data


def _field(rng: random.Random, data: bytearray) -> bytearray:
    """Change a header field of this format: width, height, depth, a tag, a segment's length."""
    places = _fields(bytes(data))
    if not places:
        return _number(rng, data)
    at, code = rng.choice(places)
    size = struct.calcsize(code)
    if at + size <= len(data):
        (old,) = struct.unpack_from(code, data, at)
        value = rng.choice((*EXTREMES, old + 1, old - 1, old * 2, old // 2, rng.getrandbits(12)))
        struct.pack_into(code, data, at, value & (1 << 8 * size) - 1)
    return data


def _fields(data: bytes) -> list[tuple[int, str]]:
    """Return the positions of a header's numbers, and how they are packed."""
    found: list[tuple[int, str]] = []
    if data[:3] == b"\xff\xd8\xff":
        at = 2
        while at + 4 <= len(data) and data[at] == 0xFF:
            found += [(at + 1, "B"), (at + 2, ">H")]
            found += [(at + k, code) for k, code in ((4, "B"), (5, ">H"), (7, ">H"), (9, "B"), (11, "B"), (14, "B"))]
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    elif data[:4] == b"\x89PNG":
        at = 8
        while at + 12 <= len(data):
            found += [(at, ">I"), *((at + k, ">I") for k in (8, 12, 16)), *((at + k, "B") for k in range(16, 21))]
            at += 12 + struct.unpack_from(">I", data, at)[0]
    elif data[:2] == b"BM":
        found = [(at, "<I") for at in range(2, 54, 4)] + [(26, "<H"), (28, "<H")]
    elif data[:3] == b"GIF":
        found = [(6, "<H"), (8, "<H"), (10, "B"), *((at, "<H") for at in range(781, min(len(data), 800)))]
    elif data[:4] == b"RIFF":
        found = [(4, "<I"), (16, "<I"), *((at, "<H") for at in range(20, 48))]
    elif data[:4] in (b"II*\0", b"II+\0", b"MM\0*", b"MM\0+"):
        order, big = ("<" if data[:2] == b"II" else ">"), b"+" in data[:4]
        step, first = (20, 24) if big else (12, 10)
        for entry in range(first, min(first + 16 * step, len(data) - step), step):
            long = order + ("Q" if big else "I")
            found += [(entry, order + "H"), (entry + 2, order + "H"), (entry + 4, long)]
            found += [(entry + step - struct.calcsize(long), code) for code in (long, order + "H", order + "H")]
    return found


def _with_checksums(data: bytearray) -> bytearray:
    """Correct the checksums of a PNG's chunks, so that the mutation is not stopped by them."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data


MUTATIONS: dict[str, Callable[[random.Random, bytearray], bytearray]] = {
    "bits flipped": _flip,
    "bytes changed": _bytes,
    "truncated": _truncate,
    "bytes inserted": _insert,
    "bytes removed": _cut_out,
    "parts repeated": _double,
    "spliced with another": _splice,
    "extreme numbers": _number,
    "fields changed": _field,
    "fields changed again": _field,
}
"""The mutations, by name."""
