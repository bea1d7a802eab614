"""Tests of edgewbc.evaluation.evaluate."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgewbc import cells
from edgewbc.bundle.manifest import FORMAT
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest, Protocol, Provenance, Split
from edgewbc.errors import GateError, UserError
from edgewbc.evaluation.evaluate import evaluate, predict, reference, require
from edgewbc.evaluation.load import load
from edgewbc.evaluation.result import EvalResult, ReferenceComparison
from edgewbc.images.encode import encode
from edgewbc.metrics import wilson
from edgewbc.pixels import PixelSpec, prepare
from edgewbc.probability_metrics import probability_scores
from edgewbc.smear import learning
from edgewbc.smear.views import Views
from edgewbc.synth.cells import draw_cell
from tests import labeled, tiny


def test_result_matches_the_predictions(tmp_path: Path) -> None:
    """n, correct, interval and confusion are computed from the predictions of each image."""
    made = tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=13)
    found = evaluate(tmp_path / "b", manifest, "test", precision="f32", batch=4, threads=1).to_json()
    seen = np.stack([prepare(tiny.make_image(i), made.pixels) for i in range(13)])
    probabilities = load(tmp_path / "b", precision="f32", threads=1).predictor(seen).probabilities
    predicted, truth = probabilities.argmax(1), np.arange(13) % 5
    assert {name: found[name] for name in ("brier", "log_loss", "calibration_error")} == pytest.approx(
        vars(probability_scores(truth, probabilities))
    )
    assert found["n"] == 13
    assert found["correct"] == int((predicted == truth).sum())
    assert found["interval"] == list(wilson(found["correct"], 13) or ())
    for row, column in zip(truth, predicted, strict=True):
        assert found["confusion"][row][column] == int(((truth == row) & (predicted == column)).sum())
    assert (found["protocol"], found["split"], found["source"]) == ("grouped", "test", "folder")
    assert (found["precision"], found["backend"], found["model"]) == ("f32", "openvino", "tiny")
    assert found["model_sha256"] == made.model_sha256(precision="f32")
    assert found["manifest_sha256"] == manifest.sha256
    assert found["classes"] == list(cells.CLASSES)
    assert found["reference"]["protocol"] == "grouped"
    json.dumps(found, allow_nan=False)
    assert EvalResult.from_json({**found, "more": 1}).to_json() == found


def test_labels_of_the_mean_of_views(tmp_path: Path) -> None:
    """A bundle that takes the label from all views of a cell is evaluated as it classifies."""
    entries, drawn = [], []
    for index in range(6):
        drawn.append(draw_cell(cells.CLASSES[index % 5], np.random.default_rng(index), 150))
        data = encode(drawn[-1], ".png")
        (tmp_path / f"{index}.png").write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        entries.append(Entry(f"{index}.png", cells.CLASSES[index % 5], str(index), Split.TEST, digest))
    manifest = Manifest(tmp_path, tuple(entries), cells.CLASSES, Protocol.EXTERNAL, Provenance("drawn", 0))
    profile = learning.learn(drawn)
    assert profile is not None
    spec, views = PixelSpec(24, 24, crop="cell", size=150, reference=profile.reference), Views(4, (0.8, 1.25))
    mean: dict[str, Any] = {"views": views.to_json(), "label_from": "mean", "format": FORMAT}
    tiny.make_bundle(tmp_path / "mean", spec=spec, **mean)
    tiny.make_bundle(tmp_path / "upright", spec=spec)
    loaded = load(tmp_path / "mean", threads=1)
    found = predict(loaded, manifest, entries, batch=4)
    upright = predict(load(tmp_path / "upright", threads=1), manifest, entries, batch=4)
    others = np.concatenate([loaded.predictor(each).probabilities for each in
                             images.view_batches(manifest, entries, spec, views)])  # fmt: skip
    assert found == pytest.approx((upright + others.reshape(6, 5, 5).sum(1)) / 6, abs=1e-5)
    assert not np.allclose(found, upright, atol=1e-4)
    results = [evaluate(tmp_path / name, manifest, threads=1) for name in ("mean", "upright")]
    assert [each.views for each in results] == [6, 1]
    assert results[0].correct == int((found.argmax(1) == images.truth(manifest, entries, cells.CLASSES)).sum())


def test_run_folder_uses_torch(tmp_path: Path) -> None:
    """A run folder is evaluated by torch in f32 by default."""
    pytest.importorskip("torch")
    labeled.make_run(tmp_path / "run")
    found = evaluate(tmp_path / "run", labeled.make_manifest(tmp_path / "m", n=5), threads=1).to_json()
    assert (found["backend"], found["precision"], found["n"], found["model"]) == ("torch", "f32", 5, "run")


def test_model_may_know_more_classes(tmp_path: Path) -> None:
    """A manifest of fewer classes is scored over the model's; a class without images has no recall."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=4, classes=("basophil", "monocyte"))
    found = evaluate(tmp_path / "b", manifest, threads=1).to_json()
    assert found["per_class"]["basophil"]["n"] == 2
    assert found["per_class"]["neutrophil"]["recall"] is None
    assert len(found["confusion"]) == 5


