"""The review threshold of a bundle without a guarantee: the lowest that keeps errors rare among what is accepted.

`decision.risk` chooses one with a guarantee.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.views import surest


@dataclass(frozen=True)
class ReviewCount:
    """The effect of a review threshold on the validation images.

    Attributes:
        n: number of images.
        accepted: number of images at or above the threshold.
        wrong: number of accepted images that are misclassified.
    """

    n: int
    accepted: int
    wrong: int

    def to_json(self) -> dict[str, int]:
        """Return the keys that a bundle's `review` holds."""
        return asdict(self)


def choose(
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
    sure: NDArray[np.floating] | None = None,
    *,
    max_wrong: float = 0.001,
    max_review: float = 0.05,
    lowest: float = 0.5,
) -> float:
    """Choose the probability below which a person should look at a cell.

    This is the smallest threshold, not below `lowest`, at which at most `max_wrong` of the accepted validation images
    are misclassified. It is capped so that at most `max_review` of all images need review, since a lab would ignore
    more. `count_accepted` counts the errors that remain above it. Both shares are those of the validation images, and
    can differ on images of another lab.

    Args:
        probabilities: probabilities of the validation images, (n, K).
        truth: class indices, (n,).
        sure: what the threshold is compared with, (n,); None takes each image's highest probability.
        max_wrong: share of the accepted images that may be misclassified.
        max_review: share of all images that may be sent to a person.
        lowest: smallest threshold to return.
    """
    confidence = surest(probabilities, sure)
    errors = probabilities.argmax(1) != truth
    limit = max(lowest, float(np.sort(confidence)[min(int(max_review * len(confidence)), len(confidence) - 1)]))
    for threshold in [lowest, *sorted({float(p) for p in confidence if lowest < p < limit})]:
        accepted = confidence >= threshold
        if errors[accepted].sum() <= max_wrong * accepted.sum():
            return threshold
    return limit


def count_accepted(
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
    threshold: float,
    sure: NDArray[np.floating] | None = None,
) -> ReviewCount:
    """Count the validation images at or above a threshold, and those misclassified; the arguments are `choose`'s."""
    accepted = surest(probabilities, sure) >= threshold
    errors = probabilities.argmax(1) != truth
    return ReviewCount(len(truth), int(accepted.sum()), int((errors & accepted).sum()))
