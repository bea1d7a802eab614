"""Whether an adapted head is better than the old one, by cells that were held out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc import metrics
from edgewbc.decision.adapt import CrossValidation
from edgewbc.decision.head import Head
from edgewbc.decision.views import LabelFrom
from edgewbc.metrics import McNemar, Scores
from edgewbc.probability_metrics import probability_scores

MIN_AGREEMENT = 0.2
"""Least agreement beyond chance (Cohen's kappa) of labels with the adapted head: below it is slight (Landis and Koch
1977, Biometrics 33:159-174), as where labels were exchanged."""


@dataclass(frozen=True)
class HeadComparison:
    """The old and the adapted head on the same cells; each was held out of the head that it is measured with.

    Attributes:
        before: scores of the old head.
        after: scores of the adapted head, by cross-validation.
        mcnemar: `b` cells that only the old head gets right, `c` that only the adapted one does.
        loss_before, loss_after: mean log loss.
        cells: number of cells that could not be held out, because their class has one image.
    """

    before: Scores
    after: Scores
    mcnemar: McNemar
    loss_before: float
    loss_after: float
    cells: int

    @property
    def agreement(self) -> float:
        """Agreement of the labels with the adapted head beyond chance: Cohen's kappa."""
        return metrics.kappa(self.after.confusion)

    @property
    def gains(self) -> bool:
        """Whether the adapted head is better: by the cells that only one of the two gets right, or by the log loss.

        Of a few dozen cells, a head that labels ten more of 100 correctly has no more right in one draw of ten. So the
        counts decide only if they differ by more than their standard error, the square root of `b + c`; if not, the
        log loss does, which says more of each cell. A head that hardly agrees with the labels has learned nothing from
        them, and is not better by chance.
        """
        if self.agreement < MIN_AGREEMENT:
            return False
        lost, won = self.mcnemar.b, self.mcnemar.c
        if (won - lost) ** 2 > won + lost:
            return won > lost
        return self.loss_after < self.loss_before

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "mcnemar": {"b": self.mcnemar.b, "c": self.mcnemar.c, "p": self.mcnemar.p},
            "log_loss": {"before": self.loss_before, "after": self.loss_after},
            "never_held_out": self.cells,
        }


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Labeled cells, each classified by a head that was fitted without it.

    Attributes:
        probabilities: of the upright view, (n, K).
        others: of further views, (n, m, K); m is 0 where the bundle looks at one view.
        labels: class indices, (n,).
        label_from: which views the label is taken from.
    """

    probabilities: NDArray[np.float32]
    others: NDArray[np.float32]
    labels: NDArray[np.int64]
    label_from: LabelFrom = LabelFrom.MEAN

    @property
    def label_probabilities(self) -> NDArray[np.float32]:
        """What the label is taken from, (n, K)."""
        return self.label_from.probabilities(self.probabilities, self.others).astype(np.float32)

    @classmethod
    def of(cls, tested: CrossValidation, labels: NDArray[np.int64]) -> HeldOut | None:
        """Return those that a cross-validation held out, of cells with these labels; None if there are none."""
        out = tested.held_out
        if not out.any():
            return None
        return cls(tested.probabilities[out].astype(np.float32), tested.others[out].astype(np.float32), labels[out])


def label_probabilities(head: Head, label_from: LabelFrom, judged: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the probabilities (n, K) that a head takes the labels of cells from.

    Args:
        head: the head.
        label_from: which views it takes them from.
        judged: features of the upright view and of the others, (n, 1 + m, d).
    """
    found = head.probabilities(judged)
    return np.asarray(label_from.probabilities(found[:, 0], found[:, 1:]), dtype=np.float64)


def compare(
    classes: Sequence[str],
    truth: NDArray[np.int64],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    cells: int = 0,
) -> HeadComparison:
    """Compare the probabilities (n, K) of two heads for the same labeled cells."""
    labels = [probabilities.argmax(1) for probabilities in (before, after)]
    scores = [metrics.score(truth, found, classes) for found in labels]
    losses = [probability_scores(truth, found).log_loss or 0.0 for found in (before, after)]
    test = metrics.mcnemar(*(found == truth for found in labels))
    return HeadComparison(scores[0], scores[1], test, losses[0], losses[1], cells)


def changed_labels(old: Head, head: Head, label_from: LabelFrom, judged: NDArray[np.float32]) -> float:
    """Return the share of cells (n, 1 + m, d) whose label differs between two heads."""
    before, after = (label_probabilities(each, label_from, judged).argmax(1) for each in (old, head))
    return float((before != after).mean())
