"""Tests of edgewbc.export.export."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.data import images
from edgewbc.errors import GateError, UserError
from edgewbc.export.export import export
from edgewbc.nets import model
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Batch, Prediction
from edgewbc.runtime.selftest import selftest
from tests.tiny_run import quantized, trained

FILES = {
    "CARD.md",
    "manifest.json",
    "head.npz",
    "golden/expected.json",
    *(f"openvino/{p}.{s}" for p in ("int8", "f32") for s in ("xml", "bin")),
    *(f"onnx/{p}.onnx" for p in ("int8", "f32")),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with both precisions, and its zip beside it."""
    run, manifest = quantized()
    to = tmp_path_factory.mktemp("bundles") / "tiny.v1"
    return export(run, manifest=manifest, to=to, precisions=["f32", "int8"], zip=True)


def test_bundle_holds_what_a_stranger_needs(made: Path) -> None:
    """Every file of the contract is there, listed and whole, and nothing else."""
    bundle = Bundle.open(made)
    names = set(bundle.verify())
    assert {name for name in names if not name.endswith(".png")} == FILES
    assert len(names) == len(FILES) + 10
    assert (bundle.name, bundle.precisions, bundle.default_precision) == ("tiny.v1", ("int8", "f32"), "int8")
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=made).returncode == 0
    (made.parent / "other").mkdir()
    assert made.stat().st_mode == (made.parent / "other").stat().st_mode  # not a temporary folder's


def test_manifest_says_what_it_is(made: Path) -> None:
    """Architecture, data, evidence of each file, parity and lineage."""
    told = json.loads((made / "manifest.json").read_text())
    run, manifest = quantized()
    assert (told["format"], told["parameters"], told["channels"]) == (1, 2201, [8, "M", 8, "M", 16])
    assert told["data"]["counts"]["val"] == dict.fromkeys(manifest.classes, 4)
    assert told["data"]["manifest_sha256"] == told["data"]["training_manifest_sha256"] == manifest.sha256
    bundle = Bundle.open(made)
    assert [(row["precision"], row["backend"]) for row in told["evidence"]] == [
        ("int8", "openvino"),
        ("int8", "onnx"),
        ("f32", "openvino"),
        ("f32", "onnx"),
    ]
    for row in told["evidence"]:
        assert (row["split"], row["n"], row["correct"]) == ("val", 20, 20)
        assert row["sha256"] == bundle.model_sha256(row["backend"], row["precision"])
    assert [row["pair"] for row in told["parity"]["f32"]][0] == ["torch", "openvino f32"]
    assert max(row["largest_difference"] for row in told["parity"]["f32"]) < 1e-5
    assert told["parity"]["int8"]["openvino"]["drop"] == 0
    assert (told["lineage"]["step"], told["lineage"]["ancestors"][0]["step"]) == ("quantize", "train")
    _, spec = model.load(run)
    seen = next(images.batches(manifest, manifest.split("val"), spec.pixels, 20))
    surest = OpenVINOPredictor.from_bundle(bundle)(seen).probabilities.max(1)
    assert told["review_below"] == 0.5
    assert told["review"] == {"n": 20, "accepted": int((surest >= 0.5).sum()), "wrong": 0}


def test_int8_is_the_runs_and_f32_is_the_weights(made: Path) -> None:
    """The int8 files are those that were quantized, byte for byte, and the f32 file answers as the run's does."""
    run, _ = quantized()
    for name in ("openvino/int8.xml", "openvino/int8.bin", "onnx/int8.onnx", "openvino/f32.bin", "onnx/f32.onnx"):
        assert (made / name).read_bytes() == (run / name).read_bytes(), name


def test_selftest_passes_on_folder_and_zip(made: Path) -> None:
    """The lab side finds both whole, and answering as expected."""
    for path in (made, made.with_name("tiny.v1.zip")):
        report = selftest(Bundle.open(path))
        assert report.ok
        assert [(check.precision, check.samples) for check in report.checks] == [("int8", 10), ("f32", 10)]


def test_head_goes_on_from_the_features(made: Path) -> None:
    """head.npz, read without torch, takes the engine's features to its probabilities."""
    bundle = Bundle.open(made)
    answer = OpenVINOPredictor.from_bundle(bundle, "f32")(np.full((2, 32, 36, 3), 180, dtype=np.uint8))
    with np.load(made / "head.npz", allow_pickle=False) as head:
        logits = np.maximum(answer.features @ head["w0"].T + head["b0"], 0) @ head["w1"].T + head["b1"]
    raised = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(raised / raised.sum(1, keepdims=True), answer.probabilities, atol=1e-5)


