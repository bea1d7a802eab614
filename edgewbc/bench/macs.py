"""Multiply-adds of one picture, counted in the OpenVINO graph, whatever network it is."""

from __future__ import annotations

from math import prod
from typing import Any

CONVOLUTIONS = ("Convolution", "GroupConvolution")


def count(xml: bytes, weights: bytes) -> int | None:
    """Multiply-adds of the convolutions and dense layers; None where a shape is not fixed.

    Args:
        xml, weights: the bytes of the IR's two files.
    """
    import openvino as ov

    total = 0
    for op in ov.Core().read_model(xml, weights).get_ops():
        kind = op.get_type_name()
        if kind not in (*CONVOLUTIONS, "MatMul"):
            continue
        kernel, output = _sizes(op.input(1)), _sizes(op.output(0))
        if kernel is None or output is None:
            return None
        # A kernel is used once for each place of the output; a dense layer's weights once for each of its rows.
        total += prod(kernel) * prod(output[2:] if kind in CONVOLUTIONS else output[1:-1])
    return total


def _sizes(port: Any) -> list[int] | None:
    """A port's shape, with 1 for the number of pictures."""
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    sizes = [None if size.is_dynamic else int(size.get_length()) for size in shape]
    if sizes and sizes[0] is None:
        sizes[0] = 1
    return None if None in sizes else [size for size in sizes if size is not None]