def test_unknown_class_is_rejected(tmp_path: Path) -> None:
    """The error names a label that is not a class of the model, and its file."""
    tiny.make_bundle(tmp_path / "b")
    manifest = labeled.make_manifest(tmp_path / "m", n=3, classes=("neutrophil", "erythroblast"))
    with pytest.raises(UserError, match=r"001\.png: its label 'erythroblast' is not a class of the model"):
        evaluate(tmp_path / "b", manifest)


def test_empty_split_and_missing_model_are_rejected(tmp_path: Path) -> None:
    """An empty split and a missing model raise UserError."""
    manifest = labeled.make_manifest(tmp_path / "m", n=3)
    with pytest.raises(UserError, match="has no val images"):
        evaluate(tmp_path / "b", manifest, "val")
    with pytest.raises(UserError, match="no such bundle"):
        evaluate(tmp_path / "b", manifest)


def test_progress_sees_every_batch(tmp_path: Path) -> None:
    """The progress callback gets the number of batches and iterates over them."""
    tiny.make_bundle(tmp_path / "b")
    seen = []

    def watch(items, what, total):  # type: ignore[no-untyped-def]
        for item in items:
            seen.append((len(item), what, total))
            yield item

    evaluate(tmp_path / "b", labeled.make_manifest(tmp_path / "m", n=5), batch=2, threads=1, progress=watch)
    assert seen == [(2, "eval", 3), (2, "eval", 3), (1, "eval", 3)]


def test_reference_is_not_met_by_synthetic_cells(tmp_path: Path) -> None:
    """Synthetic images neither meet nor miss the reference."""
    real = labeled.make_manifest(tmp_path / "real", n=2, protocol=Protocol.POSTER)
    drawn = labeled.make_manifest(tmp_path / "drawn", n=2, source="synthetic")
    assert reference(0.99, real) == ReferenceComparison(accuracy=0.99, protocol="poster", met=True)
    assert reference(0.989, real).met is False
    assert reference(1.0, drawn).met is None
    assert reference(None, real).met is None


def test_gate() -> None:
    """An accuracy at the threshold passes; one below it, or none at all, does not."""
    require(0.99, 0.99, "grouped")
    require(None, None, None)
    with pytest.raises(GateError, match=r"99\.00 % is required, 98\.90 % was measured .protocol grouped."):
        require(0.989, 0.99, "grouped")
    with pytest.raises(GateError, match="none was measured .protocol none."):
        require(None, 0.5, None)


LAB_SIDE = """
import sys
from pathlib import Path
from edgewbc.data.manifest import Manifest
from edgewbc.evaluation.evaluate import evaluate
evaluate(Path("b"), Manifest.read(Path("m")), threads=1)
taken = "torch torchvision nncf onnx onnxruntime matplotlib scipy sklearn pydantic yaml".split()
print(*[name for name in taken if name in sys.modules])
"""


def test_bundle_needs_the_lab_side_only(tmp_path: Path) -> None:
    """Evaluating a bundle imports nothing of the training side."""
    tiny.make_bundle(tmp_path / "b")
    labeled.make_manifest(tmp_path / "m", n=3)
    ran = subprocess.run([sys.executable, "-c", LAB_SIDE], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
