"""Measure saved model files on the validation images: accuracy and its provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bundle.manifest import BundleManifest
from edgewbc.data import images
from edgewbc.data.manifest import Entry, Manifest, SplitFacts, facts
from edgewbc.decision.views import mean_of_views
from edgewbc.export import parity
from edgewbc.metrics import ClassScore, Interval, score
from edgewbc.nets.spec import ModelSpec
from edgewbc.pixels import PixelSpec
from edgewbc.probability_metrics import probability_scores
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Predictor
from edgewbc.smear.views import Views
from edgewbc.utils.files import sha256
from edgewbc.utils.json_values import pair, take, values_of
from edgewbc.utils.progress import Progress, quiet

SPLIT = "val"
"""The split that is measured. It may be used to tune the int8 conversion; `edgewbc eval` reports on `test`."""

BATCH = 32

_BACKENDS = {".xml": "openvino", ".onnx": "onnx"}


@dataclass(frozen=True)
class ModelFile:
    """A model on disk.

    Attributes:
        precision: int8 or f32.
        path: the .onnx file, or the .xml of an IR whose .bin is next to it.
    """

    precision: str
    path: Path

    @property
    def backend(self) -> str:
        """The runtime that the file is for: onnx or openvino."""
        return _BACKENDS[self.path.suffix]

    @property
    def name(self) -> str:
        """Backend and precision: `openvino int8`."""
        return f"{self.backend} {self.precision}"

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files of the model: (onnx,) or (xml, bin)."""
        return (self.path,) if self.backend == "onnx" else (self.path, self.path.with_suffix(".bin"))

    @property
    def sha256(self) -> str:
        """Hash of the ONNX file, or of the .xml followed by the .bin, as `Bundle.model_sha256` computes it."""
        return sha256(*self.paths)

    def open(self) -> Predictor:
        """Read the model back from disk, ready to run. Raises UserError if it cannot be run."""
        if self.backend == "onnx":
            return ONNXRuntimePredictor(self.path, precision=self.precision)
        xml, weights = self.paths
        return OpenVINOPredictor(xml.read_bytes(), weights.read_bytes(), precision=self.precision, name=str(self.path))


@dataclass(frozen=True)
class EvidenceRow:
    """The accuracy of one file, with its hash and the data that it was measured on.

    Attributes:
        precision, backend, sha256: precision, backend and hash of the file.
        data: protocol, split, source and hash of the manifest.
        n, correct: number of images, and of those classified correctly.
        accuracy: `correct / n`.
        interval: Wilson 95 % interval of the accuracy.
        balanced_accuracy: mean recall over the classes that have images.
        per_class: scores by class name.
        calibration_error: see `probability_metrics.calibration_error`.
    """

    precision: str
    backend: str
    sha256: str
    data: SplitFacts
    n: int
    correct: int
    accuracy: float | None
    interval: Interval | None
    balanced_accuracy: float | None
    per_class: Mapping[str, ClassScore]
    calibration_error: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the keys that a bundle's `evidence` and `quantize.json` hold."""
        values = values_of(self)
        data: dict[str, Any] = values.pop("data")
        return {key: values.pop(key) for key in ("precision", "backend", "sha256")} | data | values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EvidenceRow:
        """Read what `to_json` wrote."""
        parts = {
            "data": SplitFacts.from_json(values),
            "interval": pair(values["interval"]),
            "per_class": {name: ClassScore.from_json(one) for name, one in values["per_class"].items()},
        }
        return take(cls, {**values, **parts})


def evidence_of(manifest: BundleManifest) -> list[EvidenceRow]:
    """Return the accuracy of each file of a bundle, as its manifest states it."""
    return [EvidenceRow.from_json(row) for row in manifest.to_json()["evidence"]]


@dataclass(frozen=True)
class ValidationResult:
    """The predictions of several models for the validation images.

    Attributes:
        rows: accuracy of each file.
        probabilities: probabilities, (n, K), by the name of the file or predictor.
        truth: class index of each image, (n,).
    """

    rows: tuple[EvidenceRow, ...]
    probabilities: Mapping[str, parity.Probabilities]
    truth: NDArray[np.int64]


def validate(
    files: Sequence[ModelFile],
    manifest: Manifest,
    spec: ModelSpec,
    progress: Progress = quiet,
    averaged: Views | None = None,
    **others: Predictor,
) -> ValidationResult:
    """Run every saved file on every validation image.

    Args:
        files: the models to measure.
        manifest: labeled images.
        spec: the network; its classes give the order of the labels.
        progress: reports progress.
        averaged: further views of a cell, where the label is that of the mean over all views, as in bundles; None where
            it is that of the upright view, as for networks.
        others: further predictors to run, such as torch; the result has their probabilities, but no row.

    Raises:
        UserError: there are no validation images, one has changed, or a label is not a class of the model.
    """
    entries = manifest.split(SPLIT)
    truth = images.truth(manifest, entries, spec.classes)
    predictors = {file.name: file.open() for file in files} | others
    found = predict(predictors, manifest, entries, spec.pixels, averaged, progress)
    data = facts(manifest, SPLIT)
    rows = [
        evidence((file.precision, file.backend, file.sha256), data, truth, found[file.name], spec.classes)
        for file in files
    ]
    return ValidationResult(tuple(rows), found, truth)


def predict(
    predictors: Mapping[str, Predictor],
    manifest: Manifest,
    entries: Sequence[Entry],
    pixels: PixelSpec,
    averaged: Views | None = None,
    progress: Progress = quiet,
) -> dict[str, parity.Probabilities]:
    """Return the probabilities that labels are taken from, (n, K), by the name of the predictor.

    Args:
        predictors: predictors by name.
        manifest, entries: n images.
        pixels: crop and input size of the network.
        averaged: see `validate`.
        progress: reports progress.

    Raises:
        UserError: an image is missing or has changed.
    """
    batches = images.batches(manifest, entries, pixels, BATCH)
    found = parity.predict(predictors, progress(batches, "validation", -(-len(entries) // BATCH)))
    if averaged is None:
        return found
    count = -(-len(entries) * (len(averaged) - 1) // BATCH)
    batches = images.view_batches(manifest, entries, pixels, averaged, BATCH)
    others = parity.predict(predictors, progress(batches, "validation: other views", count))
    return {name: mean_of_views(upright, others[name]) for name, upright in found.items()}


def evidence(
    file: tuple[str, str, str],
    data: SplitFacts,
    truth: NDArray[np.int64],
    probabilities: parity.Probabilities,
    classes: Sequence[str],
) -> EvidenceRow:
    """Return the accuracy of a file from its predictions.

    Args:
        file: precision, backend and SHA-256 of the file.
        data: the images.
        truth: class indices, (n,).
        probabilities: of the images, (n, K).
        classes: names of the K classes.
    """
    scores = score(truth, probabilities.argmax(1), classes)
    return EvidenceRow(
        *file,
        data=data,
        n=scores.n,
        correct=scores.correct,
        accuracy=scores.accuracy,
        interval=scores.interval,
        balanced_accuracy=scores.balanced_accuracy,
        per_class=scores.per_class,
        calibration_error=probability_scores(truth, probabilities).calibration_error,
    )
