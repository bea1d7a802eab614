"""Read a JPEG's headers: its size, its channels, and whether its scans are complete.

Source: ISO/IEC 10918-1, annexes B (markers) and G (progressive scans).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""A marker that starts a segment, or the end of the image; within a scan, 0xff followed by 0 is data."""

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xCA)
_EXIF = b"Exif\0\0"
_MAX_WORK = 1_000_000_000
"""Limit of pixels times scans: each scan covers the whole image, and a few bytes can declare thousands."""


@dataclass(frozen=True)
class Frame:
    """The frame of a JPEG.

    Attributes:
        width, height: in pixels.
        channels: 1, 3 or 4, of 8 bits.
        complete: whether there is a scan for every bit of every coefficient. A progressive JPEG that lost its last
            scans still decodes, to a blurred image.
        exif: the first EXIF block; empty if there is none.
    """

    width: int
    height: int
    channels: int
    complete: bool
    exif: bytes = b""


def read(data: bytes) -> Frame:
    """Read a JPEG's frame header and the headers of its scans, and check that it has an end marker.

    Raises:
        ValueError: one of them is missing, or the JPEG is not of a supported kind; the message is the reason, or empty
            if the file is truncated or damaged.
        struct.error: it ends within a header.
    """
    at, kind, size, exif = 2, 0, (8, 0, 0, 0), b""
    scans = _Scans()
    while True:
        if scans.complete and not scans.progressive:  # nearly every JPEG has one scan: only its end is left to find
            if not data.endswith(b"\xff\xd9", at) and data.find(b"\xff\xd9", at) < 0:
                raise ValueError
            break
        found = _MARKER.search(data, at)
        if found is None:
            raise ValueError
        marker, at = found[1][0], found.end()
        if marker == 0xD9:
            if not scans.count:
                raise ValueError
            break
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise ValueError
        if marker == 0xE1 and not exif and data.startswith(_EXIF, at + 2):
            exif = data[at + 2 : at + length]
        elif marker in _FRAMES:
            if kind:
                raise ValueError
            kind, size = marker, struct.unpack_from(">BHHB", data, at + 2)
            scans = _Scans(size[3], marker in _PROGRESSIVE)
        elif marker == 0xDA:
            if not kind:
                raise ValueError
            scans.add(data[at + 2 : at + length])
        at += length
    bits, height, width, channels = size
    if channels not in (1, 3, 4):
        raise ValueError(f"a JPEG with {channels} channels is not supported")
    if bits != 8:
        raise ValueError(f"a JPEG with {bits} bits per channel is not supported")
    if width * height * scans.count > _MAX_WORK:
        raise ValueError(f"too large: a JPEG of {width} x {height} pixels in {scans.count} scans")
    return Frame(width, height, channels, scans.complete, exif)


class _Scans:
    """Keeps track of which coefficients the scans of a JPEG have contained (ISO/IEC 10918-1, G.1.1)."""

    def __init__(self, channels: int = 0, progressive: bool = False) -> None:
        self.progressive = progressive
        self.count = 0
        self._channels = channels
        self._seen: dict[int, int] = {}  # by channel: one bit for each coefficient that is known to its last bit

    def add(self, header: bytes) -> None:
        """Count a scan, given its header after the length."""
        self.count += 1
        first, last, bits = struct.unpack_from("3B", header, 1 + 2 * header[0])
        if not self.progressive:
            first, last, bits = 0, 63, 0
        if bits & 15:  # a later scan refines the lower bits
            return
        for channel in header[1 : 1 + 2 * header[0] : 2]:
            self._seen[channel] = self._seen.get(channel, 0) | (1 << last + 1) - (1 << first)

    @property
    def complete(self) -> bool:
        """Whether every coefficient of every channel is known."""
        return self.count > 0 and sum(seen == (1 << 64) - 1 for seen in self._seen.values()) >= self._channels
