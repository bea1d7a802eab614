"""Facts that an ONNX file states of itself."""

from __future__ import annotations

from edgewbc.bundle import onnx_file
from edgewbc.bundle.model_facts import ModelFacts
from tests.protobuf import onnx_model


def test_reads_what_an_onnx_file_says() -> None:
    """The same of an ONNX file."""
    found = onnx_file.facts(onnx_model("a b", (300, 8), ("Relu", "Conv")))
    assert found == ModelFacts({"model_info": ("a", "b")}, (300, 8), frozenset({"Relu", "Conv"}))


def test_an_input_of_other_elements_has_no_size() -> None:
    """The input of a bundle's graph is uint8; float32 is 1."""
    assert onnx_file.facts(onnx_model(element=1)).input_size is None
    assert onnx_file.facts(onnx_model(element=2)).input_size == (8, 8)
