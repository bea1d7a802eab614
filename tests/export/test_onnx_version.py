"""Tests of edgewbc.export.onnx_version."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgewbc.bundle.bundle import Bundle, pack, seal
from edgewbc.cells import CLASSES
from edgewbc.errors import UserError
from edgewbc.export import onnx_version
from edgewbc.export.model_info import describe_onnx
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.utils.files import read_json, write_json
from tests.export.test_card import ROW, values
from tests.tiny import make_bundle

NAME = "onnx/f32.onnx"
SPEC = ModelSpec("vgg16gap", CLASSES, PixelSpec(16, 16), (8,), ())


def tiny_onnx(ir_version: int) -> bytes:
    """Return an ONNX model of a bundle that classifies by the mean color of an image."""
    weights = np.random.default_rng(0).normal(size=(3, len(CLASSES))).astype(np.float32)
    initializers = [
        numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
        numpy_helper.from_array(weights * 0.01, "weights"),
    ]
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["features"], keepdims=0),
        helper.make_node("MatMul", ["features", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    inputs = [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", 16, 16, 3])]
    outputs = [
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", len(CLASSES)]),
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3]),
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=ir_version)
    describe_onnx(proto, SPEC)
    return bytes(proto.SerializeToString(deterministic=True))


def bundle_with(folder: Path, model: bytes) -> Bundle:
    """Write a bundle that has this ONNX model beside its OpenVINO files, and the model's accuracy as evidence."""
    written = ("format", "name", "classes", "pixels", "files", "default_precision", "golden")  # by `make_bundle`
    facts = {name: value for name, value in values().items() if name not in written}
    make_bundle(folder, **facts)
    (folder / "onnx").mkdir()
    (folder / NAME).write_bytes(model)
    record = read_json(folder / "manifest.json", "the manifest")
    record["files"]["f32"]["onnx"] = [NAME]
    record["evidence"] = [ROW, {**ROW, "precision": "f32", "sha256": hashlib.sha256(model).hexdigest()}]
    write_json(folder / "manifest.json", record)
    seal(folder)
    return Bundle.open(folder)


def test_only_the_version_of_the_file_changes(tmp_path: Path) -> None:
    """The file is the one of version 8; its evidence, card and checksums follow, all other files keep their hashes."""
    before = bundle_with(tmp_path / "b", tiny_onnx(10))
    changed = onnx_version.lower(before.path)
    bundle = Bundle.open(before.path)
    bundle.verify()
    assert bundle.read(NAME) == tiny_onnx(8)
    assert changed == {NAME: hashlib.sha256(tiny_onnx(8)).hexdigest()}
    assert {n for n, digest in bundle.sums.items() if before.sums[n] != digest} == {NAME, "manifest.json", "CARD.md"}
    record, old = bundle.manifest.to_json(), before.manifest.to_json()
    assert {n for n in record if record[n] != old.get(n)} == {"evidence", "runtimes_tried"}
    assert [row["sha256"] for row in record["evidence"]] == [ROW["sha256"], changed[NAME]]
    card = (bundle.path / "CARD.md").read_text(encoding="utf-8")
    assert "- Oldest runtimes tried, with wbc5-vgg16gap (int8, 10 images, 2026-11-28): OpenVINO 2024.0.0" in card
    assert onnx_version.lower(bundle.path) == {}
    assert Bundle.open(bundle.path).sums == bundle.sums


def test_a_version_that_the_operators_need_is_kept() -> None:
    """Operator set 21 needs IR version 10, and a version below the lowest is not raised."""
    proto = onnx.load_model_from_string(tiny_onnx(10))
    proto.opset_import[0].version = 21
    needed = proto.SerializeToString(deterministic=True)
    assert onnx_version.with_lowest_version(needed) == needed
    assert onnx_version.with_lowest_version(tiny_onnx(7)) == tiny_onnx(7)
    repeated = tiny_onnx(8) + onnx.ModelProto(ir_version=8).SerializeToString()  # valid, but not as it would be written
    assert onnx_version.with_lowest_version(repeated) == repeated


def test_a_prediction_that_differs_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = bundle_with(tmp_path / "b", tiny_onnx(10))
    other = onnx.load_model_from_string(tiny_onnx(8))
    other.graph.initializer[1].raw_data = bytes(len(other.graph.initializer[1].raw_data))
    monkeypatch.setattr(onnx_version, "with_lowest_version", lambda _: other.SerializeToString())
    with pytest.raises(UserError, match=r"onnx/f32\.onnx: predictions differ with a lower IR version"):
        onnx_version.lower(bundle.path)
    assert Bundle.open(bundle.path).sums == bundle.sums


def test_a_zip_is_refused(tmp_path: Path) -> None:
    pack(make_bundle(tmp_path / "b").path, tmp_path / "b.zip")
    with pytest.raises(UserError, match=r"b\.zip: is not the folder of a bundle"):
        onnx_version.lower(tmp_path / "b.zip")
