"""What a JPEG says of itself: its size, its channels, and whether its scans add up to a whole picture.

Source: ISO/IEC 10918-1, annexes B (markers) and G (progressive scans).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])")
"""A marker with a segment behind it, or the end of the image; inside a scan 0xff is data where 0 follows."""

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = (0xC2, 0xCA)
_MOST = 1_000_000_000
"""Pixels times scans of a JPEG: each scan goes over the whole picture, and a few bytes can ask for thousands."""


@dataclass(frozen=True)
class Frame:
    """A JPEG's frame: width and height in pixels, channels (1, 3 or 4) of 8 bits.

    Attributes:
        whole: whether there is a scan for every bit of every coefficient. A progressive JPEG that lost its last scans
            decodes, to a blurred picture.
    """

    width: int
    height: int
    channels: int
    whole: bool


def read(data: bytes) -> Frame:
    """Read a JPEG's frame header and the headers of its scans, and look for its end mark.

    Raises:
        ValueError: it has none of them, or is of a kind that is not read; the message is the reason, or empty if the
            file is cut short or damaged.
        struct.error: it ends in the midst of a header.
    """
    at, kind, size = 2, 0, (8, 0, 0, 0)
    parts = _Scans()
    while True:
        if parts.whole and not parts.progressive:  # the one scan of nearly every JPEG: all that is left to find
            if not data.endswith(b"\xff\xd9", at) and data.find(b"\xff\xd9", at) < 0:
                raise ValueError
            break
        found = _MARKER.search(data, at)
        if found is None:
            raise ValueError
        marker, at = found[1][0], found.end()
        if marker == 0xD9:
            if not parts.count:
                raise ValueError
            break
        (length,) = struct.unpack_from(">H", data, at)
        if length < 2:
            raise ValueError
        if marker in _FRAMES:
            if kind:
                raise ValueError
            kind, size = marker, struct.unpack_from(">BHHB", data, at + 2)
            parts = _Scans(size[3], marker in _PROGRESSIVE)
        elif marker == 0xDA:
            if not kind:
                raise ValueError
            parts.add(data[at + 2 : at + length])
        at += length
    bits, height, width, channels = size
    if channels not in (1, 3, 4):
        raise ValueError(f"a JPEG of {channels} channels is not read")
    if bits != 8:
        raise ValueError(f"a JPEG of {bits} bits a channel is not read")
    if width * height * parts.count > _MOST:
        raise ValueError(f"too large: a JPEG of {width} x {height} pixels in {parts.count} scans")
    return Frame(width, height, channels, parts.whole)


class _Scans:
    """Which of a JPEG's coefficients its scans have brought (ISO/IEC 10918-1, G.1.1)."""

    def __init__(self, channels: int = 0, progressive: bool = False) -> None:
        self.progressive = progressive
        self.count = 0
        self._channels = channels
        self._seen: dict[int, int] = {}  # by channel: a bit for each coefficient that has come down to its last bit

    def add(self, header: bytes) -> None:
        """Count a scan, given its header behind the length."""
        self.count += 1
        first, last, bits = struct.unpack_from("3B", header, 1 + 2 * header[0])
        if not self.progressive:
            first, last, bits = 0, 63, 0
        if bits & 15:  # lower bits are still to come
            return
        for channel in header[1 : 1 + 2 * header[0] : 2]:
            self._seen[channel] = self._seen.get(channel, 0) | (1 << last + 1) - (1 << first)

    @property
    def whole(self) -> bool:
        """Whether every coefficient of every channel has come."""
        return self.count > 0 and sum(seen == (1 << 64) - 1 for seen in self._seen.values()) >= self._channels
