"""Tests of edgewbc.runtime.onnxruntime_engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgewbc.errors import UserError
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from tests.tiny_run import quantized

BATCH = np.full((3, 32, 36, 3), 200, dtype=np.uint8)


@pytest.mark.parametrize("precision", ["f32", "int8"])
def test_predicts_a_batch(precision: str) -> None:
    """Probabilities (n, K) that sum to one and features (n, d), float32, one row per image."""
    prediction = ONNXRuntimePredictor(quantized()[0] / "onnx" / f"{precision}.onnx", threads=1)(BATCH)
    probabilities, features = prediction.probabilities, prediction.features
    assert probabilities.shape == (3, 5)
    assert probabilities.dtype == np.float32
    assert features.shape == (3, 16)
    assert features.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)
    np.testing.assert_array_equal(probabilities[0], probabilities[2])


def test_model_from_bytes_matches_the_file() -> None:
    """A model can be loaded from bytes, as from a bundle."""
    path = quantized()[0] / "onnx" / "f32.onnx"
    from_bytes, from_file = (ONNXRuntimePredictor(model)(BATCH) for model in (path.read_bytes(), path))
    np.testing.assert_array_equal(from_bytes.probabilities, from_file.probabilities)


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x08\x0a\x12\x07pytorch"])
def test_damaged_model_raises_user_error(tmp_path: Path, data: bytes) -> None:
    """A damaged file raises an error of one line that names it."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"broken\.onnx") as caught:
        ONNXRuntimePredictor(path)
    assert "\n" not in str(caught.value)


def test_missing_file_raises_user_error(tmp_path: Path) -> None:
    """The error names the missing file."""
    with pytest.raises(UserError, match=r"gone\.onnx: cannot be read: No such file"):
        ONNXRuntimePredictor(tmp_path / "gone.onnx")


def test_model_with_other_outputs_is_rejected() -> None:
    """A valid ONNX file that is not a model of a bundle is rejected with an error that names its outputs."""
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in ("x", "logits")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["logits"])], "g", value[:1], value[1:])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(proto)
    with pytest.raises(UserError, match="has the outputs logits, not probabilities and features"):
        ONNXRuntimePredictor(proto.SerializeToString())
