"""edgewbc.bench.plan: which rows there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.bench.plan import Abilities, plan
from edgewbc.errors import UserError
from edgewbc.nets.spec import VGG16, ModelSpec
from edgewbc.pixels import PixelSpec
from tests import tiny
from tests.bench.conftest import LAB

ALL = Abilities(torch=True, onnx=True, bf16=True)


def run(folder: Path) -> Path:
    """A run folder by its files; nothing is read but model.json."""
    folder.mkdir()
    ModelSpec("vgg16gap", ("a", "b"), PixelSpec(32, 32), VGG16, (10,)).write(folder / "model.json")
    (folder / "model.safetensors").touch()
    return folder


def test_bundle_rows_need_no_torch(tmp_path: Path) -> None:
    """A bundle of OpenVINO files gives f32, bf16 where the CPU can, and int8."""
    tiny.make_bundle(tmp_path / "b")
    found = plan(tmp_path / "b", LAB)
    assert found.rows == (("openvino", "f32"), ("openvino", "bf16"), ("openvino", "int8"))
    assert found.name == "tiny"
    assert plan(tmp_path / "b", Abilities(False, False, bf16=False)).rows == (("openvino", "f32"), ("openvino", "int8"))


def test_run_rows(tmp_path: Path) -> None:
    """A run gives torch, ONNX Runtime and OpenVINO; int8 where quantized files are."""
    pytest.importorskip("onnxscript")
    folder = run(tmp_path / "r")
    floats = (("torch", "f32"), ("torch", "bf16"), ("onnx", "f32"), ("openvino", "f32"), ("openvino", "bf16"))
    assert plan(folder, ALL).rows == floats
    (folder / "openvino").mkdir()
    (folder / "openvino" / "int8.xml").touch()
    assert plan(folder, ALL).rows == (*floats, ("openvino", "int8"))
    assert plan(folder, LAB).rows == (("openvino", "int8"),)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    """A path that is neither a bundle nor a run is the user's mistake."""
    with pytest.raises(UserError, match="no such bundle"):
        plan(tmp_path / "none", LAB)
