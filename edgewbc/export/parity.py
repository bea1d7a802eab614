"""Check the parity of backends: run the same network in each on the same images, and compare the probabilities.

In f32 the backends differ only by rounding; a difference above `LIMIT` in a probability is an error of the conversion
and fails the export. In int8 predictions do differ; the difference is measured on the validation images
and reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.errors import GateError
from edgewbc.metrics import McNemar, mcnemar
from edgewbc.runtime.predictor import Batch, Predictor
from edgewbc.utils.json_values import take

LIMIT = 1e-4
"""Largest difference in a probability that is allowed between two backends in f32."""

Probabilities = NDArray[np.float32]
"""Probabilities of n images, (n, K)."""


@dataclass(frozen=True)
class Difference:
    """The difference between two sets of predictions for the same images.

    Attributes:
        images: number of images.
        largest: largest absolute difference in a probability; NaN if any probability is NaN.
        image: number of the image with that difference, counted from 1.
        agreement: share of images with the same label.
    """

    images: int
    largest: float
    image: int
    agreement: float

    def to_json(self) -> dict[str, Any]:
        """Return the keys that bundles and `quantize.json` hold."""
        return {"images": self.images, "largest_difference": self.largest, "agreement": self.agreement}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Difference:
        """Read what `to_json` wrote; the number of the image is not kept, and is 0.

        The number of images was called `pictures` until 0.1.
        """
        count = values["images"] if "images" in values else values["pictures"]
        return cls(count, values["largest_difference"], 0, values["agreement"])


@dataclass(frozen=True)
class PairDifference:
    """The difference between two named predictors."""

    first: str
    second: str
    difference: Difference

    def to_json(self) -> dict[str, Any]:
        """Return `pair` and the keys of `Difference.to_json`."""
        return {"pair": [self.first, self.second], **self.difference.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PairDifference:
        """Read what `to_json` wrote."""
        first, second = values["pair"]
        return cls(first, second, Difference.from_json(values))


@dataclass(frozen=True)
class AccuracyDrop:
    """The loss of accuracy on labeled images by a conversion, such as from f32 to int8.

    Attributes:
        drop: accuracy lost, as a share of the images; negative if accuracy is gained.
        agreement: share of images with the same label before and after.
        largest_difference: largest absolute difference in a probability.
        mcnemar: test of whether the two models differ.
    """

    drop: float
    agreement: float
    largest_difference: float
    mcnemar: McNemar

    def to_json(self) -> dict[str, Any]:
        """Return the keys that bundles and `quantize.json` hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> AccuracyDrop:
        """Read what `to_json` wrote; further keys are ignored."""
        return take(cls, {**values, "mcnemar": take(McNemar, values["mcnemar"])})


def predict(predictors: Mapping[str, Predictor], batches: Iterable[Batch]) -> dict[str, Probabilities]:
    """Run every predictor on every batch, reading each batch once.

    Args:
        predictors: predictors by name.
        batches: at least one, each uint8 RGB (n, height, width, 3).

    Returns:
        Probabilities of all images, (N, K), by predictor name.
    """
    parts: dict[str, list[Probabilities]] = {name: [] for name in predictors}
    for batch in batches:
        for name, predictor in predictors.items():
            parts[name].append(predictor(batch).probabilities)
    return {name: np.concatenate(batches_of) for name, batches_of in parts.items()}


def compare(predictions: Mapping[str, Probabilities], limit: float = LIMIT) -> list[PairDifference]:
    """Compare the predictions of every pair of predictors.

    Args:
        predictions: probabilities by the predictor's name, for the same images in the same order.
        limit: largest difference in a probability that is allowed.

    Raises:
        GateError: a pair differs by more than `limit`, or a probability is NaN.
    """
    rows = []
    for first, second in combinations(predictions, 2):
        found = difference(predictions[first], predictions[second])
        if not found.largest <= limit:  # written so that NaN fails too
            raise GateError(
                f"parity: {first} and {second} differ by {found.largest:.2g} in a probability of the same image "
                f"(no. {found.image} of {found.images}), and at most {limit:g} is allowed: the conversion is wrong, "
                "nothing was written"
            )
        rows.append(PairDifference(first, second, found))
    return rows


def difference(first: Probabilities, second: Probabilities) -> Difference:
    """Return the difference between two sets of predictions for the same images."""
    gaps = np.abs(first.astype(np.float64) - second).max(1)
    worst = int(gaps.argmax())  # the first NaN, if there is one
    agreement = float((first.argmax(1) == second.argmax(1)).mean())
    return Difference(len(gaps), float(gaps[worst]), worst + 1, agreement)


def accuracy_drop(truth: NDArray[np.int64], before: Probabilities, after: Probabilities) -> AccuracyDrop:
    """Return the accuracy lost on labeled images from one model (f32) to another (int8).

    Args:
        truth: class index of each image, (n,).
        before, after: probabilities of the two models, (n, K).
    """
    found = difference(before, after)
    right = [probabilities.argmax(1) == truth for probabilities in (before, after)]
    lost = (int(right[0].sum()) - int(right[1].sum())) / len(truth)
    return AccuracyDrop(lost, found.agreement, found.largest, mcnemar(*right))
