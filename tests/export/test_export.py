"""Tests of edgewbc.export.export."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from edgewbc import runs
from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import FORMAT
from edgewbc.data import images, prepare
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.decision.calibration import Calibration
from edgewbc.decision.views import LabelFrom, judge
from edgewbc.errors import GateError, UserError
from edgewbc.evaluation.evaluate import evaluate
from edgewbc.export.export import export
from edgewbc.export.integer_share import in_onnxruntime
from edgewbc.lab.classifier import Classifier
from edgewbc.nets import model
from edgewbc.nets.spec import ModelSpec
from edgewbc.nets.torch_predictor import TorchPredictor
from edgewbc.pixels import PixelSpec
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Batch, Prediction
from edgewbc.runtime.selftest import selftest
from edgewbc.smear.views import Views
from edgewbc.synth.cells import write
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
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle with both precisions; its zip is next to it."""
    run, manifest = quantized()
    to = tmp_path_factory.mktemp("bundles") / "tiny.v1"
    return export(run, manifest=manifest, to=to, precisions=["f32", "int8"], zip=True)


def test_bundle_has_exactly_the_documented_files(exported: Path) -> None:
    """All are listed with correct checksums, and the folder has the usual permissions."""
    bundle = Bundle.open(exported)
    names = set(bundle.verify())
    assert {name for name in names if not name.endswith(".png")} == FILES
    assert len(names) == len(FILES) + 10
    assert (bundle.name, bundle.precisions, bundle.default_precision) == ("tiny.v1", ("int8", "f32"), "int8")
    assert subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=exported).returncode == 0
    (exported.parent / "other").mkdir()
    assert exported.stat().st_mode == (exported.parent / "other").stat().st_mode  # not those of a temporary folder


