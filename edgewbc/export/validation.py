"""Accuracy of saved model files on the validation pictures, as rows that say of what, on what and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.data import images
from edgewbc.data.manifest import Manifest, facts
from edgewbc.export import parity
from edgewbc.metrics import score
from edgewbc.nets.spec import ModelSpec
from edgewbc.runtime.onnxruntime_engine import ONNXRuntimePredictor
from edgewbc.runtime.openvino_engine import OpenVINOPredictor
from edgewbc.runtime.predictor import Predictor
from edgewbc.utils.files import sha256
from edgewbc.utils.progress import Progress, quiet

SPLIT = "val"
"""What is measured here steers nothing but the int8 conversion; `test` is for reporting, by `edgewbc eval`."""

BATCH = 32


@dataclass(frozen=True)
class ModelFile:
    """A model on disk: the .onnx, or the .xml of an IR with its .bin beside it."""

    precision: str
    path: Path

    @property
    def backend(self) -> str:
        return "onnx" if self.path.suffix == ".onnx" else "openvino"

    @property
    def name(self) -> str:
        return f"{self.backend} {self.precision}"

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.path,) if self.backend == "onnx" else (self.path, self.path.with_suffix(".bin"))

    @property
    def sha256(self) -> str:
        """Of the ONNX file, or of the .xml and .bin one after the other (as `Bundle.model_sha256`)."""
        return sha256(*self.paths)

    def open(self) -> Predictor:
        """Read the model back from disk, ready to run. Raises UserError if it cannot be run."""
        if self.backend == "onnx":
            return ONNXRuntimePredictor(self.path, precision=self.precision)
        xml, weights = self.paths
        return OpenVINOPredictor(xml.read_bytes(), weights.read_bytes(), precision=self.precision, name=str(self.path))


@dataclass(frozen=True)
class Evidence:
    """What files answered to the validation pictures.

    Attributes:
        rows: one a file: precision, backend, sha256, protocol, split, source, manifest_sha256, n, correct, accuracy,
            interval, balanced_accuracy, per_class.
        answers: probabilities (n, K) by the name of the file.
        truth: class index of each picture, (n,).
    """

    rows: list[dict[str, Any]]
    answers: dict[str, parity.Probabilities]
    truth: NDArray[np.int64]


def collect(
    files: Sequence[ModelFile], manifest: Manifest, spec: ModelSpec, progress: Progress = quiet, **more: Predictor
) -> Evidence:
    """Let every file, as it lies on disk, answer every validation picture.

    Args:
        more: models that are asked the same besides, such as torch; they are among the answers, and have no row.

    Raises:
        UserError: there are no validation pictures, one changed, or a label is not a class of the model.
    """
    entries = manifest.split(SPLIT)
    truth = images.truth(manifest, entries, spec.classes)
    models = {file.name: file.open() for file in files} | more
    batches = images.batches(manifest, entries, spec.pixels, BATCH)
    answers = parity.ask(models, progress(batches, "validation", -(-len(entries) // BATCH)))
    rows = []
    for file in files:
        scored = score(truth, answers[file.name].argmax(1), spec.classes)
        row = {
            "precision": file.precision,
            "backend": file.backend,
            "sha256": file.sha256,
            **facts(manifest, SPLIT).to_json(),
        }
        for key in ("n", "correct", "accuracy", "interval", "balanced_accuracy", "per_class"):
            row[key] = scored[key]
        rows.append(row)
    return Evidence(rows, answers, truth)


def review_below(
    probabilities: parity.Probabilities,
    truth: NDArray[np.int64],
    *,
    wrong: float = 0.001,
    most: float = 0.05,
    least: float = 0.5,
) -> float:
    """The probability below which a person should look at the cell.

    The smallest threshold, `least` at the smallest, at which no more than `wrong` of the accepted validation pictures
    are wrong; but never so high that more than `most` of them are to be looked at, as a lab would then ignore it. How
    many errors are left above it is counted by `accepted`. On another lab's pictures neither figure carries over.

    Args:
        probabilities: of the validation pictures, (n, K).
        truth: class indices, (n,).
        wrong: share of the accepted pictures that may be wrong.
        most: share of all pictures that may be sent to a person.
        least: the lowest threshold.
    """
    sure = probabilities.max(1).astype(np.float64)
    errors = probabilities.argmax(1) != truth
    highest = max(least, float(np.sort(sure)[min(int(most * len(sure)), len(sure) - 1)]))
    for threshold in [least, *sorted({float(p) for p in sure if least < p < highest})]:
        kept = sure >= threshold
        if errors[kept].sum() <= wrong * kept.sum():
            return threshold
    return highest


def accepted(probabilities: parity.Probabilities, truth: NDArray[np.int64], threshold: float) -> dict[str, int]:
    """How many of the validation pictures are at or above a threshold, and how many of those are wrong."""
    kept = probabilities.max(1).astype(np.float64) >= threshold
    errors = probabilities.argmax(1) != truth
    return {"n": len(truth), "accepted": int(kept.sum()), "wrong": int((errors & kept).sum())}
