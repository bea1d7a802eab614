"""Tests of edgewbc.compress.quantize."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc import runs
from edgewbc.compress import quantize as module
from edgewbc.compress.quantization_report import QuantizationReport, calibration_sha256, check_drop
from edgewbc.compress.quantize import quantize
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.sampling import balanced
from edgewbc.errors import GateError, UserError
from edgewbc.export.validation import ModelFile, validate
from edgewbc.images.decode import Decoded
from edgewbc.nets import model
from tests.tiny_run import quantized, trained


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """quantize.json of the run that `quantized` made."""
    return dict(json.loads((quantized()[0] / "quantize.json").read_text()))


def test_quantized_run_is_complete(record: dict[str, Any]) -> None:
    """Weights and description are the parent's, all files have their recorded hashes, the lineage names the parent."""
    (parent, _), (run, manifest) = trained(), quantized()
    for name in ("model.safetensors", "model.json"):
        assert (run / name).read_bytes() == (parent / name).read_bytes()
    assert sorted(record["files"]) == [
        "onnx/f32.onnx",
        "onnx/int8.onnx",
        "openvino/f32.bin",
        "openvino/f32.xml",
        "openvino/int8.bin",
        "openvino/int8.xml",
    ]
    for name, digest in record["files"].items():
        assert hashlib.sha256((run / name).read_bytes()).hexdigest() == digest
    lineage = runs.lineage(run).values
    assert (lineage["step"], lineage["ancestors"][0]["run"], lineage["manifest_sha256"]) == (
        "quantize",
        "tiny",
        manifest.sha256,
    )
    assert runs.newest(run.parent) == run


def test_calibration_uses_only_train_images(record: dict[str, Any]) -> None:
    """The calibration images are determined by the seed, class-balanced, and from train."""
    _, manifest = quantized()
    chosen = balanced(manifest.split("train"), 20, seed=3)
    assert record["settings"] == {
        "subset": 20,
        "max_drop": None,
        "seed": 3,
        "preset": "mixed",
        "fast_bias_correction": True,
        "overflow_fix": "all",
    }
    assert (record["method"], runs.lineage(quantized()[0]).values["method"]) == ("ptq", "ptq")
    assert record["calibration"]["sha256"] == calibration_sha256(chosen)
    assert record["calibration"]["counts"] == dict.fromkeys(sorted(manifest.classes), 4)
    assert {entry.split for entry in chosen} == {"train"}


