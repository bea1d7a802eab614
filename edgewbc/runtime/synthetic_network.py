"""A small convolutional network built by hand, to measure what a CPU can do without any model file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgewbc.runtime.openvino_engine import isa
from edgewbc.runtime.openvino_import import core, openvino


def build(shape: tuple[int, int, int, int], layers: Sequence[int | str], *, int8: bool) -> tuple[Any, int]:
    """Build a stack of 3 x 3 convolutions with ReLU, followed by global average pooling.

    For int8 the input and weights of every convolution are fake-quantized, as NNCF does it, so that OpenVINO's CPU
    plugin selects its int8 kernels.

    Args:
        shape: of the input, float32 (n, channels, height, width), values in 0..1; n = -1 takes any batch size.
        layers: output channels of each convolution, and "M" for a 2 x 2 max pooling.
        int8: whether to quantize.

    Returns:
        the `openvino.Model`, output (n, channels of the last convolution); and its multiply-adds for |n| images.
    """
    ov = openvino()
    op = ov.opset13

    def quantized(node: Any, low: float, high: float, levels: int) -> Any:
        bounds = op.constant(np.float32(low)), op.constant(np.float32(high))
        return op.fake_quantize(node, *bounds, *bounds, levels) if int8 else node

    random = np.random.default_rng(0)
    n, channels, height, width = shape
    macs = 0
    given = op.parameter(list(shape), ov.Type.f32)
    x = quantized(given, 0.0, 1.0, 256)
    for layer in layers:
        if isinstance(layer, str):
            x = op.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [2, 2]).output(0)
            height, width = height // 2, width // 2
            continue
        kernel = random.normal(0, (2 / (9 * channels)) ** 0.5, (layer, channels, 3, 3)).astype(np.float32)
        top = float(np.abs(kernel).max())
        weights = quantized(op.constant(kernel), -top, top, 255)
        x = quantized(op.relu(op.convolution(x, weights, [1, 1], [1, 1], [1, 1], [1, 1])), 0.0, 4.0, 256)
        macs += abs(n) * height * width * channels * layer * 9
        channels = layer
    pooled = op.reduce_mean(x, op.constant([2, 3]), False)
    return ov.Model([op.result(pooled)], [given], "synthetic"), macs


def cpu_isa() -> str:
    """Return the instruction set that OpenVINO's kernels use on this CPU, or `unknown`."""
    model, _ = build((1, 3, 8, 8), (8,), int8=False)
    return isa(core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"}))
