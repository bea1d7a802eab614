"""Tests of edgewbc.compress.qdq."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgewbc.compress.qdq import quantized, store_int8
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor


def _proto() -> Any:
    """Return a dense layer with a fake-quantized weight; bias and zero points are shared through Identity nodes."""
    random = np.random.default_rng(0)
    arrays = {
        "w": random.normal(size=(4, 12)).astype(np.float32),
        "scale": np.array([0.01, 0.02, 0.03, 0.001], np.float32),
        "zero": np.zeros(4, dtype=np.int8),
        "b": np.array([1, 2, 3, 4], np.float32),
        "unused": np.array([1], np.float32),
    }
    nodes = [
        helper.make_node("Identity", ["zero"], ["zero2"]),
        helper.make_node("Identity", ["b"], ["b2"]),
        helper.make_node("Cast", ["image"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("QuantizeLinear", ["w", "scale", "zero2"], ["q"], axis=0),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero2"], ["d"], axis=0),
        helper.make_node("Flatten", ["x"], ["features"]),
        helper.make_node("Gemm", ["features", "d", "b2"], ["probabilities"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 2, 2, 3])],
        [
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 12]),
        ],
        [numpy_helper.from_array(value, name) for name, value in arrays.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_weights_are_stored_as_int8_with_equal_predictions() -> None:
    """Identity nodes, quantization of constants and unused tensors are removed; the predictions are equal."""
    proto = _proto()
    shown = np.random.default_rng(1).integers(0, 256, (3, 2, 2, 3), dtype=np.uint8)
    before = ONNXRuntimePredictor(proto.SerializeToString())(shown).probabilities
    store_int8(proto)
    assert [node.op_type for node in proto.graph.node] == ["Cast", "DequantizeLinear", "Flatten", "Gemm"]
    held = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    assert sorted(held) == ["b", "q", "scale", "zero"]
    assert held["q"].dtype == np.int8
    np.testing.assert_array_equal(ONNXRuntimePredictor(proto.SerializeToString())(shown).probabilities, before)


@pytest.mark.parametrize(
    ("weight", "scale", "zero", "axis", "expected"),
    [
        ([0.5, 1.5, 2.5, -0.5, 300, -300], [1.0], np.array([0], np.int8), 1, [0, 2, 2, 0, 127, -128]),
        ([[1, 2], [1, 2]], [1.0, 0.5], np.array([0, 1], np.int8), 0, [[1, 2], [3, 5]]),
        ([[1, 2], [1, 2]], [1.0, 0.5], np.array([0, 1], np.uint8), 1, [[1, 5], [1, 5]]),
    ],
)
def test_rounding_is_that_of_onnx(
    weight: list[Any], scale: list[float], zero: NDArray[Any], axis: int, expected: list[Any]
) -> None:
    """Rounds half to even and saturates, along the axis."""
    found = quantized(np.array(weight, np.float32), np.array(scale, np.float32), zero, axis)
    assert found.dtype == zero.dtype
    assert found.tolist() == expected
