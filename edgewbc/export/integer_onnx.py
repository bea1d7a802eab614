"""Rewrite a quantized ONNX model such that ONNX Runtime runs its layers as integer operators.

A quantized model describes each layer in float, between DequantizeLinear and QuantizeLinear. ONNX Runtime replaces
the three by one integer operator only if

- the activations before and after the layer have the same type, and one scale for all channels,
- the layer is followed by QuantizeLinear at once, and
- its bias is an integer in units of the product of the scales.

Otherwise it dequantizes and computes in float, more slowly than the float model. NNCF writes signed and unsigned
activations, a scale per channel in front of depthwise convolutions, a Clip in front of QuantizeLinear, and float
biases. `fuse` removes these obstacles and keeps the values of every activation:

- Signed activations become unsigned: 128 is added to their zero points.
- Channels that are zero in all calibration images, whose range NNCF centers at zero, begin at zero as the others do.
- A scale per channel moves into the weights: those of the convolution before are divided by it, and those of the
  depthwise convolution after are multiplied by it (as in Nagel et al. 2019, "Data-free quantization through weight
  equalization and bias correction", arXiv 1906.04721, section 4.1). The weights are stored as integers, and only their
  scales change.
- A Relu or Clip whose limits lie outside of what QuantizeLinear can represent is removed.
- Biases become 32-bit integers. Only this rounds, by at most half a unit of the layer's sums.

Where that is done, the pixels of the input are normalized in rows (see `onnx_rows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.export.graph import MAP
from edgewbc.export.onnx_rows import normalize_in_rows
from edgewbc.utils.optional import need

_LAYERS = ("Conv", "Gemm")
_MAX_BIAS = 2**31 - 1
_UNSIGNED_OFFSET = 128


def fuse(proto: Any) -> Any:
    """Rewrite an `onnx.ModelProto` in place, and return it; a model without QuantizeLinear is left as it is.

    The tensor `map` becomes the dequantized one if the operation that made it is removed.
    """
    graph = _Graph(proto.graph)
    activations = [node for node in graph.of("QuantizeLinear") if node.input[0] not in graph.constants]
    for node in activations:
        _make_unsigned(graph, node)
        _start_at_zero(graph, node)
        _remove_limits(graph, node)
        _fold_channel_scales(graph, node)
    for kind in _LAYERS:
        for node in graph.of(kind):
            _make_bias_integer(graph, node)
    graph.tidy()
    return normalize_in_rows(proto)


class _Graph:
    """An `onnx.GraphProto` with its constants as arrays, and the way from a tensor to its producer and consumers."""

    def __init__(self, proto: Any) -> None:
        self.onnx: Any = need("onnx", "changing an ONNX file")
        self.proto = proto
        to_array = self.onnx.numpy_helper.to_array
        self.constants: dict[str, NDArray[Any]] = {tensor.name: to_array(tensor) for tensor in proto.initializer}
        self.outputs = {output.name for output in proto.output}

    def of(self, kind: str) -> list[Any]:
        """Return the nodes of an operation type."""
        return [node for node in self.proto.node if node.op_type == kind]

    def producer(self, tensor: str) -> Any | None:
        """Return the node that makes a tensor; None for an input or a constant."""
        return next((node for node in self.proto.node if tensor in node.output), None)

    def consumers(self, tensor: str) -> list[Any]:
        """Return the nodes that read a tensor."""
        return [node for node in self.proto.node if tensor in node.input]

    def dequantized(self, tensor: str) -> tuple[Any, NDArray[Any], NDArray[Any]] | None:
        """Return the DequantizeLinear node that makes a tensor, its scale and its zero point; None if none does."""
        node = self.producer(tensor)
        if node is None or node.op_type != "DequantizeLinear" or node.input[1] not in self.constants:
            return None
        zero = self.constants.get(node.input[2], np.uint8(0)) if len(node.input) > 2 else np.uint8(0)
        return node, self.constants[node.input[1]], np.asarray(zero)

    def set_inputs(self, nodes: Sequence[Any], place: int, name: str, value: NDArray[Any]) -> None:
        """Give nodes one new constant as input; old ones are removed where no other node reads them."""
        old, new = {node.input[place] for node in nodes}, name
        while new in self.constants:
            new += "_"
        self.constants[new] = value
        self.proto.initializer.append(self.onnx.numpy_helper.from_array(value, new))
        for node in nodes:
            node.input[place] = new
        self._remove_unread(old)

    def forget(self, tensor: str) -> None:
        """Remove the record of a tensor's type and shape."""
        for value in list(self.proto.value_info):
            if value.name == tensor:
                self.proto.value_info.remove(value)

    def tidy(self) -> None:
        """Remove constants that no node reads, and order the nodes such that each comes after those that it reads."""
        self._remove_unread(set(self.constants))
        left = list(self.proto.node)
        made = {value.name for value in self.proto.input} | set(self.constants) | {""}
        ordered: list[Any] = []
        while left:
            ready = next(node for node in left if all(name in made for name in node.input))
            left.remove(ready)
            made.update(ready.output)
            ordered.append(ready)
        del self.proto.node[:]
        self.proto.node.extend(ordered)

    def _remove_unread(self, names: set[str]) -> None:
        read = {tensor for node in self.proto.node for tensor in node.input} | self.outputs
        for tensor in list(self.proto.initializer):
            if tensor.name in names - read:
                self.proto.initializer.remove(tensor)
                del self.constants[tensor.name]


