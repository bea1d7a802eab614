"""Tests of edgewbc.export.integer_onnx."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from edgewbc.export.integer_onnx import fuse
from edgewbc.export.integer_share import in_onnxruntime
from tests.export.qdq_network import DEAD, WIDE, images, network


def constants(proto: Any) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def run(proto: Any, *tensors: str, fused: bool = False) -> list[NDArray[np.float32]]:
    """Return tensors of a model for `images`; without fusing layers, the file's operations are run one by one."""
    import onnxruntime

    proto = onnx.ModelProto.FromString(proto.SerializeToString())
    proto.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in tensors)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(["probabilities", *tensors], {"image": images()}))


def test_all_layers_run_as_integer_operators() -> None:
    """Before, the runtime computes the layers around the depthwise convolution in float; the file stays valid."""
    proto = network()
    before = in_onnxruntime(proto.SerializeToString())
    assert before is not None
    assert before < 0.5
    assert fuse(proto) is proto
    onnx.checker.check_model(proto, full_check=True)
    assert in_onnxruntime(proto.SerializeToString()) == 1.0
    assert {node.op_type for node in proto.graph.node}.isdisjoint({"Clip", "Relu"})
    assert (proto.ir_version, proto.opset_import[0].version) == (8, 18)


def test_values_are_kept() -> None:
    """Of every activation to a quantization step, and of the probabilities, also when the layers are fused."""
    old = run(network(), "features_q", "map")
    proto = fuse(network())
    new = run(proto, "features_q", "map")
    assert old[0].std() > 0.05
    assert np.abs(old[0] - new[0]).max() < 0.02
    assert np.abs(old[1].astype(int) - new[1]).max() <= 1
    assert np.abs(old[2] - new[2]).max() <= 6 / 255 * 1.6  # `map` was not quantized before
    assert np.abs(run(proto, fused=True)[0] - new[0]).max() < 0.02


def test_scales_of_channels_move_into_the_weights() -> None:
    """The weights keep their integers; the product of the scales of a channel stays what it was."""
    old, proto = constants(network()), fuse(network())
    new = constants(proto)
    scales = old["expanded_scale"].copy()
    scales[DEAD] *= np.float32(127 / 255)  # its steps below zero are given up
    node = {node.name: node for node in proto.graph.node}
    quantize = node["node_expanded_q"]
    assert new[quantize.input[1]] == 1.0
    assert new[quantize.input[2]] == np.uint8(0)
    assert not quantize.attribute
    np.testing.assert_allclose(
        new[node["node_expand_weight_dq"].input[1]], old["expand_weight_scale"] / scales, rtol=1e-6
    )
    np.testing.assert_allclose(
        new[node["node_depthwise_weight_dq"].input[1]], old["depthwise_weight_scale"] * scales, rtol=1e-6
    )
    for layer in ("expand", "depthwise"):
        np.testing.assert_array_equal(new[f"{layer}_weight_q"], old[f"{layer}_weight_q"])


def test_biases_are_integers_in_units_of_the_scales() -> None:
    proto = fuse(network())
    new, old = constants(proto), constants(network())
    assert new["q_depthwise_bias"].dtype == np.int32
    found = new["q_depthwise_bias"] * new["scale_depthwise_bias"].astype(np.float64)
    assert (np.abs(found - old["depthwise_bias"]) <= new["scale_depthwise_bias"] * 0.5001).all()
    assert new["q_depthwise_bias"].size == WIDE
    assert all(value.dtype != np.int8 or "_weight_" in name for name, value in new.items())


def test_nothing_is_left_over() -> None:
    """Constants that no operation reads are removed, and a second pass changes nothing."""
    proto = fuse(network())
    read = Counter(name for node in proto.graph.node for name in node.input)
    assert all(read[name] for name in constants(proto))
    once = proto.SerializeToString(deterministic=True)
    assert fuse(proto).SerializeToString(deterministic=True) == once


@pytest.mark.parametrize(
    ("limits", "removed"),
    [((0.0, 6.0), True), ((0.0, 5.99), True), ((0.0, 3.0), False), ((0.5, 6.0), False), ((-1.0, 9.0), True)],
)
def test_limits_that_have_an_effect_stay(limits: tuple[float, float], removed: bool) -> None:
    """A Clip is removed only if no value that it changes is rounded to another step without it."""
    proto = network()
    for tensor in proto.graph.initializer:
        if tensor.name in ("zero", "six"):
            tensor.CopyFrom(numpy_helper.from_array(np.float32(limits[tensor.name == "six"]), tensor.name))
    old = run(proto, "filtered_q")[1]
    new = fuse(proto)
    assert any(node.name == "node_filtered" for node in new.graph.node) != removed
    assert np.abs(old.astype(int) - run(new, "filtered_q")[1]).max() <= 1


def test_a_float_model_is_left_alone() -> None:
    proto = network()
    weights = [node for node in proto.graph.node if node.name.endswith("_weight_dq")]
    values = constants(proto)
    for node in weights:
        scale = values[node.input[1]].reshape(-1, *[1] * (values[node.input[0]].ndim - 1))
        proto.graph.initializer.append(numpy_helper.from_array(values[node.input[0]] * scale, node.output[0]))
    for node in proto.graph.node:
        node.input[:] = [name if "weight" in name else name.removesuffix("_dq") for name in node.input]
    kept = [node for node in proto.graph.node if node.op_type not in ("QuantizeLinear", "DequantizeLinear")]
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    old = run(proto)[0]
    assert in_onnxruntime(proto.SerializeToString()) == 0.0
    nodes = [node.SerializeToString() for node in proto.graph.node]
    assert [node.SerializeToString() for node in fuse(proto).graph.node] == nodes
    np.testing.assert_array_equal(run(proto)[0], old)
