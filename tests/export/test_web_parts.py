"""Tests of edgewbc.export.web_parts: any bytes as text that HTML keeps. What reads them is tested with the page."""

from __future__ import annotations

import lzma
import zlib

import numpy as np
import pytest

from edgewbc.export import web_parts


def read_text(text: str, size: int) -> bytes:
    """Return the bytes that a text stands for, as `web/unpack.js` does."""
    found = bytearray()
    units = iter(np.frombuffer(text.encode("utf-16-le"), "<u2").tolist())
    for unit in units:
        found += (next(units) ^ 0x8000 if unit == web_parts.ESCAPE else unit).to_bytes(2, "little")
    return bytes(found[:size])


@pytest.mark.parametrize(
    "data", [b"", b"\0", b"ab\r", bytes(7), b"\xff\xfe\xff", b"</script>", "\U0001f9a0".encode("utf-16-le")]
)
def test_text_stands_for_its_bytes(data: bytes) -> None:
    assert read_text(web_parts.as_text(data), len(data)) == data


def test_every_unit_is_one_that_html_keeps() -> None:
    """No zero, carriage return, tag, byte order mark or surrogate; only 3 of 100 units take two."""
    data = np.arange(1 << 16, dtype="<u2").tobytes()
    text = web_parts.as_text(data)
    assert read_text(text, len(data)) == data
    assert not {"\0", "\r", "<", "\ufeff", "\ufffe", "\uffff"} & set(text)
    assert not any(0xD800 <= ord(unit) <= 0xDFFF for unit in text)
    assert 1.03 < len(text) / (1 << 16) < 1.04


def test_a_part_is_compressed_and_states_its_sum() -> None:
    data = b"white blood cells " * 1000
    part = web_parts.pack(data)
    assert part.to_json() == {"size": len(data), "packed": part.packed, "crc": zlib.crc32(data)}
    assert part.packed < 200
    filters = [{"id": lzma.FILTER_LZMA1, "lc": web_parts.LITERAL_BITS, "lp": 0, "pb": 0, "dict_size": 1 << 24}]
    packed = read_text(part.text, part.packed)
    assert lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters).decompress(packed, len(data)) == data
