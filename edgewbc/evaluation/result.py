"""The typed result of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgewbc.metrics import Scores
from edgewbc.utils.json_values import take

IDENTITY = ("protocol", "split", "source", "manifest_sha256", "model", "model_sha256", "precision", "backend")
"""Attributes that identify the model and the images."""


@dataclass(frozen=True)
class ReferenceComparison:
    """Comparison with the reference accuracy of the published poster.

    Attributes:
        accuracy: the reference, 0..1.
        protocol: the protocol of the images that were scored.
        met: whether the accuracy reaches the reference; None for synthetic images.
        stated_under: the protocol under which the reference was published; None where a result does not repeat it.
    """

    accuracy: float
    protocol: str | None
    met: bool | None
    stated_under: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values by attribute name, without `stated_under` if it is None."""
        return {name: value for name, value in asdict(self).items() if name != "stated_under" or value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ReferenceComparison:
        """Read what `to_json` wrote; further keys are ignored."""
        return take(cls, values)


@dataclass(frozen=True, kw_only=True)
class EvalResult(Scores):
    """Accuracy of a model on a split, with what identifies the model and the images.

    Attributes:
        protocol, split, source, manifest_sha256: see `data.manifest.SplitFacts`.
        model: name of the bundle or run.
        model_sha256: identifies the files that ran.
        precision: precision that actually ran.
        backend: runtime.
        brier, log_loss, calibration_error: see `probability_metrics.ProbabilityScores`.
        reference: the accuracy to compare with, and whether it is met.
        views: number of views of a cell whose mean the label is that of; 1 for the upright view alone.
    """

    protocol: str
    split: str
    source: str | None
    manifest_sha256: str
    model: str
    model_sha256: str
    precision: str
    backend: str
    brier: float | None
    log_loss: float | None
    calibration_error: float | None
    reference: ReferenceComparison
    views: int = 1

    def to_json(self) -> dict[str, Any]:
        """Return JSON values by attribute name: first what identifies the model and the images, then the scores."""
        scores = super().to_json()
        own = {name: scores.pop(name) for name in (*IDENTITY, "views")}
        return own | scores | {"reference": self.reference.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> EvalResult:
        """Read what `to_json` wrote; further keys are ignored, and scores that older results lack are None.

        Raises:
            KeyError: a key is missing.
        """
        return cls(
            **vars(Scores.from_json(values)),
            **{name: values[name] for name in IDENTITY},
            brier=values.get("brier"),
            log_loss=values.get("log_loss"),
            calibration_error=values.get("calibration_error"),
            reference=ReferenceComparison.from_json(values["reference"]),
            views=values.get("views", 1),
        )
