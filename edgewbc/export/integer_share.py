"""Share of a model's multiply-adds that a runtime runs as integer operators, read back from the optimized graph.

A model file that is quantized says nothing about what runs: a runtime that cannot fuse a layer with its quantization
computes it in float. Both functions therefore ask the runtime what it made of the file.
"""

from __future__ import annotations

import json
import tempfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from edgewbc.runtime.openvino_import import core
from edgewbc.utils.optional import need

_FLOAT_LAYERS = ("Conv", "Gemm", "MatMul")
_INTEGER_LAYERS = {"QLinearConv": 3, "ConvInteger": 1, "QGemm": 3, "QLinearMatMul": 3, "MatMulInteger": 1}
"""ONNX Runtime's operators with integer weights, and the place of the weights among their inputs."""
_BY_COLUMN = ("MatMul", "QLinearMatMul", "MatMulInteger")
"""Dense layers whose weights are (in, out)."""
_INTEGER_KERNELS = ("u8", "i8")
"""Precisions that OpenVINO reports for integer kernels."""
_ERRORS_ONLY = 3


def in_onnxruntime(model: bytes) -> float | None:
    """Return the share of the multiply-adds that ONNX Runtime runs as integer operators on this CPU, 0..1.

    One image is run with ONNX Runtime's profiler, which gives the size of each operator's output; the weights are read
    from the graph that it optimized.

    Args:
        model: contents of an ONNX file that takes one tensor, such as uint8 (n, height, width, 3).

    Returns:
        the share; None if the model has no layers, or their number of multiply-adds cannot be determined.
    """
    onnx: Any = need("onnx", "reading an ONNX file")
    runtime: Any = need("onnxruntime", "running an ONNX file")
    total = _multiply_adds(onnx, onnx.load_model_from_string(model))
    if not total:
        return None
    with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
        options = runtime.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.intra_op_num_threads = 1
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
        session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        taken = session.get_inputs()[0]
        shape = [size if isinstance(size, int) else 1 for size in taken.shape]
        session.run(None, {taken.name: np.zeros(shape, np.uint8 if "uint8" in taken.type else np.float32)})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
        optimized = onnx.load(options.optimized_model_filepath)
    sizes = {
        event["name"].removesuffix("_kernel_time"): prod(next(iter(event["args"]["output_type_shape"][0].values())))
        for event in events
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time")
    }
    weights = {tensor.name: list(tensor.dims) for tensor in optimized.graph.initializer}
    integer = 0
    for node in optimized.graph.node:
        held = weights.get(node.input[_INTEGER_LAYERS[node.op_type]]) if node.op_type in _INTEGER_LAYERS else None
        if held:
            integer += sizes[node.name] * _for_each_output(node.op_type, held)
    return integer / total


def _multiply_adds(onnx: Any, proto: Any) -> int | None:
    """Count the multiply-adds of an ONNX model for one image; None if a size is not known."""
    proto = onnx.shape_inference.infer_shapes(proto)
    known = {value.name: value for value in (*proto.graph.value_info, *proto.graph.output)}
    weights = {tensor.name: list(tensor.dims) for tensor in proto.graph.initializer}
    weights |= {  # quantized ones
        node.output[0]: weights[node.input[0]]
        for node in proto.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in weights
    }
    total = 0
    for node in proto.graph.node:
        if node.op_type not in _FLOAT_LAYERS or node.input[1] not in weights:
            continue
        if node.output[0] not in known:
            return None
        sizes = [size.dim_value for size in known[node.output[0]].type.tensor_type.shape.dim][1:]
        if not all(sizes):
            return None
        total += prod(sizes) * _for_each_output(node.op_type, weights[node.input[1]])
    return total


def _for_each_output(kind: str, weights: list[int]) -> int:
    """Return the number of multiply-adds for each value of an output, from the shape of the weights."""
    return weights[0] if kind in _BY_COLUMN else prod(weights[1:])


def in_openvino(model: Any, macs: dict[str, int]) -> float | None:
    """Return the share of the multiply-adds that OpenVINO runs as integer kernels on this CPU, 0..1.

    Args:
        model: an `openvino.Model`.
        macs: multiply-adds of its convolutions and dense layers, by friendly name.

    Returns:
        the share; None if there are no layers.
    """
    compiled = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    integer = 0
    for node in compiled.get_runtime_model().get_ops():
        info = node.get_rt_info()
        if info["runtimePrecision"].astype(str) in _INTEGER_KERNELS:
            integer += sum(macs.get(name, 0) for name in info["originalLayersNames"].astype(str).split(","))
    return integer / sum(macs.values()) if sum(macs.values()) else None
