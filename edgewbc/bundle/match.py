"""Check that a model is the one that a bundle's manifest describes, before a runtime sees it.

A bundle may come from anyone, and correct checksums show only that its files belong together. So the class names and
the input size in the model file must be those of the manifest, and the model must consist of operations that
`edgewbc export` writes: none of them loops, allocates a size of its own choice, or reads files.
"""

from __future__ import annotations

from collections.abc import Sequence

from edgewbc.bundle import ir_file, onnx_file
from edgewbc.bundle.manifest import BundleManifest

_READERS = {"openvino": ir_file, "onnx": onnx_file}

OPERATIONS = {
    "openvino": frozenset((
        "Add", "AvgPool", "Clamp", "Concat", "Const", "Convert", "Convolution", "Divide", "Erf",
        "FakeQuantize", "Gather", "Gelu", "GroupConvolution", "HSigmoid", "HSwish", "HardSigmoid", "MVN",
        "MatMul", "MaxPool", "Maximum", "Minimum", "Mish", "Multiply", "PReLU", "Parameter", "Power", "ReLU",
        "ReduceMean", "ReduceSum", "Reshape", "Result", "ScaledDotProductAttention", "ShapeOf", "Sigmoid",
        "Slice", "SoftMax", "SoftPlus", "Split", "Sqrt", "SquaredDifference", "Squeeze", "StridedSlice",
        "Subtract", "Swish", "Tanh", "Transpose", "Unsqueeze", "VariadicSplit",
    )),
    "onnx": frozenset((
        "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant", "Conv", "DequantizeLinear",
        "Div", "Erf", "Gather", "Gelu", "Gemm", "GlobalAveragePool", "HardSigmoid", "HardSwish", "Identity",
        "LayerNormalization", "MatMul", "Max", "MaxPool", "Min", "Mish", "Mul", "PRelu", "Pow", "QuantizeLinear",
        "Reciprocal", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Softplus",
        "Split", "Sqrt", "Squeeze", "Sub", "Tanh", "Transpose", "Unsqueeze",
    )),
}  # fmt: skip
"""Types of operations that `export` writes, in f32 and int8, by backend; `export` refuses a library's network with any
other (such as Broadcast, Pad, Tile or ConstantOfShape, which make sizes of their own choice).

Also those that other versions of the exporters use in their place: Subtract, Div, Identity, MatMul."""


def problem(backend: str, contents: Sequence[bytes], manifest: BundleManifest) -> str:
    """Return why a model is not the one that a manifest describes, as words to follow its name; empty if it is.

    Args:
        backend: openvino or onnx; models for other backends are not checked.
        contents: of the model's files: (xml, bin) or (onnx,).
        manifest: of the bundle.
    """
    if backend not in _READERS:
        return ""
    try:
        found = _READERS[backend].facts(contents[0])
    except (ValueError, IndexError) as error:
        return f"is not a model that edgewbc exported: {str(error)[:200]}"
    if others := sorted(found.operations - OPERATIONS[backend]):
        return f"is not a model that edgewbc exported: it has the operation {others[0][:80]!r}"
    if not found.labels:
        return "does not name its classes, so its predictions cannot be assigned to any: export the bundle again"
    for section, labels in found.labels.items():
        # Model API's list is separated by spaces, so spaces in names are replaced.
        wanted = manifest.classes if section == "edgewbc" else ["_".join(name.split()) for name in manifest.classes]
        if list(labels) != list(wanted):
            return f"has the classes {_shown(labels)}, but manifest.json has {_shown(manifest.classes)}: " + _REMEDY
    size = (manifest.pixels.height, manifest.pixels.width)
    if found.input_size != size:
        takes = "no images" if found.input_size is None else "{} x {} pixels".format(*found.input_size)
        return f"takes {takes}, but manifest.json has {size[0]} x {size[1]} pixels: {_REMEDY}"
    return ""


_REMEDY = "export the bundle again, or copy it from whoever released it"


def _shown(names: Sequence[str]) -> str:
    return repr(", ".join(names[:10]))[:200]
