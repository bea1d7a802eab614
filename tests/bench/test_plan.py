"""edgewbc.bench.plan: the rows of a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewbc import runs
from edgewbc.bench import plan as planning
from edgewbc.bench.plan import Abilities, baseline, plan
from edgewbc.errors import UserError
from edgewbc.nets.spec import VGG16, ModelSpec
from edgewbc.pixels import PixelSpec
from tests import tiny
from tests.bench.conftest import LAB

ALL = Abilities(torch=True, onnx=True, bf16=True)


def run(folder: Path) -> Path:
    """Make a run folder; only its model.json has contents."""
    folder.mkdir()
    ModelSpec("vgg16gap", ("a", "b"), PixelSpec(32, 32), VGG16, (10,)).write(folder / "model.json")
    (folder / "model.safetensors").touch()
    runs.write_lineage(folder, "train")
    return folder


def test_rows_of_a_bundle_need_no_torch(tmp_path: Path) -> None:
    """A bundle of OpenVINO files has f32, bf16 if the CPU supports it, and int8."""
    tiny.make_bundle(tmp_path / "b")
    found = plan(tmp_path / "b", LAB)
    assert found.rows == (("openvino", "f32"), ("openvino", "bf16"), ("openvino", "int8"))
    assert found.name == "tiny"
    assert plan(tmp_path / "b", Abilities(False, False, bf16=False)).rows == (("openvino", "f32"), ("openvino", "int8"))


def test_rows_of_a_run(tmp_path: Path) -> None:
    """A run has rows of torch, ONNX Runtime and OpenVINO; int8 needs quantized files."""
    pytest.importorskip("onnxscript")
    folder = run(tmp_path / "r")
    floats = (("torch", "f32"), ("torch", "bf16"), ("onnx", "f32"), ("openvino", "f32"), ("openvino", "bf16"))
    assert plan(folder, ALL).rows == floats
    (folder / "openvino").mkdir()
    (folder / "openvino" / "int8.xml").touch()
    assert plan(folder, ALL).rows == (*floats, ("openvino", "int8"))
    assert plan(folder, LAB).rows == (("openvino", "int8"),)


def test_missing_model_is_an_error(tmp_path: Path) -> None:
    """A path that is neither a bundle nor a run raises a UserError."""
    with pytest.raises(UserError, match="no such bundle"):
        plan(tmp_path / "none", LAB)


def test_rows_can_be_selected(tmp_path: Path) -> None:
    """The delivered row is one of the selected rows; selecting none raises a UserError."""
    tiny.make_bundle(tmp_path / "b")
    found = plan(tmp_path / "b", LAB, [("openvino", "f32"), ("torch", "f32")])
    assert found.rows == (("openvino", "f32"),)
    assert found.delivered == ("openvino", "f32")
    with pytest.raises(
        UserError, match=r"b: has no row onnx/int8; its rows are openvino/f32, openvino/bf16, openvino/int8"
    ):
        plan(tmp_path / "b", LAB, [("onnx", "int8")])


def test_baseline_is_the_unpruned_network_at_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its channels, the requested input size and one row without an accuracy; without torch it is an error."""
    network = run(tmp_path / "network")
    monkeypatch.setattr(planning, "reference_network", lambda: network)
    found = baseline(224, tmp_path / "work")
    assert (found.name, found.rows, found.scored) == ("vgg16gap-224", (("openvino", "f32"),), False)
    assert (found.pixels.height, found.pixels.width) == (224, 224)
    assert ModelSpec.read(found.path / "model.json").channels == VGG16
    monkeypatch.setattr(planning, "reference_network", lambda: None)
    with pytest.raises(UserError, match="--baseline 224: needs torch"):
        baseline(224, tmp_path / "other")
