"""Tests of edgewbc.bundle.match, ir_file and onnx_file."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.bundle import match
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import BundleManifest
from edgewbc.pixels import PixelSpec
from edgewbc.utils import resources
from tests.bundle.ir_text import ir
from tests.protobuf import message, onnx_model

MANIFEST = BundleManifest("m", ("a", "b"), PixelSpec(8, 8), {}, "int8")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ir(), ""),
        (ir(labels=""), "does not name its classes"),
        (ir(labels='<model_info><labels value="b a"/></model_info>'), "has the classes 'b, a', but manifest.json has"),
        (ir(labels='<edgewbc><labels value="[&quot;a&quot;]"/></edgewbc>'), "has the classes 'a'"),
        (ir(labels='<edgewbc><labels value="7"/></edgewbc>'), "its labels are not a list of names"),
        (ir(labels='<model_info><labels value="a b"/><labels value="b a"/></model_info>'), "occurs twice"),
        (ir(shape="?,8,9,3"), "takes 8 x 9 pixels, but manifest.json has 8 x 8"),
        (ir(shape="?,?,8,3"), "takes no images"),
        (ir(layers='<layer type="Loop" version="opset5"/>'), "it has the operation 'Loop'"),
        (ir(layers='<layer><layer type="Loop" version="opset5"/></layer>'), "layer type '' of ''"),
        (ir(layers='<layer type="ReLU" version="extension"/>'), "layer type 'ReLU' of 'extension'"),
        (ir(start='<!DOCTYPE net [<!ENTITY a "aaaa">]>'), "it has XML declarations"),
        (ir(layers="<![CDATA[x]]>"), "it has XML declarations"),
        (ir(layers="<?x y?>"), "it has XML declarations"),
        (ir(layers="<a>" * 50 + "</a>" * 50), "it has too many elements"),
        (ir(layers="<a>"), "its XML is damaged"),
        (ir() + b"\n", "its XML is damaged|does not end like an IR"),
        (ir()[:-1], "does not end like an IR"),
        (b"<other></net>\n", "begins with 'other'"),
        (b"", "does not end like an IR"),
    ],
)
def test_an_ir_must_be_the_manifests(data: bytes, reason: str) -> None:
    """Another list of classes, input or operation is refused; so is XML that OpenVINO would not write."""
    found = match.problem("openvino", (data, b""), MANIFEST)
    assert (found == "") == (reason == "")
    assert any(words in found for words in reason.split("|"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (onnx_model(), ""),
        (onnx_model(None), "does not name its classes"),
        (onnx_model("b a"), "has the classes 'b, a'"),
        (onnx_model(size=(8, 9)), "takes 8 x 9 pixels"),
        (onnx_model(operations=("Relu", "Loop")), "it has the operation 'Loop'"),
        (onnx_model(node=message((7, b"evil"))), "it has the operation 'evil.Relu'"),
        (onnx_model(node=message((5, message((6, b""))))), "operation 'Relu' has a subgraph"),
        (onnx_model() + message((25, b"")), "it defines functions"),
        (onnx_model() + onnx_model(), "it has 2 graphs|occurs twice"),
        (onnx_model()[:-1], "is not a model that edgewbc exported"),
        (b"", "it has 0 graphs"),
        (b"\xff" * 30, "a number of more than 10 bytes"),
    ],
)
def test_an_onnx_file_must_be_the_manifests(data: bytes, reason: str) -> None:
    """The same of an ONNX file, where functions and subgraphs could hide operations."""
    found = match.problem("onnx", (data,), MANIFEST)
    assert (found == "") == (reason == "")
    assert any(words in found for words in reason.split("|"))


@pytest.mark.parametrize("path", sorted(resources.folder("export/bundles").iterdir()), ids=lambda path: path.name)
def test_released_bundles_match(path: Path) -> None:
    """Every released model has the classes, the input and the operations of its manifest."""
    bundle = Bundle.open(path)
    for backend in ("openvino", "onnx"):
        assert match.problem(backend, bundle.read_model(backend).contents, bundle.manifest) == ""