def test_nothing_names_a_place_on_this_machine(made: Path) -> None:
    """No file of the bundle has a path of the run, the images, the home or the working folder in it."""
    run, manifest = quantized()
    places = {str(run.parent), str(manifest.root), str(Path.cwd()), str(Path.home()), "site-packages"} - {"/"}
    for path in made.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [place for place in places if place.encode() in data] == [], path.name


def test_a_run_that_is_not_quantized_gives_f32(tmp_path: Path) -> None:
    """Any run can be exported in f32, without a manifest too: parity on the golden samples, and no evidence."""
    made = export(trained()[0], to=tmp_path / "deep" / "plain", precisions=["f32"], name="mine")
    bundle = Bundle.open(made)
    assert (bundle.name, bundle.precisions) == ("mine", ("f32",))
    assert (bundle.manifest.to_json()["evidence"], bundle.manifest.to_json()["data"]) == ([], {})
    assert (bundle.manifest.to_json()["review_below"], bundle.manifest.to_json()["review"]) == (0.5, None)
    assert {row["pictures"] for row in bundle.manifest.to_json()["parity"]["f32"]} == {10}
    assert [path.name for path in made.parent.iterdir()] == ["plain"]


def test_int8_of_a_run_that_has_none_is_refused(tmp_path: Path) -> None:
    """One line names the command that makes it; nothing appears."""
    run, manifest = trained()
    with pytest.raises(UserError, match="has no int8 files: make them with `edgewbc quantize"):
        export(run, manifest=manifest, to=tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.safetensors", "onnx/int8.onnx", "openvino/int8.bin"])
def test_int8_of_other_weights_is_refused(tmp_path: Path, name: str) -> None:
    """Files that changed after they were quantized are not shipped."""
    run = tmp_path / "run"
    shutil.copytree(quantized()[0], run)
    if name == "model.safetensors":
        other = bytearray((run / name).read_bytes())
        other[-1] ^= 1
        (run / name).write_bytes(other)
    else:
        (run / name).unlink()
    with pytest.raises(UserError, match="quantize the run again"):
        export(run, to=tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_target_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """Neither a folder with a file in it nor a zip is overwritten; an empty folder is taken."""
    run, _ = trained()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "note.txt").write_text("mine")
    with pytest.raises(UserError, match="full: exists already"):
        export(run, to=tmp_path / "full", precisions=["f32"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty.zip").write_text("mine")
    with pytest.raises(UserError, match=r"empty\.zip: exists already"):
        export(run, to=tmp_path / "empty", precisions=["f32"], zip=True)
    export(run, to=tmp_path / "empty", precisions=["f32"])
    assert (tmp_path / "empty" / "SHA256SUMS").is_file()
    assert (tmp_path / "full" / "note.txt").read_text() == "mine"


def test_unknown_and_no_precision_are_refused(tmp_path: Path) -> None:
    """fp16 is not a precision of a bundle, and none is none."""
    with pytest.raises(UserError, match="precision 'fp16': a bundle holds int8 or f32"):
        export(trained()[0], to=tmp_path / "b", precisions=["fp16"])
    with pytest.raises(UserError, match="no precision is named"):
        export(trained()[0], to=tmp_path / "b", precisions=[])


def test_parity_is_a_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch answers otherwise than the files, export stops before anything is in place."""
    real = TorchPredictor.__call__

    def wrong(self: TorchPredictor, batch: Batch) -> Prediction:
        found = real(self, batch)
        return Prediction(np.roll(found.probabilities, 1, axis=1), found.features)

    monkeypatch.setattr(TorchPredictor, "__call__", wrong)
    run, manifest = trained()
    with pytest.raises(GateError, match="torch and openvino f32 differ"):
        export(run, manifest=manifest, to=tmp_path / "b", precisions=["f32"])
    assert list(tmp_path.iterdir()) == []


def test_a_label_that_the_model_does_not_know_is_refused(tmp_path: Path) -> None:
    """A manifest of other cells is a user's mistake, named with the image."""
    run, manifest = trained()
    entries = tuple(dataclasses.replace(e, label="blast") if e.split == "val" else e for e in manifest.entries)
    with pytest.raises(UserError, match="label 'blast' is not a class of the model"):
        export(run, manifest=dataclasses.replace(manifest, entries=entries), to=tmp_path / "b", precisions=["f32"])
    assert list(tmp_path.iterdir()) == []
