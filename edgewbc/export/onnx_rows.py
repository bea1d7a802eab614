"""Rewrite an ONNX model such that ONNX Runtime normalizes the pixels of its input in long rows.

A bundle's graph takes images as (n, height, width, 3), transposes them, and subtracts and multiplies a constant for
each channel. ONNX Runtime moves the transposition behind these operations where it can, as in front of integer
convolutions, which want channels last; it then broadcasts each constant in pieces of three values, one per pixel. In
wbc5-edge that took more than half of the time of the network. `normalize_in_rows` views the image as rows of
width x 3 values instead, and repeats the constants for each pixel of a row: the same operations on the same values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.utils.optional import need

_ARITHMETIC = ("Sub", "Add", "Mul", "Div")
_TO_PLANES = [0, 3, 1, 2]


def normalize_in_rows(proto: Any) -> Any:
    """Rewrite an `onnx.ModelProto` in place, and return it; one without such a normalization is left as it is."""
    onnx: Any = need("onnx", "changing an ONNX file")
    graph = proto.graph
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    image, sizes = _image(graph)
    first = _only_reader(graph, image) if len(sizes) == 4 and all(sizes[1:]) else None
    if first is None or first.op_type != "Transpose" or list(first.attribute[0].ints) != _TO_PLANES:
        return proto
    _, _, width, channels = sizes
    chain: list[Any] = []
    while node := _next(graph, (chain[-1] if chain else first).output[0], constants, channels):
        chain.append(node)
    if not any(node.op_type in _ARITHMETIC for node in chain):
        return proto
    last = chain[-1].output[0]
    for node in chain:
        if node.op_type in _ARITHMETIC:
            values = np.broadcast_to(constants[node.input[1]].reshape(-1), channels)
            name = f"{node.input[1]}_row"
            if name not in constants:
                constants[name] = np.tile(values, width)
                graph.initializer.append(onnx.numpy_helper.from_array(constants[name], name))
            node.input[1] = name
    rows, planes = f"{image}_rows", f"{last}_pixels"
    shapes: dict[str, NDArray[np.int64]] = {
        f"{rows}_shape": np.array([0, 0, width * channels], np.int64),  # 0: as in the input
        f"{planes}_shape": np.array([0, 0, width, channels], np.int64),
    }
    graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in shapes.items())
    chain[0].input[0], chain[-1].output[0] = rows, f"{last}_rows"
    make = onnx.helper.make_node
    before = make("Reshape", [image, f"{rows}_shape"], [rows], f"node_{rows}")
    after = make("Reshape", [f"{last}_rows", f"{planes}_shape"], [planes], f"node_{planes}")
    first.input[0], first.output[0] = planes, last
    rewritten = {id(node) for node in (first, *chain)}
    others = [node for node in graph.node if id(node) not in rewritten]
    ordered = [onnx.NodeProto.FromString(node.SerializeToString()) for node in (before, *chain, after, first, *others)]
    del graph.node[:]
    graph.node.extend(ordered)
    read = {name for node in ordered for name in node.input}
    forgotten = {name for node in ordered[: len(chain) + 2] for name in node.output}
    for value in [value for value in graph.value_info if value.name in forgotten]:
        graph.value_info.remove(value)
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in read]:
        graph.initializer.remove(tensor)
    return proto


def _image(graph: Any) -> tuple[str, list[int]]:
    """Return the name of the input, and its sizes; 0 for one that is not fixed."""
    image = graph.input[0]
    return image.name, [size.dim_value for size in image.type.tensor_type.shape.dim]


def _only_reader(graph: Any, tensor: str) -> Any | None:
    """Return the node that reads a tensor; None if none or several do, or it is an output."""
    readers = [node for node in graph.node if tensor in node.input]
    is_output = any(output.name == tensor for output in graph.output)
    return readers[0] if len(readers) == 1 and not is_output else None


def _next(graph: Any, tensor: str, constants: dict[str, NDArray[Any]], channels: int) -> Any | None:
    """Return the node after a tensor if it is a step of the normalization: one value at a time, or one a channel."""
    node = _only_reader(graph, tensor)
    if node is None or node.input[0] != tensor:
        return None
    if node.op_type == "Cast":
        return node
    if node.op_type not in _ARITHMETIC or node.input[1] not in constants:
        return None
    shape = constants[node.input[1]].shape
    return node if shape in ((), (1,), (1, channels, 1, 1), (channels, 1, 1)) else None
