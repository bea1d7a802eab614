"""Post-training quantization to int8 with NNCF, for OpenVINO and ONNX graphs.

Calibration sets the range of each activation from training images; a bias correction follows (Nagel et al. 2019,
"Data-free quantization through weight equalization and bias correction", arXiv 1906.04721). If the accuracy drop is
limited, operations are reverted to float, the most harmful first, until validation accuracy is within the limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from edgewbc.compress.nncf_logging import quiet_nncf
from edgewbc.errors import UserError
from edgewbc.export.graph import INPUT
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_import import core, only_core

Preset = Literal["mixed", "performance"]
OverflowFix = Literal["first", "all", "none"]
OVERFLOW_FIXES = {"first": "FIRST_LAYER", "all": "ENABLE", "none": "DISABLE"}
"""NNCF's name of each choice."""

Labeled = tuple[NDArray[np.uint8], int]
"""A prepared image as a batch of one, uint8 (1, h, w, 3), and its class index."""


@dataclass(frozen=True)
class PTQOptions:
    """How to quantize.

    Attributes:
        subset: number of calibration images.
        max_drop: largest loss of validation accuracy, as a share (0.003 is 0.3 points); None sets no limit.
        seed: random seed of the calibration images.
        preset: `mixed` allows asymmetric activations, `performance` makes them symmetric.
        fast_bias_correction: use the fast estimate of the bias; the exact one takes many times as long.
        overflow_fix: layers whose weights use half of the int8 range, at the cost of one bit. A CPU without VNNI adds
            pairs of products in 16 bits, which full-range weights can saturate. `all` is safe on any CPU, `first` is
            NNCF's default, `none` is for CPUs with VNNI.
    """

    subset: int = 300
    max_drop: float | None = None
    seed: int = 0
    preset: Preset = "mixed"
    fast_bias_correction: bool = True
    overflow_fix: OverflowFix = "all"

    def __post_init__(self) -> None:
        """Raises UserError for a value out of range."""
        if self.subset < 1:
            raise UserError(f"--subset {self.subset}: use 1 or more images (300 is usual)")
        if self.max_drop is not None and not 0 <= self.max_drop < 1:
            raise UserError(f"--max-drop {self.max_drop}: use a share from 0 to 1, such as 0.003 for 0.3 points")
        if self.preset not in ("mixed", "performance"):
            raise UserError(f"preset {self.preset!r}: use mixed or performance")
        if self.overflow_fix not in OVERFLOW_FIXES:
            raise UserError(f"--overflow-fix {self.overflow_fix}: use {', '.join(OVERFLOW_FIXES)}")


def quantize_ir(xml: Path, calibration: list[NDArray[np.uint8]], control: list[Labeled], options: PTQOptions) -> Any:
    """Quantize an f32 IR and return an `openvino.Model`.

    Args:
        xml: the IR.
        calibration: prepared training images, each uint8 (1, h, w, 3).
        control: validation images; used only with `options.max_drop`.
        options: of the quantization.
    """

    def accuracy(compiled: Any, items: Any) -> tuple[float, list[float]]:
        return _accuracy([compiled(image)["probabilities"].argmax() == label for image, label in items])

    with quiet_nncf() as nncf, only_core():
        dataset = nncf.Dataset(calibration)
        model = core().read_model(xml)
        transformer = is_transformer(op.get_type_name() for op in model.get_ordered_ops())
        return _quantize(nncf, model, dataset, nncf.Dataset(control), accuracy, options, transformer)


def quantize_onnx(path: Path, calibration: list[NDArray[np.uint8]], control: list[Labeled], options: PTQOptions) -> Any:
    """Quantize an f32 ONNX file and return an `onnx.ModelProto`; arguments as for `quantize_ir`."""
    import onnx

    def accuracy(proto: Any, items: Any) -> tuple[float, list[float]]:
        predictor = ONNXRuntimePredictor(proto.SerializeToString())
        return _accuracy([predictor(image).probabilities.argmax() == label for image, label in items])

    with quiet_nncf() as nncf:
        dataset = nncf.Dataset(calibration, lambda image: {INPUT: image})
        model = onnx.load(path)
        transformer = is_transformer(node.op_type for node in model.graph.node)
        return _quantize(nncf, model, dataset, nncf.Dataset(control), accuracy, options, transformer)


def layers_ir(model: Any) -> list[Any]:
    """Return the nodes of the convolutions and dense layers of an `openvino.Model`, in order."""
    return [op for op in model.get_ordered_ops() if op.get_type_name() in ("Convolution", "GroupConvolution", "MatMul")]


def is_int8(layer: Any) -> bool:
    """Return whether the weights of a node of `layers_ir` are stored in 8 bits."""
    source = layer.input_value(1).get_node()
    while source.get_type_name() in ("Multiply", "Subtract", "Convert", "Reshape", "Transpose"):
        source = source.input_value(0).get_node()
    return source.get_element_type().get_type_name() in ("i8", "u8")


def operations_ir(model: Any) -> dict[str, list[str]]:
    """Return the names of the convolutions and dense layers of an `openvino.Model`, under `int8` and `float`."""
    found: dict[str, list[str]] = {"int8": [], "float": []}
    for layer in layers_ir(model):
        found["int8" if is_int8(layer) else "float"].append(str(layer.get_friendly_name()))
    return found


def operations_onnx(proto: Any) -> dict[str, list[str]]:
    """Return the names of the convolutions and dense layers of an `onnx.ModelProto`, under `int8` and `float`."""
    found: dict[str, list[str]] = {"int8": [], "float": []}
    made_by = {name: node.op_type for node in proto.graph.node for name in node.output}
    for node in proto.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            is_int8 = made_by.get(node.input[1]) == "DequantizeLinear"
            found["int8" if is_int8 else "float"].append(str(node.name))
    return found


def is_transformer(kinds: Iterable[str]) -> bool:
    """Return whether a graph has attention, from its types of operations: a softmax besides that of the output."""
    found = list(kinds)
    return "ScaledDotProductAttention" in found or sum(kind.lower() == "softmax" for kind in found) > 1


def _quantize(
    nncf: Any, model: Any, calibration: Any, control: Any, accuracy: Any, options: PTQOptions, transformer: bool
) -> Any:
    """Quantize a model; of a transformer, NNCF keeps the operations in float that int8 harms there."""
    settings = {
        **({"model_type": nncf.ModelType.TRANSFORMER} if transformer else {}),
        "preset": nncf.QuantizationPreset[options.preset.upper()],
        "subset_size": options.subset,
        "fast_bias_correction": options.fast_bias_correction,
    }
    if options.max_drop is None:
        return nncf.quantize(model, calibration, advanced_parameters=advanced(nncf, options), **settings)
    return nncf.quantize_with_accuracy_control(
        model,
        calibration_dataset=calibration,
        validation_dataset=control,
        validation_fn=accuracy,
        max_drop=options.max_drop,
        drop_type=nncf.DropType.ABSOLUTE,
        advanced_quantization_parameters=advanced(nncf, options),
        **settings,
    )


def advanced(nncf: Any, options: PTQOptions) -> Any:
    """Return NNCF's advanced parameters."""
    return nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix[OVERFLOW_FIXES[options.overflow_fix]])


def _accuracy(correct: list[Any]) -> tuple[float, list[float]]:
    """Return 1 plus the share of correct predictions, and whether each is correct.

    NNCF divides by the metric of the float model even if the drop is absolute, so the metric must not be 0.
    """
    values = [float(value) for value in correct]
    return 1 + sum(values) / len(values), values
