"""What a row's answers are worth: the score, how sure it was, its worst mistakes, and whether it says what the f32
reference says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.bench.worker import tidy
from edgewbc.cells import REFERENCE
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.evaluation.evaluate import reference
from edgewbc.metrics import mcnemar, score

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
"""A class index is written as one of these: the answers of a row are a string, a letter a picture."""

BINS = 10
WORST = 24
"""Mistakes that are listed."""


@dataclass(frozen=True)
class Said:
    """What a row answered.

    Attributes:
        probabilities: float32 (n, K).
        truth: class indices, int64 (n,).
        classes: names of the K classes, in the row's order.
    """

    probabilities: NDArray[np.float32]
    truth: NDArray[np.int64]
    classes: tuple[str, ...]

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.asarray(self.probabilities.argmax(1), dtype=np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.labels == self.truth)


def judge(said: Said, manifest: Manifest, entries: Sequence[Entry]) -> dict[str, Any]:
    """All of `metrics.score`, and reference (is the poster's figure met), reliability, ece, worst and answers.

    `worst` are the mistakes of which the row was surest: index of the picture in the split as it was answered, path,
    label, said, and the probabilities of both. `answers` is a class index a picture (see `DIGITS`), None for more than
    36 classes.
    """
    scored = score(said.truth, said.labels, said.classes)
    return {
        **scored,
        "reference": reference(scored["accuracy"], manifest) | {"stated_under": REFERENCE.protocol},
        **reliability(said),
        "worst": worst(said, entries),
        "answers": coded(said.labels, len(said.classes)),
    }


def coded(labels: NDArray[np.int64], classes: int) -> str | None:
    """Class indices as a string."""
    return "".join(DIGITS[index] for index in labels.tolist()) if classes <= len(DIGITS) else None


def reliability(said: Said) -> dict[str, Any]:
    """Confidence (largest probability) against accuracy in ten bins of equal width, and `ece`, the expected calibration
    error: their mean difference, weighted by the pictures of a bin (Guo et al. 2017, "On calibration of modern neural
    networks", ICML)."""
    sure = said.probabilities.max(1)
    which = np.minimum((sure * np.float32(BINS)).astype(int), BINS - 1)  # in float32: 0.9 belongs to the last bin
    bins = []
    error = 0.0
    for index in range(BINS):
        inside = which == index
        n = int(inside.sum())
        confidence = float(sure[inside].mean()) if n else None
        share = float(said.right[inside].mean()) if n else None
        bins.append({"n": n, "confidence": confidence, "accuracy": share})
        if confidence is not None and share is not None:
            error += n / len(sure) * abs(confidence - share)
    return {"reliability": bins, "ece": tidy(error, 4)}


def worst(said: Said, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """The mistakes of which the row was surest, at most `WORST`, surest first."""
    wrong = np.flatnonzero(~said.right)
    sure = said.probabilities.max(1)
    found = []
    for index in wrong[np.argsort(-sure[wrong], kind="stable")][:WORST].tolist():
        found.append(
            {
                "index": index,
                "path": entries[index].path,
                "label": said.classes[said.truth[index]],
                "said": said.classes[said.labels[index]],
                "probability": tidy(float(sure[index])),
                "probability_of_label": tidy(float(said.probabilities[index, said.truth[index]])),
            }
        )
    return found


def agree(said: Said, other: Said) -> dict[str, Any]:
    """A row's answers beside the reference's, on the same pictures.

    Returns:
        agreement (share of equal labels), mcnemar (b: pictures that only this row has right, c: only the reference, p)
        and parity (largest difference of a probability; None where the two have other classes).
    """
    names, others = np.array(said.classes), np.array(other.classes)
    same = sorted(said.classes) == sorted(other.classes)
    order = [other.classes.index(name) for name in said.classes] if same else []
    return {
        "agreement": float((names[said.labels] == others[other.labels]).mean()),
        "mcnemar": mcnemar(said.right, other.right),
        "parity": tidy(float(np.abs(said.probabilities - other.probabilities[:, order]).max())) if same else None,
    }


def reference_of(index: int, rows: Sequence[dict[str, Any]], models: Sequence[int]) -> int | None:
    """The f32 reference of a row: its own network's in f32 (OpenVINO's, else the first), else that of the network with
    most multiply-adds of those that were asked.

    Args:
        index: of the row.
        rows: of the bench, in order.
        models: each row's model.
    """

    def able(row: dict[str, Any]) -> bool:
        return row["precision"] == "f32" and row["accuracy"] is not None

    own = [i for i, row in enumerate(rows) if models[i] == models[index] and able(row)]
    if own:
        return min(own, key=lambda i: rows[i]["backend"] != "openvino")
    others = [i for i, row in enumerate(rows) if able(row)]
    return max(others, key=lambda i: (rows[i]["backend"] == "openvino", rows[i]["gmac"] or 0), default=None)