def _make_unsigned(graph: _Graph, node: Any) -> None:
    """Change a QuantizeLinear node of an activation, and the DequantizeLinear nodes after it, from int8 to uint8."""
    after = graph.consumers(node.output[0])
    zeros = [graph.constants.get(each.input[2]) for each in (node, *after) if len(each.input) > 2]
    if len(zeros) != 1 + len(after) or any(zero is None or zero.dtype != np.int8 for zero in zeros):
        return
    if any(each.op_type != "DequantizeLinear" for each in after):
        return
    zero = graph.constants[node.input[2]].astype(np.int16) + _UNSIGNED_OFFSET
    graph.set_inputs((node, *after), 2, node.input[2], zero.astype(np.uint8))
    graph.forget(node.output[0])  # it is not int8 any more


def _start_at_zero(graph: _Graph, node: Any) -> None:
    """Give channels after a Relu or Clip that have steps below zero the zero point 0, with the same largest value.

    NNCF does so for channels that were zero in all calibration images: half of their steps are below zero.
    """
    limited = graph.producer(node.input[0])
    scale, zero = graph.constants.get(node.input[1]), graph.constants.get(node.input[2])
    if limited is None or scale is None or zero is None or zero.dtype != np.uint8 or not zero.any():
        return
    if limited.op_type != "Relu" and not (limited.op_type == "Clip" and graph.constants.get(limited.input[1]) == 0):
        return
    after = graph.consumers(node.output[0])
    if any(each.op_type != "DequantizeLinear" for each in after):
        return
    most = np.iinfo(np.uint8).max
    share = (most - zero.astype(np.float32)) / most
    graph.set_inputs((node, *after), 1, node.input[1], (scale * share).astype(np.float32))
    graph.set_inputs((node, *after), 2, node.input[2], np.zeros_like(zero))


def _remove_limits(graph: _Graph, node: Any) -> None:
    """Remove the Relu or Clip in front of a QuantizeLinear node if saturation has the same effect."""
    limited = graph.producer(node.input[0])
    scale, zero = graph.constants.get(node.input[1]), graph.constants.get(node.input[2])
    if limited is None or scale is None or zero is None or limited.op_type not in ("Relu", "Clip"):
        return
    name = limited.output[0]
    if len(graph.consumers(name)) != 1 or name in graph.outputs:
        return
    lowest, highest = 0.0, np.inf
    if limited.op_type == "Clip":
        limits = [graph.constants.get(each) for each in limited.input[1:]]
        if len(limits) != 2 or limits[0] is None or limits[1] is None:
            return
        lowest, highest = float(limits[0]), float(limits[1])
    steps = np.iinfo(zero.dtype)
    with np.errstate(over="ignore"):
        low, high = (np.rint(limit / scale.astype(np.float64)) + zero for limit in (lowest, highest))
    if (low > steps.min).any() or (high < steps.max).any():
        return
    node.input[0] = limited.input[0]
    graph.proto.node.remove(limited)
    if name != MAP:
        graph.forget(name)
        return
    first = graph.consumers(node.output[0])[0]
    old, first.output[0] = first.output[0], MAP
    graph.forget(old)
    for consumer in graph.consumers(old):
        for place, read in enumerate(consumer.input):
            if read == old:
                consumer.input[place] = MAP


