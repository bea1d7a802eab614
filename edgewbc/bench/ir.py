"""Model files of a benchmarked model: their bytes, and the number of their multiply-adds."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from edgewbc.bench.plan import BenchModel
from edgewbc.bundle.bundle import Bundle
from edgewbc.export.integer_share import in_openvino
from edgewbc.runtime import trial
from edgewbc.runtime.openvino_import import core

IR = tuple[bytes, bytes]
"""Contents of the .xml and of the .bin file."""

CONVOLUTIONS = ("Convolution", "GroupConvolution")


def read_ir(model: BenchModel, converted: Path | None, precision: str) -> IR | None:
    """Return the IR that runs in a precision; bf16 runs the f32 file. None if the model has none.

    Args:
        model: a bundle or a run.
        converted: the folder that holds the run's converted network, if it was converted.
        precision: f32, bf16 or int8.
    """
    stored = "f32" if precision == "bf16" else precision
    if model.is_run:
        folders = [model.path / "openvino"] if stored == "int8" else [] if converted is None else [converted]
        xml = next((folder / f"{stored}.xml" for folder in folders if (folder / f"{stored}.xml").is_file()), None)
        return None if xml is None else (xml.read_bytes(), xml.with_suffix(".bin").read_bytes())
    bundle = Bundle.open(model.path)
    if not bundle.holds("openvino", stored):
        return None
    xml_bytes, weights = trial.read_model(bundle, "openvino", stored).contents
    return xml_bytes, weights


def read_onnx(model: BenchModel, precision: str) -> bytes | None:
    """Return the stored ONNX file of a bundle or run in a precision; None if it has none."""
    if model.is_run:
        path = model.path / "onnx" / f"{precision}.onnx"
        return path.read_bytes() if path.is_file() else None
    bundle = Bundle.open(model.path)
    return trial.read_model(bundle, "onnx", precision).contents[0] if bundle.holds("onnx", precision) else None


def read_any_ir(model: BenchModel, converted: Path | None) -> IR | None:
    """Return the IR of f32 or else of int8; both have the same number of multiply-adds. None if there is neither."""
    candidates = (read_ir(model, converted, precision) for precision in ("f32", "int8"))
    return next((ir for ir in candidates if ir is not None), None)


def count_macs(xml: bytes, weights: bytes) -> int | None:
    """Count the multiply-adds of the convolutions and dense layers for one image.

    Args:
        xml: contents of the .xml file.
        weights: contents of the .bin file.

    Returns:
        the number; None if a shape other than the batch size is dynamic.
    """
    counted = _macs_by_layer(core().read_model(xml, weights))
    return None if counted is None else sum(counted.values())


def integer_share(xml: bytes, weights: bytes) -> float | None:
    """Return the share of the multiply-adds that OpenVINO runs in int8 on this CPU; None where it cannot be counted."""
    model = core().read_model(xml, weights)
    counted = _macs_by_layer(model)
    return None if counted is None else in_openvino(model, counted)


def _macs_by_layer(model: Any) -> dict[str, int] | None:
    """Count the multiply-adds of each convolution and dense layer of an `openvino.Model`, by friendly name."""
    counted: dict[str, int] = {}
    for op in model.get_ops():
        kind = op.get_type_name()
        if kind not in (*CONVOLUTIONS, "MatMul"):
            continue
        kernel, output = _sizes(op.input(1)), _sizes(op.output(0))
        if kernel is None or output is None:
            return None
        # A kernel is applied at every position of the output, the weights of a dense layer once per row.
        counted[op.get_friendly_name()] = prod(kernel) * prod(output[2:] if kind in CONVOLUTIONS else output[1:-1])
    return counted


def _sizes(port: Any) -> list[int] | None:
    """Return the shape of an OpenVINO port, with 1 for a dynamic batch size; None if another size is dynamic."""
    shape = port.get_partial_shape()
    if shape.rank.is_dynamic:
        return None
    sizes = [None if size.is_dynamic else int(size.get_length()) for size in shape]
    if sizes and sizes[0] is None:
        sizes[0] = 1
    return None if None in sizes else [size for size in sizes if size is not None]
