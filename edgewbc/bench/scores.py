"""Typed accuracy of a row: scores, calibration, the most confident mistakes, and agreement with the f32 reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgewbc.evaluation.result import ReferenceComparison
from edgewbc.metrics import Interval, McNemar, Scores


@dataclass(frozen=True)
class ReliabilityBin:
    """A bin of confidence: number of images, their mean confidence and their accuracy (None for an empty bin)."""

    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Mistake:
    """An image with a wrong prediction.

    Attributes:
        index: of the image among the images of the benchmark.
        path: in the manifest.
        label, predicted: class names.
        probability, probability_of_label: of the predicted class and of the label.
    """

    index: int
    path: str
    label: str
    predicted: str
    probability: float
    probability_of_label: float


@dataclass(frozen=True)
class RowScores(Scores):
    """Accuracy of a row on at least one labeled image.

    Attributes:
        accuracy, interval: as in `Scores`, and always defined.
        reference: comparison with the poster's accuracy.
        reliability: bins of confidence, of equal width.
        ece: expected calibration error.
        worst: the most confident mistakes, most confident first.
        predictions: one character per image, its class index in base 36; None for more than 36 classes.
    """

    accuracy: float
    interval: Interval
    reference: ReferenceComparison
    reliability: tuple[ReliabilityBin, ...]
    ece: float
    worst: tuple[Mistake, ...]
    predictions: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the keys of a row in the JSON of `edgewbc bench`."""
        values = super().to_json()
        values["reference"] = self.reference.to_json()
        values["worst"] = [{("said" if k == "predicted" else k): v for k, v in one.items()} for one in values["worst"]]
        values["answers"] = values.pop("predictions")
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RowScores:
        """Read what `to_json` wrote; further keys are ignored."""
        worst = [{("predicted" if k == "said" else k): v for k, v in one.items()} for one in values["worst"]]
        return cls(
            **vars(Scores.from_json(values)),
            reference=ReferenceComparison.from_json(values["reference"]),
            reliability=tuple(ReliabilityBin(**one) for one in values["reliability"]),
            ece=values["ece"],
            worst=tuple(Mistake(**one) for one in worst),
            predictions=values["answers"],
        )


@dataclass(frozen=True)
class Agreement:
    """Comparison of a row's predictions with those of its f32 reference row.

    Attributes:
        agreement: share of images with the same predicted class.
        mcnemar: test of the two accuracies.
        parity: largest difference of a probability; None where the two have different classes.
        model, backend, precision: the reference row.
        same_model: whether the reference is the same network.
    """

    agreement: float
    mcnemar: McNemar
    parity: float | None
    model: str
    backend: str
    precision: str
    same_model: bool

    @property
    def reference(self) -> tuple[str, str, str]:
        """The key of the reference row."""
        return self.model, self.backend, self.precision

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        against = {name: values.pop(name) for name in ("model", "backend", "precision", "same_model")}
        return {**values, "against": against}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Agreement:
        return cls(values["agreement"], McNemar(**values["mcnemar"]), values["parity"], **values["against"])
