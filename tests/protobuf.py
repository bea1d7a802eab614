"""Messages of protocol buffers, to write small ONNX files without the package `onnx`."""

from __future__ import annotations

from collections.abc import Sequence


def message(*fields: tuple[int, bytes | int]) -> bytes:
    """Return a message with fields of bytes or of numbers."""
    found = b""
    for number, value in fields:
        body = varint(value) if isinstance(value, int) else varint(len(value)) + value
        found += varint(number << 3 | (0 if isinstance(value, int) else 2)) + body
    return found


def varint(value: int) -> bytes:
    """Return a number as protocol buffers write it: seven bits a byte, the lowest first."""
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def onnx_model(
    labels: str | None = "a b",
    size: tuple[int, int] = (8, 8),
    operations: Sequence[str] = ("Relu",),
    node: bytes = b"",
    element: int = 2,
) -> bytes:
    """Return an ONNX file that has an input, operations and labels, and cannot run.

    Args:
        labels: class names, separated by blanks; None leaves them out.
        size: height and width of the input.
        operations: type of each node.
        node: more fields of each node.
        element: type of the input's elements, by its number in TensorProto; 2 is uint8.
    """
    sides = [message((2, b"batch")), *(message((1, side)) for side in (*size, 3))]
    shape = message(*((1, side) for side in sides))
    image = message((1, b"image"), (2, message((1, message((1, element), (2, shape))))))
    graph = message(*((1, message((4, name.encode())) + node) for name in operations), (11, image))
    metadata = [] if labels is None else [(14, message((1, b"model_info labels"), (2, labels.encode())))]
    return message((1, 8), (7, graph), *metadata)
