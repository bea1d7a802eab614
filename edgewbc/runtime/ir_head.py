"""Read and replace the head of a bundle's OpenVINO model: the dense layers between `features` and `probabilities`.

OpenVINO itself edits the model, so this works on a microscope PC. In an int8 model the head is quantized too; the new
one is float32, which costs nothing measurable (a few hundred multiply-adds per class).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.head import Array, Head
from edgewbc.runtime.openvino_import import core, openvino
from edgewbc.runtime.predictor import FEATURES, PROBABILITIES

_PASSED = ("FakeQuantize", "Relu", "Convert", "Reshape")
"""Operations between dense layers that have no weights. A quantized model has a FakeQuantize from 0 on for a ReLU."""


def read(xml: bytes, weights: bytes) -> Head:
    """Return the head of a model, with the weights as the model uses them (dequantized).

    Raises:
        ValueError: the model has no such head.
    """
    model = core().read_model(xml, weights)
    layers: list[tuple[Array, Array]] = []
    at = _softmax(model).input_value(0)
    end = _named(model, FEATURES).get_node().get_friendly_name()
    while at.get_node().get_friendly_name() != end:
        node = at.get_node()
        if node.get_type_name() in _PASSED:
            at = node.input_value(0)
            continue
        bias = np.zeros(0, np.float32)
        if node.get_type_name() == "Add":
            bias = _constant(node.input_value(1)).reshape(-1)
            node = node.input_value(0).get_node()
        if node.get_type_name() != "MatMul":
            raise ValueError(f"its head has the operation {node.get_type_name()}, not dense layers alone")
        matrix = _constant(node.input_value(1))
        if not node.get_attributes().get("transpose_b"):
            matrix = np.ascontiguousarray(matrix.T)
        layers.append((matrix, bias if bias.size else np.zeros(len(matrix), np.float32)))
        at = node.input_value(0)
    return Head(tuple(reversed(layers)))


def replace(xml: bytes, weights: bytes, head: Head) -> tuple[bytes, bytes]:
    """Return the two files of a model with another head, in float32. Names and metadata stay as they are.

    Raises:
        ValueError: the model has no such head, or the new one does not fit its features or classes.
    """
    ov = openvino()
    op = ov.opset13
    model = core().read_model(xml, weights)
    softmax, at = _softmax(model), _named(model, FEATURES)
    sizes = [int(port.get_partial_shape()[1].get_length()) for port in (at, softmax.output(0))]
    if sizes != [head.features, head.classes]:
        raise ValueError(f"it has {sizes[0]} features and {sizes[1]} classes, the head {head.features} and "
                         f"{head.classes}")  # fmt: skip
    for number, (matrix, bias) in enumerate(head.layers):
        if number:
            at = op.relu(at, name=f"head_{number}/ReLU").output(0)
        dense = op.matmul(at, _shared(op, matrix, f"head_{number}/weights"), False, True,
                          name=f"head_{number}/MatMul")  # fmt: skip
        at = op.add(dense, _shared(op, bias, f"head_{number}/bias"), name=f"head_{number}/Add").output(0)
    softmax.input(0).replace_source_output(at)
    model.validate_nodes_and_infer_types()
    with tempfile.TemporaryDirectory(prefix="edgewbc-") as folder:
        file = Path(folder) / "model.xml"
        ov.save_model(model, file, compress_to_fp16=False)
        return file.read_bytes(), file.with_suffix(".bin").read_bytes()


def _shared(op: Any, values: NDArray[np.float32], name: str) -> Any:
    return op.constant(np.ascontiguousarray(values, dtype=np.float32), name=name)


def _softmax(model: Any) -> Any:
    node = _named(model, PROBABILITIES).get_node()
    if node.get_type_name() not in ("Softmax", "SoftMax"):
        raise ValueError(f"its {PROBABILITIES} come from {node.get_type_name()}, not from a softmax")
    return node


def _named(model: Any, name: str) -> Any:
    """Return the output of the operation that gives a named result."""
    try:
        return model.output(name).get_node().input_value(0)
    except RuntimeError:
        raise ValueError(f"it has no output named {name}") from None


def _constant(port: Any) -> NDArray[np.float32]:
    """Return the value of a part of the graph that has no input, such as dequantized weights."""
    ov = openvino()
    try:
        compiled = core().compile_model(ov.Model([port], []), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        return np.array(compiled([])[0], dtype=np.float32)
    except RuntimeError:
        raise ValueError("its head has weights that depend on the image") from None
