"""Facts that an ONNX file states of itself."""

from __future__ import annotations

from edgewbc.bundle import onnx_file
from edgewbc.bundle.model_facts import ModelFacts
from tests.protobuf import onnx_model


def test_reads_what_an_onnx_file_says() -> None:
    """The same of an ONNX file."""
    found = onnx_file.facts(onnx_model("a b", (300, 8), ("Relu", "Conv")))
    assert found == ModelFacts({"model_info": ("a", "b")}, (300, 8), frozenset({"Relu", "Conv"}))
