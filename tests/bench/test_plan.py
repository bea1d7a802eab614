"""edgewbc.bench.plan: which rows there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc.bench import plan as planning
from edgewbc.bench.plan import Abilities, baseline, plan
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


def test_only_some_rows(tmp_path: Path) -> None:
    """Rows can be chosen; the one that is delivered stays among them; none left is the user's mistake."""
    tiny.make_bundle(tmp_path / "b")
    found = plan(tmp_path / "b", LAB, [("openvino", "f32"), ("torch", "f32")])
    assert found.rows == (("openvino", "f32"),)
    assert found.delivered == ("openvino", "f32")
    with pytest.raises(UserError, match=r"b: has no row onnx/int8; it has openvino/f32, openvino/bf16, openvino/int8"):
        plan(tmp_path / "b", LAB, [("onnx", "int8")])


def test_baseline_is_the_unpruned_network_at_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its weights and channels, the size asked for, one row, no answers; without torch there is none."""
    network = run(tmp_path / "network")
    monkeypatch.setattr(planning, "reference_network", lambda: network)
    found = baseline(224, tmp_path / "work")
    assert (found.name, found.rows, found.answers) == ("vgg16gap-224", (("openvino", "f32"),), False)
    assert (found.pixels.height, found.pixels.width) == (224, 224)
    assert ModelSpec.read(found.path / "model.json").channels == VGG16
    monkeypatch.setattr(planning, "reference_network", lambda: None)
    with pytest.raises(UserError, match="--baseline 224: needs torch"):
        baseline(224, tmp_path / "other")