def test_quantized_run_is_not_converted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The f32 graphs that the quantization converted are used: a chain of quantize and export converts once."""
    calls: list[object] = []
    for name in ("to_openvino", "to_onnx"):
        monkeypatch.setattr(f"edgewbc.export.graph.{name}", lambda *given: calls.append(given))
    export(quantized()[0], to=tmp_path / "b", precisions=["f32", "int8"])
    assert calls == []
    assert (tmp_path / "b" / "openvino" / "f32.bin").read_bytes() == (
        quantized()[0] / "openvino" / "f32.bin"
    ).read_bytes()


def test_manifest_describes_the_bundle(exported: Path) -> None:
    """It has the architecture, the data, the accuracy of each file, parity and lineage."""
    record = json.loads((exported / "manifest.json").read_text())
    run, manifest = quantized()
    assert (record["format"], record["parameters"], record["channels"]) == (FORMAT, 2201, [8, "M", 8, "M", 16])
    assert record["data"]["counts"]["val"] == dict.fromkeys(manifest.classes, 4)
    assert record["data"]["manifest_sha256"] == record["data"]["training_manifest_sha256"] == manifest.sha256
    bundle = Bundle.open(exported)
    assert [(row["precision"], row["backend"]) for row in record["evidence"]] == [
        ("int8", "openvino"),
        ("int8", "onnx"),
        ("f32", "openvino"),
        ("f32", "onnx"),
    ]
    for row in record["evidence"]:
        assert (row["split"], row["n"], row["correct"]) == ("val", 20, 20)
        assert row["sha256"] == bundle.model_sha256(row["backend"], row["precision"])
    assert [row["pair"] for row in record["parity"]["f32"]][0] == ["torch", "openvino f32"]
    assert max(row["largest_difference"] for row in record["parity"]["f32"]) < 1e-5
    assert record["parity"]["int8"]["openvino"]["drop"] == 0
    assert (record["lineage"]["step"], record["lineage"]["ancestors"][0]["step"]) == ("quantize", "train")
    _, spec = model.load(run)
    seen = next(images.batches(manifest, manifest.split("val"), spec.pixels, 20))
    assert bundle.manifest.calibration is not None
    surest = bundle.manifest.calibration.apply(OpenVINOPredictor.from_bundle(bundle)(seen).probabilities).max(1)
    assert (bundle.manifest.calibration.n, bundle.manifest.familiarity) == (20, None)  # 20 cells set no threshold
    assert record["review_below"] == 0.5
    assert record["review"] == {"n": 20, "accepted": int((surest >= 0.5).sum()), "wrong": 0}


def test_model_files_are_those_of_the_run(exported: Path) -> None:
    """The int8 and f32 files equal those that `quantize` wrote, byte for byte."""
    run, _ = quantized()
    for name in ("openvino/int8.xml", "openvino/int8.bin", "onnx/int8.onnx", "openvino/f32.bin", "onnx/f32.onnx"):
        assert (exported / name).read_bytes() == (run / name).read_bytes(), name


def test_selftest_passes_on_folder_and_zip(exported: Path) -> None:
    """Every sample of every precision is checked."""
    for path in (exported, exported.with_name("tiny.v1.zip")):
        report = selftest(Bundle.open(path))
        assert report.ok
        assert [(check.precision, check.samples) for check in report.checks] == [("int8", 10), ("f32", 10)]
        report = selftest(Bundle.open(path), 1, "onnx")
        assert [(check.backend, check.tolerance) for check in report.checks] == [("onnx", 0.01), ("onnx", 1e-3)]
        assert max(check.difference for check in report.checks) < 1e-5


def test_the_int8_onnx_file_runs_in_int8(exported: Path) -> None:
    """All multiply-adds are integer operators in ONNX Runtime, and the manifest and the card say so."""
    record = json.loads((exported / "manifest.json").read_text())
    assert record["int8_share"] == {"onnx": 1.0}
    assert in_onnxruntime((exported / "onnx" / "int8.onnx").read_bytes()) == 1.0
    assert "ONNX Runtime runs 100.00 %" in (exported / "CARD.md").read_text(encoding="utf-8")


def test_head_arrays_reproduce_the_probabilities(exported: Path) -> None:
    """Probabilities computed from the features with head.npz equal those of OpenVINO."""
    bundle = Bundle.open(exported)
    prediction = OpenVINOPredictor.from_bundle(bundle, "f32")(np.full((2, 32, 36, 3), 180, dtype=np.uint8))
    with np.load(exported / "head.npz", allow_pickle=False) as head:
        logits = np.maximum(prediction.features @ head["w0"].T + head["b0"], 0) @ head["w1"].T + head["b1"]
    exponentials = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(exponentials / exponentials.sum(1, keepdims=True), prediction.probabilities, atol=1e-5)


def test_no_file_contains_a_path_of_this_machine(exported: Path) -> None:
    """No file of the bundle has the path of the run, the images, or the home or working folder."""
    run, manifest = quantized()
    paths = {str(run.parent), str(manifest.root), str(Path.cwd()), str(Path.home()), "site-packages"} - {"/"}
    for path in exported.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert [local for local in paths if local.encode() in data] == [], path.name


def test_run_that_is_not_quantized_can_be_exported_in_f32(tmp_path: Path) -> None:
    """Without a manifest, parity is measured on the golden samples, and the bundle states no accuracy."""
    folder = export(trained()[0], to=tmp_path / "deep" / "plain", precisions=["f32"], name="mine")
    bundle = Bundle.open(folder)
    assert (bundle.name, bundle.precisions) == ("mine", ("f32",))
    assert (bundle.manifest.to_json()["evidence"], bundle.manifest.to_json()["data"]) == ([], {})
    assert (bundle.manifest.to_json()["review_below"], bundle.manifest.to_json()["review"]) == (0.5, None)
    assert {row["images"] for row in bundle.manifest.to_json()["parity"]["f32"]} == {10}
    assert [path.name for path in folder.parent.iterdir()] == ["plain"]


def test_int8_requires_a_quantized_run(tmp_path: Path) -> None:
    """The error has the command that creates one, and no folder is left."""
    run, manifest = trained()
    with pytest.raises(UserError, match="has no int8 files: make them with `edgewbc quantize"):
        export(run, manifest=manifest, to=tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["model.safetensors", "onnx/int8.onnx", "openvino/int8.bin"])
def test_run_that_changed_after_quantization_is_refused(tmp_path: Path, name: str) -> None:
    """A changed weights file or a missing int8 file is an error, and no folder is left."""
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


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    """A non-empty folder or an existing zip is refused; an empty folder is used."""
    run, _ = quantized()
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
    """fp16 is not a precision of bundles, and at least one must be named."""
    with pytest.raises(UserError, match="precision 'fp16': a bundle holds int8 or f32"):
        export(trained()[0], to=tmp_path / "b", precisions=["fp16"])
    with pytest.raises(UserError, match="no precision is named"):
        export(trained()[0], to=tmp_path / "b", precisions=[])


def test_failed_parity_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If torch and the exported files disagree, export fails before the target is created."""
    real = TorchPredictor.__call__

    def wrong(self: TorchPredictor, batch: Batch) -> Prediction:
        found = real(self, batch)
        return Prediction(np.roll(found.probabilities, 1, axis=1), found.features)

    monkeypatch.setattr(TorchPredictor, "__call__", wrong)
    run, manifest = quantized()
    with pytest.raises(GateError, match="torch and openvino f32 differ"):
        export(run, manifest=manifest, to=tmp_path / "b", precisions=["f32"])
    assert list(tmp_path.iterdir()) == []


