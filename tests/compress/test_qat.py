"""Tests of edgewbc.compress.qat and edgewbc.compress.fake_quantize."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgewbc import runs
from edgewbc.compress import fake_quantize, qat
from edgewbc.compress.ptq import PTQOptions
from edgewbc.compress.qat import QatRecipe, finetune
from edgewbc.compress.quantization_report import Checks, Measurements
from edgewbc.errors import GateError, UserError
from edgewbc.nets import model
from edgewbc.train import recipe_file
from edgewbc.utils import resources
from tests.tiny_run import trained

RECIPE = {"name": "qat", "fit": {"epochs": 1, "batch": 20, "lr": 1e-4, "precision": "f32", "weight_decay": 0}}


@pytest.fixture
def options() -> QatRecipe:
    """Return a recipe of one epoch with two batches."""
    return QatRecipe.model_validate(RECIPE)


def test_the_shipped_recipe_is_valid() -> None:
    """It uses f32, mostly the teacher's loss, and no weight decay, which would shrink the ranges."""
    found = recipe_file.read(resources.folder("recipes") / "qat.yaml", QatRecipe)
    assert (found.name, found.fit.precision, found.fit.weight_decay, found.distil.weight) == ("qat", "f32", 0.0, 0.9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fit.precision": "bf16"}, "fit.precision must be f32"),
        ({"fit.freeze_blocks": 2}, "fit.freeze_blocks must be 0"),
        ({"distil.features": 1}, "distil.features must be 0"),
        ({"keep_macs": 0.5}, "no such key"),
    ],
)
def test_incompatible_recipe_is_refused(change: dict[str, Any], words: str) -> None:
    """A recipe that QAT does not support is a UserError."""
    with pytest.raises(UserError, match=words):
        recipe_file.read(resources.folder("recipes") / "qat.yaml", QatRecipe, change)


@pytest.mark.parametrize(
    ("settings", "checks", "words"),
    [
        ({"fast_bias_correction": False}, {}, "the biases are trained"),
        ({}, {"sensitivity": True}, "cannot be measured alone"),
    ],
)
def test_incompatible_options_are_refused(
    options: QatRecipe, tmp_path: Path, settings: dict[str, Any], checks: dict[str, bool], words: str
) -> None:
    """The error comes before anything is compiled or written."""
    run, manifest = trained()
    with pytest.raises(UserError, match=words):
        finetune(run, options, manifest, PTQOptions(**settings), to=tmp_path / "new", checks=Checks(**checks))
    assert list(tmp_path.iterdir()) == []


def test_several_processes_are_refused(options: QatRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`accelerate launch` with several processes is an error."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    run, manifest = trained()
    with pytest.raises(UserError, match="runs in one process"):
        finetune(run, options, manifest, PTQOptions(), to=tmp_path / "new")


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled")
def test_a_run_is_fine_tuned(options: QatRecipe, tmp_path: Path) -> None:
    """Files, record and lineage are those of a quantized run; the weights changed; the files match the network."""
    run, manifest = trained()
    made = finetune(run, options, manifest, PTQOptions(subset=10), to=tmp_path / "new", checks=Checks(isa=True))
    record = json.loads((made / "quantize.json").read_text())
    assert record["method"] == "qat"
    assert {row["n"] for row in record["validation"]} == {record["parent"]["n"], record["start"]["n"], 20} == {20}
    assert (record["best"]["epoch"], record["teachers"][0]["run"]) == (1, "tiny")
    assert record["parity"]["fake-quantized"]["openvino"]["agreement"] == 1.0
    assert record["parity"]["fake-quantized"]["openvino"]["largest_difference"] < 1e-3
    assert len(record["operations"]["openvino"]["int8"]) == 5
    assert ("onnx/int8.onnx" in record["files"]) == fake_quantize.has_onnx()
    lineage = runs.lineage(made).values
    assert (lineage["step"], lineage["method"], lineage["isa"]["n"]) == ("quantize", "qat", 20)
    old, new = (model.load(folder)[0].get_parameter("features.0.weight") for folder in (run, made))
    moved = float((old - new).detach().abs().max())
    assert 0 < moved < 1e-2
    assert not (made / "checkpoint.safetensors").exists()
    from edgewbc.runs import verify_quantized

    verify_quantized(made)


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled")
def test_without_torchao_there_is_no_onnx(options: QatRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run has only the OpenVINO file, a message has the install command, and the run can be exported."""
    monkeypatch.setattr(fake_quantize, "has_onnx", lambda: False)
    run, manifest = trained()
    said: list[str] = []
    made = finetune(run, options, manifest, PTQOptions(subset=10), to=tmp_path / "new", say=said.append)
    assert fake_quantize.INSTALL in said[-1]
    record = json.loads((made / "quantize.json").read_text())
    assert (list(record["drop"]), record["parity"]["int8"]) == (["openvino"], None)
    from edgewbc.bundle.bundle import Bundle
    from edgewbc.export.export import export

    bundle = Bundle.open(export(made, to=tmp_path / "bundle", manifest=manifest))
    assert list(bundle.manifest.to_json()["files"]["int8"]) == ["openvino"]
    assert list(bundle.manifest.to_json()["parity"]["int8"]) == ["openvino"]


@pytest.mark.slow
@pytest.mark.usefixtures("_compiled")
def test_exceeded_max_drop_leaves_no_folder(
    options: QatRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the saved files exceed --max-drop, no folder is left."""

    def refuse(measured: Measurements, max_drop: float) -> None:
        raise GateError(f"{max_drop}")

    monkeypatch.setattr(qat, "check_drop", refuse)
    run, manifest = trained()
    with pytest.raises(GateError, match="0.25"):
        finetune(run, options, manifest, PTQOptions(subset=5, max_drop=0.25), to=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
