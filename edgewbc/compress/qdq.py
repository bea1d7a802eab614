"""ONNX files with fake-quantized float weights, as torch writes them, made into files with int8 weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def store_int8(proto: Any) -> Any:
    """Quantize the weights of an `onnx.ModelProto` in place: a quarter of the bytes, and the same answers.

    torch's exporter writes a weight as float, then QuantizeLinear, then DequantizeLinear. Here the first two become the
    8-bit weight that they give. Identities, by which the exporter shares equal constants, are resolved before: a
    runtime looks for a zero point or a bias that is a constant itself.
    """
    from onnx import numpy_helper

    graph = proto.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shared = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Identity" and node.input[0] in constants
    }
    gone = [node for node in graph.node if node.output[0] in shared]
    for node in graph.node:
        for place, name in enumerate(node.input):
            while name in shared:
                name = shared[name]
            node.input[place] = name
        if node.op_type == "QuantizeLinear" and node.input[0] in constants:
            weight, scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input)
            axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
            tensor = numpy_helper.from_array(quantized(weight, scale, zero, axis), node.output[0])
            graph.initializer.append(tensor)
            gone.append(node)
    for node in gone:
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for tensor in list(graph.initializer):
        if tensor.name not in used:
            graph.initializer.remove(tensor)
    return proto


def quantized(weight: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any], axis: int = 1) -> NDArray[Any]:
    """What ONNX's QuantizeLinear gives: rounded half to even, saturated to the type of `zero`.

    Args:
        weight: float, any shape.
        scale, zero: () or (1,), or a value for each place along `axis`.
    """
    if scale.size > 1:
        shape = [-1 if place == axis % weight.ndim else 1 for place in range(weight.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    limits = np.iinfo(zero.dtype)
    steps = np.rint(weight / scale) + zero.astype(np.float32)
    return np.asarray(np.clip(steps, limits.min, limits.max).astype(zero.dtype).reshape(weight.shape))