def test_label_that_is_not_a_class_is_refused(tmp_path: Path) -> None:
    """The error names the label, and no folder is left."""
    run, manifest = trained()
    entries = tuple(dataclasses.replace(e, label="blast") if e.split == "val" else e for e in manifest.entries)
    with pytest.raises(UserError, match="label 'blast' is not a class of the model"):
        export(run, manifest=dataclasses.replace(manifest, entries=entries), to=tmp_path / "b", precisions=["f32"])
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def located(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """Return the bundle of a network of random weights that locates cells, and its manifest."""
    top = tmp_path_factory.mktemp("located")
    write(top / "set", cells=12)
    manifest = make("synthetic", top / "set")
    pixels = PixelSpec(24, 24, "cell", 80, reference=prepare.profile(manifest).reference)
    spec = ModelSpec("vgg16gap", manifest.classes, pixels, (8, "M", 16), ())
    torch.manual_seed(1)
    (top / "run").mkdir()
    model.save(top / "run", model.build(spec).eval(), spec)
    runs.write_lineage(top / "run", "train", manifest_sha256=manifest.sha256)
    return export(top / "run", manifest=manifest, to=top / "bundle", precisions=["f32"]), manifest


def test_a_bundle_that_locates_cells_labels_them_by_the_mean_of_its_views(located: tuple[Path, Manifest]) -> None:
    """Manifest, card, calibration, counts and accuracies are of the label that `eval` and `classify` give."""
    path, manifest = located
    bundle = Bundle.open(path)
    record = bundle.manifest.to_json()
    assert (record["format"], record["label_from"], record["views"]) == (4, "mean", Views().to_json())
    assert bundle.manifest.averaged == Views()
    entries = manifest.split("val")
    truth = images.truth(manifest, entries, bundle.classes)
    spec, predictor = bundle.pixels, OpenVINOPredictor.from_bundle(bundle, threads=1)
    upright = np.concatenate([predictor(each).probabilities for each in images.batches(manifest, entries, spec)])
    others = np.concatenate(
        [predictor(each).probabilities for each in images.view_batches(manifest, entries, spec, Views())]
    ).reshape(len(entries), 5, 5)
    mean = (upright + others.sum(1)) / 6
    correct = int((mean.argmax(1) == truth).sum())
    for row in record["evidence"]:
        found = evaluate(path, manifest, "val", backend=row["backend"], threads=1)
        assert found.views == 6
        assert row["correct"] == found.correct == correct
        assert row["balanced_accuracy"] == pytest.approx(found.balanced_accuracy)
    fitted = Calibration.fit(mean.astype(np.float32), truth)
    assert record["calibration"]["temperature"] == pytest.approx(fitted.temperature, abs=1e-3)
    judged = judge(upright, others, LabelFrom.MEAN, fitted.apply)
    accepted = judged.sure >= record["review_below"]
    assert record["review"]["accepted"] == int(accepted.sum())
    assert record["review"]["wrong"] == int((accepted & (judged.probabilities.argmax(1) != truth)).sum())
    rows = Classifier(path, threads=1).classify([manifest.file(entry) for entry in entries])
    assert [row.label for row in rows] == [bundle.classes[index] for index in mean.argmax(1)]
    card = (path / "CARD.md").read_text(encoding="utf-8")
    assert "The label of a cell is that of the mean of its 6 views." in card
    assert (
        "upright and turned by quarters, and cut out with 0.85 and 1.17 times the side; its probabilities are" in card
    )
