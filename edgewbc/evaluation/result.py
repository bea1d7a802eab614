"""The typed result of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class EvalResult:
    """Accuracy of a model on a split, with what identifies the model and the images.

    Attributes:
        protocol, split, source, manifest_sha256: see `data.manifest.SplitFacts`.
        model: name of the bundle or run.
        model_sha256: identifies the files that ran.
        precision: precision that actually ran.
        backend: runtime.
        n, correct: number of images, and of those with the right label.
        accuracy, balanced_accuracy, macro_f1: see `metrics.score`; None where undefined.
        interval: Wilson 95 % interval of the accuracy; None where undefined.
        per_class: n, recall, precision, f1 and recall_interval by class name.
        confusion: counts; rows are the true classes, columns the predicted ones.
        classes: names, in the order of `confusion`.
        brier, log_loss, calibration_error: see `metrics.probability_scores`.
        reference: the accuracy to compare with, and whether it is met (see `evaluate.reference`).
    """

    protocol: str
    split: str
    source: str | None
    manifest_sha256: str
    model: str
    model_sha256: str
    precision: str
    backend: str
    n: int
    correct: int
    accuracy: float | None
    interval: list[float] | None
    balanced_accuracy: float | None
    macro_f1: float | None
    per_class: dict[str, dict[str, Any]]
    confusion: list[list[int]]
    classes: list[str]
    brier: float | None
    log_loss: float | None
    reference: dict[str, Any]
    calibration_error: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values by attribute name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EvalResult:
        """Read what `to_json` wrote; further keys are ignored, and missing scores are None.

        Raises:
            KeyError: a key is missing.
        """
        optional = dict.fromkeys(("macro_f1", "brier", "log_loss", "calibration_error"))  # absent in older results
        return cls(**{field.name: {**optional, **values}[field.name] for field in fields(cls)})
