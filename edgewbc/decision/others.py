"""Cells that are of none of a network's classes, recognized by examples of them.

A network of five classes takes immature granulocytes and erythroblasts for neutrophils and lymphocytes, and little of
its features tells them apart. Where there are images of such cells, they are used (outlier exposure: Hendrycks et
al. 2019, arXiv 1812.04606): a regularized multinomial regression on the square roots of the features, with an output
for each class of the network and one for each other kind. The network stays as it is. The score of a cell is the
logarithm of the odds that it is of another kind.

What was shown is then a *known other* kind, not an unknown one. On kinds that were left out of the fit the score helps
less, and never decides alone: see `decision.familiarity`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.minimize import lbfgs

STRENGTH = 0.003
"""Strength of the penalty on the weights of standardized features, chosen on PBC's validation cells with each other
kind left out in turn; ten times less or three times more changed the area under the ROC curve by less than 0.005."""
FLOOR = 0.1
"""Smallest standard deviation of a feature, as a share of the mean of all."""
MIN_EXAMPLES = 10
"""Cells of another kind below which it is not used."""
_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Examples:
    """Cells that are of none of a network's classes.

    Attributes:
        features: of the network, (m, d).
        kinds: name of the kind of each, (m,).
    """

    features: NDArray[np.float32]
    kinds: NDArray[np.str_]

    def without(self, kind: str) -> Examples:
        """Return the cells of all kinds but one."""
        kept = self.kinds != kind
        return Examples(self.features[kept], self.kinds[kept])

    def counts(self) -> dict[str, int]:
        """Return the number of cells by kind, of the kinds that have enough."""
        names, counts = np.unique(self.kinds, return_counts=True)
        return {str(name): int(count) for name, count in zip(names, counts, strict=True) if count >= MIN_EXAMPLES}


@dataclass(frozen=True, eq=False)
class Others:
    """A linear layer that tells other kinds of cells from the classes of a network.

    Attributes:
        weights: on the square roots of the features, (K + M, d): of the classes first, then of the other kinds.
        bias: (K + M,).
        kinds: number of examples of each of the M other kinds.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    kinds: dict[str, int]

    @classmethod
    def fit(
        cls,
        values: NDArray[np.float64],
        labels: NDArray[np.int64],
        other_values: NDArray[np.float64],
        other_kinds: NDArray[np.str_],
        counts: dict[str, int],
    ) -> Others:
        """Fit to transformed features (see `familiarity.transformed`).

        Args:
            values: of cells of the classes, (n, d).
            labels: their class indices, (n,).
            other_values: of cells of other kinds, (m, d).
            other_kinds: name of the kind of each, (m,).
            counts: of the kinds that are used, in their order.
        """
        used = np.isin(other_kinds, list(counts))
        center, spread = values.mean(0), values.std(0)
        spread = np.sqrt(spread**2 + (FLOOR * spread.mean()) ** 2 + 1e-12)
        points = (np.concatenate([values, other_values[used]]) - center) / spread
        classes = np.unique(labels)
        kinds = np.array(list(counts))
        order = np.argsort(kinds)
        outputs = np.concatenate([
            np.searchsorted(classes, labels),
            len(classes) + order[np.searchsorted(kinds, other_kinds[used], sorter=order)],
        ])  # fmt: skip
        weights, bias = _regression(points, outputs, len(classes) + len(kinds))
        weights = weights / spread
        bias -= weights @ center
        # What is stored is rounded, and everything that follows is measured with what is stored.
        return cls(weights.astype(np.float16).astype(np.float32), bias.astype(np.float32), counts)

    def shifted(self, by: float) -> Others:
        """Return the layer with `by` added to the logarithm of the odds of any other kind."""
        bias = self.bias.copy()
        bias[len(bias) - len(self.kinds) :] += np.float32(by)
        return replace(self, bias=bias)

    def log_odds(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithm of the odds of another kind, (n,), of transformed features (n, d)."""
        logits: NDArray[np.float64] = each_times(values, self.weights.T.astype(np.float64)) + self.bias
        classes = len(self.bias) - len(self.kinds)
        found: NDArray[np.float64] = _log_sum(logits[:, classes:]) - _log_sum(logits[:, :classes])
        return found


def each_times(rows: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """Return `rows @ matrix`, (n, b), row by row: the last digits of a row do not depend on how many others there are.

    A result must not depend on which cells happened to share a batch.

    Args:
        rows: (n, a).
        matrix: (a, b).
    """
    found: NDArray[Any] = np.matmul(rows[:, None, :], matrix)[:, 0]
    return found


def _log_sum(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    most = logits.max(1)
    found: NDArray[np.float64] = most + np.log(np.exp(logits - most[:, None]).sum(1))
    return found


def _regression(
    points: NDArray[np.float64], outputs: NDArray[np.int64], count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights (count, d) and bias (count,); an output counts by the square root of its cells."""
    n, d = points.shape
    weight = 1 / np.sqrt(np.bincount(outputs, minlength=count)[outputs])
    weight /= weight.sum()
    rows = np.arange(n)

    def loss(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        own = x.reshape(count, d + 1)
        logits = points @ own[:, :-1].T + own[:, -1]
        logits -= logits.max(1, keepdims=True)
        powers = np.exp(logits)
        total = powers.sum(1)
        value = float(weight @ (np.log(total) - logits[rows, outputs]))
        error = powers / total[:, None]
        error[rows, outputs] -= 1
        error *= weight[:, None]
        gradient = np.empty_like(own)
        gradient[:, :-1] = error.T @ points + STRENGTH * own[:, :-1]
        gradient[:, -1] = error.sum(0)
        return value + STRENGTH / 2 * float(np.square(own[:, :-1]).sum()), gradient.ravel()

    found = lbfgs(loss, np.zeros(count * (d + 1)), tolerance=_TOLERANCE).x.reshape(count, d + 1)
    return found[:, :-1], found[:, -1].copy()
