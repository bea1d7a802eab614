"""Bytes in an HTML file, compressed and as dense text: what `web/unpack.js` reads.

An HTML file holds text, and so do its binary parts. Base64 makes them a third larger. A unit of a file in UTF-16 takes
two bytes, whatever they are, except for the few units that HTML does not keep; these are written as two. The byte order
mark at its beginning has precedence over any encoding that a server states, so that such a file is read alike from a
disk and from a server. Browsers have no decompressor for LZMA, but it takes WebAssembly to 64 % of what gzip does, and
its decompressor is short.
"""

from __future__ import annotations

import functools
import lzma
import zlib
from dataclasses import asdict, dataclass

import numpy as np

LITERAL_BITS = 3
"""LZMA's `lc`: number of bits of the byte before that a byte is predicted from."""
ESCAPE = 0x3D
"""The unit `=`: that after it has its highest bit inverted."""
_NOT_KEPT = (0x0000, 0x000D, 0x003C, ESCAPE, 0xFEFF, 0xFFFE, 0xFFFF)
"""Units that HTML replaces (0, carriage return), that begin a tag (<), or that some readers drop (byte order marks)."""
_DICTIONARY = 1 << 24


@dataclass(frozen=True)
class Part:
    """A binary part of a page.

    Attributes:
        size: in bytes.
        packed: size in bytes after compression.
        crc: CRC-32 of the bytes.
        text: what stands in the file, units of UTF-16 without surrogates.
    """

    size: int
    packed: int
    crc: int
    text: str

    def to_json(self) -> dict[str, int]:
        """Return what the page knows of the part, as JSON values: all but the text."""
        return {name: value for name, value in asdict(self).items() if name != "text"}


@functools.lru_cache(maxsize=4)
def pack(data: bytes, literal_bits: int = LITERAL_BITS) -> Part:
    """Return data as a part of a page.

    Args:
        data: any bytes.
        literal_bits: LZMA's `lc`, 0 to 4; `unpack.js` must be given the same.
    """
    filters = [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": _DICTIONARY,
            "mf": lzma.MF_HC4,
            "nice_len": 48,  # a third of the time of the highest preset, and 4 % more bytes
            "depth": 16,
            "lc": literal_bits,
            "lp": 0,
            "pb": 0,
        }
    ]
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=filters)
    return Part(len(data), len(packed), zlib.crc32(data), as_text(packed))


def as_text(data: bytes) -> str:
    """Return bytes as units of UTF-16, the first of two bytes being the lower half of a unit."""
    units = np.frombuffer(data + bytes(len(data) % 2), "<u2")
    escaped = np.isin(units, _NOT_KEPT) | ((units >= 0xD800) & (units <= 0xDFFF))  # surrogates stand in pairs only
    places = np.flatnonzero(escaped)
    found = np.insert(np.where(escaped, units ^ 0x8000, units), places, ESCAPE)
    return found.astype("<u2").tobytes().decode("utf-16-le")