def test_no_test_image_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Quantization reads only train and validation images; the same seed gives the same bytes."""
    run, manifest = trained()
    real = images.read_decoded
    read: set[str] = set()

    def watched(manifest: Manifest, entry: Entry) -> Decoded:
        read.add(entry.split)
        return real(manifest, entry)

    monkeypatch.setattr(images, "read_decoded", watched)
    made = quantize(run, manifest, to=tmp_path / "again", subset=20, seed=3)
    assert read == {"train", "val"}
    before = quantized()[0]
    for name in ("openvino/int8.bin", "openvino/int8.xml", "onnx/int8.onnx"):
        assert (made / name).read_bytes() == (before / name).read_bytes(), name


def test_figures_match_the_saved_files(record: dict[str, Any]) -> None:
    """Evaluating each saved file gives its row; int8 loses nothing here, and the two backends agree."""
    run, manifest = quantized()
    _, spec = model.load(run)
    entries = manifest.split("val")
    truth = images.truth(manifest, entries, spec.classes)
    batch = next(images.batches(manifest, entries, spec.pixels, len(entries)))
    for row in record["validation"]:
        suffix = "onnx" if row["backend"] == "onnx" else "xml"
        path = run / row["backend"] / f"{row['precision']}.{suffix}"
        said = ModelFile(row["precision"], path).open()(batch).probabilities
        assert (row["n"], row["correct"]) == (20, int((said.argmax(1) == truth).sum()))
    assert [record["drop"][b]["drop"] for b in ("openvino", "onnx")] == [0, 0]
    assert record["parity"]["int8"]["agreement"] == 1.0
    assert 0 < record["parity"]["int8"]["largest_difference"] < 0.15
    assert record["parity"]["f32"][0]["largest_difference"] < 1e-5
    assert {len(record["operations"][b]["int8"]) for b in ("openvino", "onnx")} == {5}


def test_int8_is_smaller() -> None:
    """The int8 weights take less than a third of the bytes of the f32 weights."""
    sizes = [(quantized()[0] / "openvino" / f"{p}.bin").stat().st_size for p in ("int8", "f32")]
    assert sizes[0] < sizes[1] / 3


def test_max_drop_restores_float_layers(tmp_path: Path) -> None:
    """With weights that do not quantize, accuracy control keeps both files within the limit with fewer int8 layers."""
    fragile, manifest = _fragile(tmp_path)
    with pytest.raises(GateError, match=r"loses .* points of accuracy on validation"):
        check_drop(QuantizationReport.read(quantize(fragile, manifest, to=tmp_path / "a")).measured, 0.0)
    made = quantize(fragile, manifest, to=tmp_path / "b", max_drop=0.1)
    told = json.loads((made / "quantize.json").read_text())
    for backend in ("openvino", "onnx"):
        assert told["drop"][backend]["drop"] <= 0.1
        assert 0 < len(told["operations"][backend]["int8"]) < 5


def _fragile(folder: Path) -> tuple[Path, Manifest]:
    """Return the trained run with one channel scaled up and down again, so that 8 bits are too few for others."""
    import torch

    run, manifest = trained()
    net, spec = model.load(run)
    with torch.no_grad():
        net.get_parameter("features.3.weight")[0] *= 4000
        net.get_parameter("features.3.bias")[0] *= 4000
        net.get_parameter("features.6.weight")[:, 0] /= 4000
    (folder / "fragile").mkdir()
    model.save(folder / "fragile", net, spec)
    runs.write_lineage(folder / "fragile", "train")
    return folder / "fragile", manifest


def test_exceeded_limit_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the limit is exceeded at the end, the new folder is removed."""

    def refuse(record: dict[str, Any], max_drop: float) -> None:
        raise GateError("no")

    monkeypatch.setattr(module, "check_drop", refuse)
    run, manifest = trained()
    with pytest.raises(GateError):
        quantize(run, manifest, to=tmp_path / "new", subset=5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["train", "val"])
def test_train_and_validation_are_required(tmp_path: Path, missing: str) -> None:
    """Without train or validation images, quantization is refused and makes no folder."""
    run, manifest = trained()
    entries = tuple(entry for entry in manifest.entries if entry.split != missing)
    with pytest.raises(UserError, match=f"has no {missing} images"):
        quantize(run, dataclasses.replace(manifest, entries=entries), to=tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_unknown_labels_and_full_targets_are_refused(tmp_path: Path) -> None:
    """A label that the model does not have is an error that names it; a non-empty folder stays unchanged."""
    run, manifest = trained()
    entries = (dataclasses.replace(manifest.entries[0], label="blast"), *manifest.entries[1:])
    with pytest.raises(UserError, match="label 'blast' is not a class of the model"):
        quantize(run, dataclasses.replace(manifest, entries=entries), to=tmp_path / "new", subset=1000)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        quantize(run, manifest, to=tmp_path / "full")
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]


def test_predictions_are_named_by_backend_and_precision() -> None:
    """`collect` names its predictions `<backend> <precision>`, the keys that the record uses."""

    run, manifest = quantized()
    _, spec = model.load(run)
    found = validate([ModelFile("int8", run / "onnx" / "int8.onnx")], manifest, spec)
    assert list(found.probabilities) == ["onnx int8"]
    assert np.isfinite(found.probabilities["onnx int8"]).all()
