"""Check that a model file is of the kind its name says and contains everything that the model needs.

An ONNX file may keep its weights in other files ("external data"), under any path. And OpenVINO detects the format of
a model itself: it also loads an ONNX file that is given as the .xml of an IR. Given bytes, both runtimes resolve such
paths relative to the working folder. A bundle never needs that.

Source: onnx/onnx.proto (field numbers).
"""

from __future__ import annotations

from edgewbc.bundle.protobuf import Reader

# The messages of an ONNX file that can contain a tensor: field number to message.
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


def problem(name: str, data: bytes) -> str:
    """Return what is wrong with a model file, as words to follow its name; empty if nothing is, or for other files."""
    if name.endswith(".xml") and not data.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"<?xml", b"<net")):
        return "is not an OpenVINO IR"
    if name.endswith(".onnx"):
        try:
            if _external(Reader(), memoryview(data), "model", 0):
                return "keeps weights in other files, which a bundle's ONNX file may not"
        except (ValueError, IndexError):
            return "is not an ONNX file"
    return ""


def _external(reader: Reader, data: memoryview, message: str, depth: int) -> bool:
    """Return whether a tensor in a message has external data.

    Raises:
        ValueError, IndexError: it is not such a message.
    """
    if depth > _DEEPEST:
        raise ValueError("too deep")
    for field, value in reader.fields(data):
        if message == "tensor":
            if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                return True
            continue
        inner = _MESSAGES[message].get(field)
        if inner and isinstance(value, memoryview) and _external(reader, value, inner, depth + 1):
            return True
    return False