def _fold_channel_scales(graph: _Graph, node: Any) -> None:
    """Move an activation's scales per channel into the weights of the layers before and after it."""
    scale, zero = graph.constants.get(node.input[1]), graph.constants.get(node.input[2])
    if scale is None or zero is None or scale.size == 1 or (zero != zero.flat[0]).any() or (scale <= 0).any():
        return
    before = graph.producer(node.input[0])
    if before is None or before.op_type != "Conv" or len(graph.consumers(node.input[0])) != 1:
        return
    bias = graph.constants.get(before.input[2]) if len(before.input) > 2 else np.zeros(scale.shape, np.float32)
    own = graph.dequantized(before.input[1])
    if own is None or bias is None or own[1].shape != scale.shape or not _only(graph, before.input[1], before):
        return
    after = list(graph.consumers(node.output[0]))
    layers = [(dq, conv) for dq in after for conv in graph.consumers(dq.output[0])]
    weights = [graph.dequantized(conv.input[1]) if conv.op_type == "Conv" else None for _, conv in layers]
    for (dq, conv), weight in zip(layers, weights, strict=True):
        depthwise = conv.op_type == "Conv" and _attribute(conv, "group", 1) == scale.size
        if not depthwise or conv.input[0] != dq.output[0] or weight is None or weight[1].shape != scale.shape:
            return  # with one output channel for each input channel
        if not _only(graph, conv.input[1], conv):
            return
    if any(dq.op_type != "DequantizeLinear" or dq.output[0] in (*graph.outputs, MAP) for dq in after) or not layers:
        return
    graph.set_inputs(own[:1], 1, own[0].input[1], (own[1] / scale).astype(np.float32))
    if len(before.input) > 2:
        graph.set_inputs([before], 2, before.input[2], (bias / scale).astype(np.float32))
    for weight in weights:
        if weight is not None:
            graph.set_inputs(weight[:1], 1, weight[0].input[1], (weight[1] * scale).astype(np.float32))
    graph.set_inputs((node, *after), 1, node.input[1], np.array(1, np.float32))
    graph.set_inputs((node, *after), 2, node.input[2], np.array(zero.flat[0], zero.dtype))
    for each in (node, *after):
        del each.attribute[:]  # the axis


def _make_bias_integer(graph: _Graph, node: Any) -> None:
    """Store the bias of a layer between quantized tensors in 32 bits, in units of the product of their scales."""
    bias = graph.constants.get(node.input[2]) if len(node.input) > 2 else None
    data, weight = graph.dequantized(node.input[0]), graph.dequantized(node.input[1])
    if bias is None or bias.dtype != np.float32 or data is None or weight is None or data[1].size != 1:
        return
    if node.op_type == "Gemm" and {_attribute(node, name, 1.0) for name in ("alpha", "beta")} != {1.0}:
        return
    unit = (data[1].reshape(()) * weight[1]).astype(np.float32)
    steps = np.rint(bias.astype(np.float64) / unit)
    if unit.size not in (1, bias.size) or (np.abs(steps) > _MAX_BIAS).any():
        return
    name, axis = node.input[2], {"axis": 0} if unit.size > 1 else {}
    make = graph.onnx.helper.make_node
    graph.proto.node.append(make("DequantizeLinear", [name, name], [f"dq_{name}"], f"dequantize_{name}", **axis))
    scaled = graph.proto.node[-1]  # `append` copies
    node.input[2] = scaled.output[0]
    graph.set_inputs([scaled], 0, f"q_{name}", steps.astype(np.int32))
    graph.set_inputs([scaled], 1, f"scale_{name}", unit)


def _only(graph: _Graph, tensor: str, reader: Any) -> bool:
    """Return whether one node alone reads a tensor."""
    return [node.output[0] for node in graph.consumers(tensor)] == [reader.output[0]]


def _attribute(node: Any, name: str, default: Any) -> Any:
    found = next((each for each in node.attribute if each.name == name), None)
    if found is None:
        return default
    return found.f if found.type == found.FLOAT else found.i
