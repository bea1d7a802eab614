"""Tests of edgewbc.export.integer_share."""

from __future__ import annotations

import onnx
import pytest

from edgewbc.bench.ir import integer_share
from edgewbc.bundle.bundle import Bundle
from edgewbc.export.integer_onnx import fuse
from edgewbc.export.integer_share import in_onnxruntime
from edgewbc.utils import resources
from tests.export.qdq_network import network

PIXELS = 8 * 8
MACS = {"stem": 12 * PIXELS, "expand": 32 * PIXELS, "depthwise": 72 * PIXELS, "project": 32 * PIXELS,
        "last": 32 * PIXELS, "logits": 40}  # fmt: skip
"""Multiply-adds of the layers of `network`."""


def test_share_counts_each_layer_by_its_multiply_adds() -> None:
    """A depthwise convolution whose output is not quantized runs in float, and counts as it is."""
    proto = fuse(network())
    for node in proto.graph.node:
        if node.name == "node_depthwise":
            node.output[0] = "plain"
    relu = onnx.helper.make_node("Sigmoid", ["plain"], ["depthwise"], "sigmoid")
    place = next(i for i, node in enumerate(proto.graph.node) if node.name == "node_depthwise")
    proto.graph.node.insert(place + 1, relu)
    expected = 1 - MACS["depthwise"] / sum(MACS.values())
    assert in_onnxruntime(proto.SerializeToString()) == pytest.approx(expected)


def test_a_model_without_layers_has_no_share() -> None:
    proto = network()
    del proto.graph.node[2:], proto.graph.output[:], proto.graph.initializer[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info("pixels", onnx.TensorProto.FLOAT, None))
    assert in_onnxruntime(proto.SerializeToString()) is None


RELEASED = sorted(path.name for path in resources.folder("export/bundles").iterdir() if path.is_dir())


@pytest.mark.parametrize("name", RELEASED)
def test_released_models_run_in_int8(name: str) -> None:
    """At least 95 % of the multiply-adds of each released model are integer operators, in both runtimes."""
    bundle = Bundle.open(resources.folder("export/bundles") / name)
    xml, weights = bundle.read_model("openvino", "int8").contents
    for share in (in_onnxruntime(bundle.read("onnx/int8.onnx")), integer_share(xml, weights)):
        assert share is not None
        assert 0.95 <= share <= 1
