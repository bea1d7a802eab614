"""Tests of edgewbc.export.onnx_rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgewbc.export.integer_onnx import fuse
from edgewbc.export.onnx_rows import normalize_in_rows
from tests.export.qdq_network import images

MEAN, SCALE = np.array([120.0, 110.0, 100.5], np.float32), np.array([0.017, 0.0171, 0.0173], np.float32)


def network(
    *, quantized: bool = True, perm: tuple[int, ...] = (0, 3, 1, 2), shape: tuple[int, ...] = (1, 3, 1, 1)
) -> Any:
    """Return a network that normalizes images (n, 8, 8, 3) as the exporter writes it, and has one convolution."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=list(perm)),
        helper.make_node("Cast", ["planes"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "mean"], ["centered"]),
        helper.make_node("Mul", ["centered", "scale"], ["normalized"]),
    ]
    tensor = "normalized"
    if quantized:
        nodes.append(helper.make_node("QuantizeLinear", [tensor, "step", "zero"], ["q"]))
        nodes.append(helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["dq"]))
        tensor = "dq"
    nodes.append(helper.make_node("Conv", [tensor, "kernel"], ["probabilities"], pads=[1, 1, 1, 1]))
    kernel = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    constants: dict[str, Any] = {"mean": MEAN.reshape(shape), "scale": SCALE.reshape(shape), "kernel": kernel}
    constants |= {"step": np.float32(0.02), "zero": np.uint8(120)} if quantized else {}
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 8, 8, 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 4, None, None])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        value_info=[helper.make_tensor_value_info("centered", TensorProto.FLOAT, ["n", 3, 8, 8])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def run(proto: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"image": images()})[0]


@pytest.mark.parametrize("quantized", [True, False])
@pytest.mark.parametrize("shape", [(1, 3, 1, 1), (3, 1, 1)])
def test_values_are_the_same_to_the_last_bit(quantized: bool, shape: tuple[int, ...]) -> None:
    """For several images at once; the constants have a value for each of a row's eight pixels and three channels."""
    before = network(quantized=quantized, shape=shape)
    expected = run(before)
    after = normalize_in_rows(before)
    onnx.checker.check_model(after, full_check=True)
    np.testing.assert_array_equal(run(after), expected)
    kinds = [node.op_type for node in after.graph.node]
    assert kinds[:6] == ["Reshape", "Cast", "Sub", "Mul", "Reshape", "Transpose"]
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in after.graph.initializer}
    np.testing.assert_array_equal(constants["mean_row"], np.tile(MEAN, 8))
    assert {"mean", "scale"}.isdisjoint(constants)


def test_what_is_rewritten_is_not_rewritten_again() -> None:
    once = fuse(network()).SerializeToString(deterministic=True)
    assert fuse(onnx.load_model_from_string(once)).SerializeToString(deterministic=True) == once


def test_another_beginning_is_left_as_it_is() -> None:
    """Planes as input, constants of another shape, or a tensor that is read twice."""
    read_twice = network()
    read_twice.graph.output.append(helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, 8, 8]))
    for proto in (network(perm=(0, 3, 2, 1)), read_twice):
        before = proto.SerializeToString(deterministic=True)
        assert normalize_in_rows(proto).SerializeToString(deterministic=True) == before
    whole = network()
    for tensor in whole.graph.initializer:
        if tensor.name in ("mean", "scale"):
            tensor.CopyFrom(numpy_helper.from_array(np.ones((1, 3, 8, 8), np.float32), tensor.name))
    before = whole.SerializeToString(deterministic=True)
    assert normalize_in_rows(whole).SerializeToString(deterministic=True) == before
