"""Conversion of ONNX models with fake-quantized float weights, as torch exports them, to int8 weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def store_int8(proto: Any) -> Any:
    """Quantize the weights of an `onnx.ModelProto` in place: a quarter of the size, with the same predictions.

    torch exports a weight as a float constant, followed by QuantizeLinear and DequantizeLinear. The first two are
    replaced by the 8-bit weight that they compute. Identity nodes, with which the exporter shares equal constants, are
    removed first, as runtimes require zero points and biases to be constants.
    """
    from onnx import numpy_helper

    graph = proto.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shared = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Identity" and node.input[0] in constants
    }
    removed = [node for node in graph.node if node.output[0] in shared]
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
            removed.append(node)
    for node in removed:
        graph.node.remove(node)
    used = {name for node in graph.node for name in node.input}
    for tensor in list(graph.initializer):
        if tensor.name not in used:
            graph.initializer.remove(tensor)
    return proto


def quantized(weight: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any], axis: int = 1) -> NDArray[Any]:
    """Return the result of ONNX's QuantizeLinear: rounded half to even, saturated to the type of `zero`.

    Args:
        weight: float, any shape.
        scale: step of the quantization; () or (1,), or one value per position along `axis`.
        zero: zero point, int8 or uint8, of the same shape.
        axis: of the quantization.
    """
    if scale.size > 1:
        shape = [-1 if place == axis % weight.ndim else 1 for place in range(weight.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    limits = np.iinfo(zero.dtype)
    steps = np.rint(weight / scale) + zero.astype(np.float32)
    return np.asarray(np.clip(steps, limits.min, limits.max).astype(zero.dtype).reshape(weight.shape))
