"""Minimal reader of the protocol buffers wire format, to read ONNX files without the package `onnx`.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_FIELDS = 2_000_000
"""Maximum number of fields that are read of a file; the weights of a tensor are one field, whatever their number."""


class Reader:
    """Reads messages of one file, and limits the work that a file can cause."""

    def __init__(self) -> None:
        self._left = MAX_FIELDS

    def fields(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield the fields of a message: number, and an integer or the bytes of its contents.

        Raises:
            ValueError, IndexError: it is not a message, or the file has too many fields.
        """
        at = 0
        while at < len(data):
            self._left -= 1
            if self._left < 0:
                raise ValueError("too many fields")
            key, at = _varint(data, at)
            kind = key & 7
            if kind == 0:
                value, at = _varint(data, at)
                yield key >> 3, value
                continue
            size = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                size, at = _varint(data, at)
            elif not size:
                raise ValueError(f"wire type {kind}")
            if size > len(data) - at:
                raise ValueError("cut short")
            yield key >> 3, data[at : at + size]
            at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 10 bytes")
