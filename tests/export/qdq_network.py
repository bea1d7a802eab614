"""A tiny quantized ONNX network in the form that NNCF writes: an inverted bottleneck with a residual connection."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from edgewbc.cells import CLASSES

CHANNELS, WIDE = 4, 8
DEAD = 3
"""The channel of the expanded tensor that was zero in all calibration images."""


class _Builder:
    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.random = np.random.default_rng(0)

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], f"node_{output}", **attributes))
        return output

    def quantized(self, tensor: str, scale: Any, zero: Any) -> str:
        """Quantize and dequantize an activation; with one scale per channel if `scale` has several."""
        inputs = [
            self.constant(f"{tensor}_scale", np.asarray(scale, np.float32)),
            self.constant(f"{tensor}_zero", zero),
        ]
        axis = {"axis": 1} if np.size(scale) > 1 else {}
        made = self.node("QuantizeLinear", [tensor, *inputs], f"{tensor}_q", **axis)
        return self.node("DequantizeLinear", [made, *inputs], f"{tensor}_dq", **axis)

    def weights(self, name: str, shape: tuple[int, ...]) -> str:
        values = self.random.integers(-127, 128, shape).astype(np.int8)
        scale = self.random.uniform(0.002, 0.01, shape[0]).astype(np.float32)
        zero = np.zeros(shape[0], np.int8)
        inputs = [
            self.constant(f"{name}_weight_{part}", v) for part, v in (("q", values), ("scale", scale), ("zero", zero))
        ]
        return self.node("DequantizeLinear", inputs, f"{name}_weight_dq", axis=0)

    def layer(self, kind: str, tensor: str, output: str, shape: tuple[int, ...], **attributes: Any) -> str:
        bias = self.constant(f"{output}_bias", self.random.normal(size=shape[0]).astype(np.float32))
        return self.node(kind, [tensor, self.weights(output, shape), bias], output, **attributes)

    def relu6(self, tensor: str, output: str) -> str:
        return self.node("Clip", [tensor, "zero", "six"], output)


def network() -> Any:
    """Return the network as an `onnx.ModelProto`; takes uint8 (n, 8, 8, 3)."""
    b = _Builder()
    b.constant("zero", np.float32(0))
    b.constant("six", np.float32(6))
    b.constant("axes", np.array([2, 3], np.int64))
    b.node("Transpose", ["image"], "planes", perm=[0, 3, 1, 2])
    b.node("Cast", ["planes"], "pixels", to=TensorProto.FLOAT)
    x = b.quantized("pixels", 1.0, np.int8(-128))
    x = b.quantized(b.layer("Conv", x, "stem", (CHANNELS, 3, 1, 1)), 1.5, np.int8(5))
    wide = np.linspace(6 / 255 / 3, 6 / 255, WIDE).astype(np.float32)
    zeros = np.full(WIDE, -128, np.int8)
    wide[DEAD], zeros[DEAD] = 6.3e-6, 0
    y = b.quantized(b.relu6(b.layer("Conv", x, "expand", (WIDE, CHANNELS, 1, 1)), "expanded"), wide, zeros)
    y = b.layer("Conv", y, "depthwise", (WIDE, 1, 3, 3), group=WIDE, pads=[1, 1, 1, 1])
    y = b.quantized(b.relu6(y, "filtered"), 6 / 255, np.uint8(0))
    y = b.quantized(b.layer("Conv", y, "project", (CHANNELS, WIDE, 1, 1)), 0.2, np.int8(-3))
    x = b.quantized(b.node("Add", [x, y], "sum"), 1.6, np.int8(4))
    x = b.quantized(b.relu6(b.layer("Conv", x, "last", (WIDE, CHANNELS, 1, 1)), "map"), 6 / 255, np.uint8(0))
    b.node("ReduceMean", [x, "axes"], "features", keepdims=0)
    x = b.quantized("features", 6 / 255, np.uint8(0))
    b.node("Softmax", [b.layer("Gemm", x, "logits", (len(CLASSES), WIDE), transB=1)], "probabilities", axis=1)
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(CLASSES)]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", WIDE]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8, 3])
    graph = helper.make_graph(b.nodes, "network", [image], outputs, b.constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def images(count: int = 16) -> Any:
    """Return random images, uint8 (count, 8, 8, 3)."""
    return np.random.default_rng(1).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
