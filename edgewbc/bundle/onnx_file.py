"""Read the metadata of an ONNX file, without the package `onnx`.

Source: onnx/onnx.proto (field numbers).
"""

from __future__ import annotations

from collections.abc import Iterator

from edgewbc.bundle.ir_file import labels
from edgewbc.bundle.model_facts import ModelFacts
from edgewbc.bundle.protobuf import Reader

_GRAPH, _METADATA, _FUNCTION = 7, 14, 25
_NODE, _INPUT = 1, 11
_OPERATION, _ATTRIBUTE, _DOMAIN = 4, 5, 7
_GRAPHS_OF_ATTRIBUTE = (6, 11)
_UINT8 = 2


def facts(data: bytes) -> ModelFacts:
    """Return the labels, input size and operations of an ONNX file.

    Raises:
        ValueError, IndexError: it is not an ONNX file, or has subgraphs or functions, which `export` never writes.
    """
    reader = Reader()
    graphs: list[memoryview] = []
    metadata: dict[str, str] = {}
    for field, value in reader.fields(memoryview(data)):
        if field == _GRAPH and isinstance(value, memoryview):
            graphs.append(value)
        elif field == _FUNCTION:
            raise ValueError("it defines functions")
        elif field == _METADATA and isinstance(value, memoryview):
            key, text = (_text(part) for part in _parts(reader, value, 1, 2))
            if key in metadata:
                raise ValueError(f"metadata {key[:80]!r} occurs twice")
            metadata[key] = text
    if len(graphs) != 1:
        raise ValueError(f"it has {len(graphs)} graphs")
    operations: set[str] = set()
    inputs: list[tuple[int, int] | None] = []
    for field, value in reader.fields(graphs[0]):
        if field == _NODE and isinstance(value, memoryview):
            operations.add(_operation(reader, value))
        elif field == _INPUT and isinstance(value, memoryview):
            inputs.append(_input_size(reader, value))
    named = {
        section: labels(section, metadata[key])
        for section in ("edgewbc", "model_info")
        if (key := f"{section} labels") in metadata
    }
    return ModelFacts(named, inputs[0] if len(inputs) == 1 else None, frozenset(operations))


def _operation(reader: Reader, node: memoryview) -> str:
    kind, domain = (_text(part) for part in _parts(reader, node, _OPERATION, _DOMAIN))
    for field, value in reader.fields(node):
        if field == _ATTRIBUTE and isinstance(value, memoryview):
            for inner, _ in reader.fields(value):
                if inner in _GRAPHS_OF_ATTRIBUTE:
                    raise ValueError(f"operation {kind[:80]!r} has a subgraph")
    return kind if domain in ("", "ai.onnx") else f"{domain}.{kind}"


def _input_size(reader: Reader, value: memoryview) -> tuple[int, int] | None:
    """Return height and width of a ValueInfoProto that is uint8 (n, height, width, 3)."""
    tensor = memoryview(b"")
    for number in (2, 1):  # type, tensor_type
        (value,) = _parts(reader, value, number)
        tensor = value
    kind, shape = 0, memoryview(b"")
    for field, part in reader.fields(tensor):
        if field == 1 and isinstance(part, int):
            kind = part
        elif field == 2 and isinstance(part, memoryview):
            shape = part
    sizes = [_size(reader, part) for part in _all(reader, shape, 1)]
    return (sizes[1], sizes[2]) if kind == _UINT8 and len(sizes) == 4 and sizes[3] == 3 else None


def _size(reader: Reader, dimension: memoryview) -> int:
    return next((part for field, part in reader.fields(dimension) if field == 1 and isinstance(part, int)), 0)


def _parts(reader: Reader, message: memoryview, *numbers: int) -> list[memoryview]:
    """Return the last occurrence of each field, as bytes; empty where there is none."""
    found = dict.fromkeys(numbers, memoryview(b""))
    for field, value in reader.fields(message):
        if field in found and isinstance(value, memoryview):
            found[field] = value
    return list(found.values())


def _all(reader: Reader, message: memoryview, number: int) -> Iterator[memoryview]:
    return (value for field, value in reader.fields(message) if field == number and isinstance(value, memoryview))


def _text(data: memoryview) -> str:
    if len(data) > 1 << 20:
        raise ValueError("a name of more than 1 MiB")
    return bytes(data).decode("utf-8")
