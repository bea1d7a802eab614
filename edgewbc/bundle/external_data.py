"""Whether a model's bytes are what their name says and hold all that the model needs, or name other files to be read.

An ONNX file may keep its weights in files beside it ("external data"), by any path; and OpenVINO reads whatever it
takes for a model, an ONNX file too, where an IR's .xml is meant. Both runtimes look such paths up from the working
folder when they are handed bytes. A bundle has no use for that.

Sources: onnx/onnx.proto (field numbers), protocol buffers' wire format.
"""

from __future__ import annotations

from collections.abc import Iterator

# The messages of an ONNX file in which a tensor may stand: field number to message.
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_DEEPEST = 40
_MOST_FIELDS = 1_000_000
"""Of one message; weights are one field, however many they are."""


def problem(name: str, data: bytes) -> str:
    """What is wrong with a model's file, in words that follow its name; empty if nothing is, or it is no model's."""
    if name.endswith(".xml") and not data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<?xml", b"<net")):
        return "is not an OpenVINO IR"
    if name.endswith(".onnx"):
        try:
            if _external(memoryview(data), "model", 0):
                return "keeps weights in other files, which a bundle's ONNX file may not"
        except (ValueError, IndexError):
            return "is not an ONNX file"
    return ""


def _external(data: memoryview, message: str, depth: int) -> bool:
    """Whether a tensor in this message has external data. Raises ValueError or IndexError if it is no such message."""
    if depth > _DEEPEST:
        raise ValueError("too deep")
    for field, value in _fields(data):
        if message == "tensor":
            if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                return True
            continue
        inner = _MESSAGES[message].get(field)
        if inner and isinstance(value, memoryview) and _external(value, inner, depth + 1):
            return True
    return False


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: number, and a number or the bytes of what it holds."""
    at = count = 0
    while at < len(data):
        count += 1
        if count > _MOST_FIELDS:
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
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number without end")
