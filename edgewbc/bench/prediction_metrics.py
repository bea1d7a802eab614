"""Metrics of a row's predictions: scores, calibration, worst mistakes, agreement with the f32 reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edgewbc.bench.rounds import tidy
from edgewbc.bench.row import BenchRow, FailedRow, MeasuredRow
from edgewbc.bench.scores import Agreement, Mistake, ReliabilityBin, RowScores
from edgewbc.cells import REFERENCE
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.evaluation.evaluate import reference
from edgewbc.metrics import mcnemar, score

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""Class indices are written in base 36: the predictions of a row are a string of one character per image."""

BINS = 10
WORST = 24
"""Number of mistakes listed in a result."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of a row on labeled images.

    Attributes:
        probabilities: float32 (n, K).
        truth: class indices of the labels, int64 (n,).
        classes: names of the K classes, in the order of the model's outputs.
    """

    probabilities: NDArray[np.float32]
    truth: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        """Predicted class indices, int64 (n,)."""
        return np.asarray(self.probabilities.argmax(1), dtype=np.int64)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each prediction is the label, bool (n,)."""
        return np.asarray(self.labels == self.truth)


def scores(predictions: Predictions, manifest: Manifest, entries: Sequence[Entry]) -> RowScores:
    """Score the predictions on the entries of a manifest, in the same order."""
    found = score(predictions.truth, predictions.labels, predictions.classes)
    bins, error = reliability(predictions)
    return RowScores(
        **vars(found),
        reference=replace(reference(found.accuracy, manifest), stated_under=REFERENCE.protocol),
        reliability=bins,
        ece=error,
        worst=worst(predictions, entries),
        predictions=encode_classes(predictions.labels, len(predictions.classes)),
    )


def encode_classes(labels: NDArray[np.int64], classes: int) -> str | None:
    """Write class indices as one character per image; None for more than 36 classes."""
    return "".join(DIGITS[index] for index in labels.tolist()) if classes <= len(DIGITS) else None


def decode_classes(encoded: str, classes: Sequence[str]) -> list[str]:
    """Read the class names of what `encode_classes` wrote."""
    return [classes[int(character, 36)] for character in encoded]


def reliability(predictions: Predictions) -> tuple[tuple[ReliabilityBin, ...], float]:
    """Return bins of confidence (largest probability) and the expected calibration error.

    The bins have equal width. The error is the mean absolute difference of confidence and accuracy, weighted by the
    images of a bin (Guo et al. 2017, "On calibration of modern neural networks", ICML).
    """
    confidence = predictions.probabilities.max(1)
    which = np.minimum((confidence * np.float32(BINS)).astype(int), BINS - 1)  # in float32, 0.9 is in the last bin
    bins = []
    error = 0.0
    for index in range(BINS):
        inside = which == index
        n = int(inside.sum())
        if not n:
            bins.append(ReliabilityBin(0, None, None))
            continue
        mean, accuracy = float(confidence[inside].mean()), float(predictions.correct[inside].mean())
        bins.append(ReliabilityBin(n, mean, accuracy))
        error += n / len(confidence) * abs(mean - accuracy)
    return tuple(bins), tidy(error, 4)


def worst(predictions: Predictions, entries: Sequence[Entry]) -> tuple[Mistake, ...]:
    """Return the most confident mistakes, at most `WORST`, most confident first."""
    wrong = np.flatnonzero(~predictions.correct)
    confidence = predictions.probabilities.max(1)
    return tuple(
        Mistake(
            index=index,
            path=entries[index].path,
            label=predictions.classes[predictions.truth[index]],
            predicted=predictions.classes[predictions.labels[index]],
            probability=tidy(float(confidence[index])),
            probability_of_label=tidy(float(predictions.probabilities[index, predictions.truth[index]])),
        )
        for index in wrong[np.argsort(-confidence[wrong], kind="stable")][:WORST].tolist()
    )


def agreement(predictions: Predictions, reference: Predictions, row: BenchRow, *, same_model: bool) -> Agreement:
    """Compare predictions with those of a reference row on the same images.

    Args:
        predictions: of the row.
        reference: of the reference row.
        row: the reference row.
        same_model: whether both rows run the same network.
    """
    names, others = np.array(predictions.classes), np.array(reference.classes)
    parity = None
    if sorted(predictions.classes) == sorted(reference.classes):
        order = [reference.classes.index(name) for name in predictions.classes]
        parity = tidy(float(np.abs(predictions.probabilities - reference.probabilities[:, order]).max()))
    return Agreement(
        agreement=float((names[predictions.labels] == others[reference.labels]).mean()),
        mcnemar=mcnemar(predictions.correct, reference.correct),
        parity=parity,
        model=row.model,
        backend=row.backend,
        precision=row.precision,
        same_model=same_model,
    )


def reference_of(index: int, rows: Sequence[MeasuredRow | FailedRow], models: Sequence[int]) -> int | None:
    """Return the index of a row's f32 reference row; None if there is none.

    It is the f32 row of the same network (OpenVINO's, else the first), else that of the network with most
    multiply-adds.

    Args:
        index: of the row.
        rows: of the benchmark, in order.
        models: the model index of each row.
    """
    able = [
        i
        for i, row in enumerate(rows)
        if isinstance(row, MeasuredRow) and row.precision == "f32" and row.scores is not None
    ]
    own = [i for i in able if models[i] == models[index]]
    if own:
        return min(own, key=lambda i: rows[i].backend != "openvino")
    return max(able, key=lambda i: (rows[i].backend == "openvino", rows[i].gmac or 0), default=None)
