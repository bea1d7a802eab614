"""Typed accuracy of a row: scores, calibration, the most confident mistakes, and agreement with the f32 reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


def _pair(values: Any) -> tuple[float, float] | None:
    return None if values is None else (values[0], values[1])


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class; None where there are no images to compute them from. The interval is Wilson's, 95 %."""

    n: int
    recall: float | None
    precision: float | None
    f1: float | None
    recall_interval: tuple[float, float] | None


@dataclass(frozen=True)
class Reference:
    """Comparison with the reference accuracy of the published poster.

    Attributes:
        accuracy: the reference, 0..1.
        protocol: the protocol under which the row was scored.
        met: whether the row reaches the reference; None for synthetic images.
        stated_under: the protocol under which the reference was published.
    """

    accuracy: float
    protocol: str | None
    met: bool | None
    stated_under: str | None = None


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
class Scores:
    """Accuracy of a row on labeled images.

    Attributes:
        accuracy, correct, n: share and number of correct predictions, of n.
        interval: Wilson's 95 % interval of the accuracy.
        balanced_accuracy, macro_f1: None where undefined.
        per_class: by class name.
        confusion: counts by true class, then by predicted class.
        classes: class names in the order of the model's outputs.
        reference: comparison with the poster's accuracy.
        reliability: bins of confidence, of equal width.
        ece: expected calibration error.
        worst: the most confident mistakes, most confident first.
        predictions: one character per image, its class index in base 36; None for more than 36 classes.
    """

    accuracy: float
    interval: tuple[float, float]
    n: int
    correct: int
    balanced_accuracy: float | None
    macro_f1: float | None
    per_class: dict[str, ClassScore]
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[str, ...]
    reference: Reference
    reliability: tuple[ReliabilityBin, ...]
    ece: float
    worst: tuple[Mistake, ...]
    predictions: str | None

    def to_json(self) -> dict[str, Any]:
        values = asdict(self)
        values["interval"] = list(self.interval)
        for one in values["per_class"].values():
            one["recall_interval"] = None if one["recall_interval"] is None else list(one["recall_interval"])
        values["confusion"] = [list(line) for line in self.confusion]
        values["classes"] = list(self.classes)
        values["reliability"] = list(values["reliability"])
        values["worst"] = [{("said" if k == "predicted" else k): v for k, v in one.items()} for one in values["worst"]]
        values["answers"] = values.pop("predictions")
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scores:
        worst = [{("predicted" if k == "said" else k): v for k, v in one.items()} for one in values["worst"]]
        return cls(
            accuracy=values["accuracy"],
            interval=(values["interval"][0], values["interval"][1]),
            n=values["n"],
            correct=values["correct"],
            balanced_accuracy=values["balanced_accuracy"],
            macro_f1=values["macro_f1"],
            per_class={
                name: ClassScore(**{**one, "recall_interval": _pair(one["recall_interval"])})
                for name, one in values["per_class"].items()
            },
            confusion=tuple(tuple(line) for line in values["confusion"]),
            classes=tuple(values["classes"]),
            reference=Reference(**values["reference"]),
            reliability=tuple(ReliabilityBin(**one) for one in values["reliability"]),
            ece=values["ece"],
            worst=tuple(Mistake(**one) for one in worst),
            predictions=values["answers"],
        )


@dataclass(frozen=True)
class McNemar:
    """McNemar's exact test: images that only this row gets right (b), only the other (c), and p."""

    b: int
    c: int
    p: float


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
