"""The result of the poster study, as its table and figure need it: `study.run` writes the JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edgewbc.metrics import Interval
from edgewbc.utils.json_values import pair, take


@dataclass(frozen=True)
class ClassTest:
    """The test images of one class.

    Attributes:
        recall: share of them that are classified correctly.
        originals: number of original images they were made from.
        clustered_interval: 95 % interval of the recall that counts originals; None for a single one.
    """

    recall: float
    originals: int
    clustered_interval: Interval | None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ClassTest:
        return take(cls, {**values, "clustered_interval": pair(values["clustered_interval"])})


@dataclass(frozen=True)
class PosterTest:
    """A network on the test split.

    Attributes:
        n: number of images.
        originals: number of original images they were made from.
        seen_in_train: number of images whose original is in the training split.
        accuracy: share of correct predictions.
        clustered_interval: 95 % interval of the accuracy that counts originals; None for a single one.
        per_class: by class, in the order of the classes.
    """

    n: int
    originals: int
    seen_in_train: int
    accuracy: float
    clustered_interval: Interval | None
    per_class: dict[str, ClassTest]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PosterTest:
        classes = {name: ClassTest.from_json(values["per_class"][name]) for name in values["classes"]}
        return take(cls, {**values, "clustered_interval": pair(values["clustered_interval"]), "per_class": classes})


@dataclass(frozen=True)
class PosterPart:
    """A training and its test.

    Attributes:
        trained_parameters: number of weights that were trained.
        input: height and width in pixels.
        minutes: duration of the training.
        test: by precision; int8 only where a bundle was made.
    """

    trained_parameters: int
    input: tuple[int, int]
    minutes: float
    test: dict[str, PosterTest]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PosterPart:
        height, width = values["input"]
        test = {precision: PosterTest.from_json(one) for precision, one in values["test"].items()}
        return take(cls, {**values, "input": (height, width), "test": test})


@dataclass(frozen=True)
class PosterResult:
    """The parts that are finished.

    Attributes:
        total: number of images in the augmented set.
        parts: by key, `<row>-<protocol>-s<seed>`.
    """

    total: int
    parts: dict[str, PosterPart]

    def part(self, row: str, protocol: str, seed: int = 0) -> PosterPart | None:
        """Return a row under a protocol; None if that part is not finished."""
        return self.parts.get(f"{row}-{protocol}-s{seed}")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PosterResult:
        """Read what `study.run` wrote; further keys are ignored.

        Raises:
            KeyError, TypeError, AttributeError: it is not such a result.
        """
        parts = {key: PosterPart.from_json(one) for key, one in values["parts"].items()}
        return cls(values["set"]["total"], parts)
