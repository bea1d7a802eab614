"""Correct a head by labeled cells: a regression that is added to the logits of the old head.

The correction is linear in the features: regularized multinomial logistic regression with the logits of the old head as
an offset, so that with few cells, or in directions that they say nothing of, the old head decides. Classes without a
labeled cell keep the old head's weights. The problem is convex.

Two choices carry the accuracy. Each cell is used in eight views (flips and rotations), as if it were eight cells. And
the penalty is measured in the covariance of the cells within their class, mixed with a share of the identity: a
correction along directions in which cells of one class differ costs more (the metric of linear discriminant analysis).
On cells of BCCD and on recolored and blurred cells of PBC validation, at 5 to 20 cells per class, that is worth about
one point of mean recall over a penalty on standardized features; square roots of the features and linear discriminant
analysis were not better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.head import Head
from edgewbc.decision.minimize import Minimum, lbfgs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

OLD = math.inf
"""Strength of the penalty at which the old head stays as it is, but for the factor."""
IDENTITY = 0.2
"""Share of the identity in the metric of the penalty."""
FLOOR = 0.1
"""Minimum standard deviation of a feature, as a share of the mean of all: a feature that is never active among the
labeled cells must not decide others."""
MIN_VARIANCE = 1e-4
"""Variance of a direction, as a share of the largest, below which it is left out: 1,280 features of 100 cells in eight
views then have about 400 coordinates instead of 800."""
TOLERANCE = 1e-4
"""Largest component of the gradient at which a fit ends; a tenth of it changes no label in 300."""
_BIAS_PENALTY = 0.01
"""Penalty of a bias, as a share of that of a weight."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Labeled cells as a network sees them.

    Attributes:
        features: of each view of each cell, (n, views, d); the first view is the image as it is.
        labels: class indices, (n,).
        groups: cells with the same number are copies of one image, (n,).
        others: features of the views that say how sure the network is (see `decision.views`), beside the first,
            (n, m, d); None where it is the first view alone. They are not learned from.
    """

    features: NDArray[np.float32]
    labels: Integers
    groups: Integers
    others: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if self.features.ndim != 3 or not len(self.labels) == len(self.groups) == len(self.features):
            raise ValueError("features must be (n, views, d), with one label and one group each")
        if self.others is not None and (self.others.ndim != 3 or len(self.others) != len(self.features)):
            raise ValueError("others must be (n, m, d)")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: NDArray[np.bool_] | Integers) -> Cells:
        """Return some of the cells."""
        others = None if self.others is None else self.others[chosen]
        return Cells(self.features[chosen], self.labels[chosen], self.groups[chosen], others)

    @property
    def judged(self) -> NDArray[np.float32]:
        """The features of the first view and of `others`, (n, 1 + m, d)."""
        return self.features[:, :1] if self.others is None else np.concatenate([self.features[:, :1], self.others], 1)


@dataclass(frozen=True, eq=False)
class Correction:
    """What becomes of the logits of the old head: `scale * logits + features @ weights.T + bias`.

    Attributes:
        weights: (K, d); zero for classes that were not learned.
        bias: (K,).
        converged: whether the regression reached its minimum.
        scale: factor on the old head's logits.
    """

    weights: Floats
    bias: Floats
    converged: bool = True
    scale: float = 1.0

    def logits(self, head: Head, features: NDArray[np.floating]) -> Floats:
        """Return the corrected logits (..., K) of features (..., d)."""
        own = np.asarray(features, dtype=np.float64) @ self.weights.T + self.bias
        return self.scale * head.logits(features) + own

    def head(self, head: Head) -> Head:
        """Return the corrected head."""
        return head.scaled(self.scale).plus(self.weights, self.bias)


Setting = tuple[float, float]
"""Factor on the logits of the old head, and strength of the penalty."""


@dataclass(frozen=True, eq=False)
class Space:
    """The standardized features of some cells, in the fewest coordinates.

    Attributes:
        mean, spread: of each feature, (d,).
        axes: orthonormal columns, (d, r); what is orthogonal to all cells plays no role in a fit.
    """

    mean: Floats
    spread: Floats
    axes: Floats

    @classmethod
    def of(cls, cells: Cells) -> Space:
        """Measure cells; their labels play no role. Directions with hardly any variance are left out."""
        features = cells.features.reshape(-1, cells.features.shape[2]).astype(np.float64)
        mean, spread = features.mean(0), features.std(0)
        spread = np.sqrt(spread**2 + (FLOOR * spread.mean()) ** 2 + 1e-12)
        standard = (features - mean) / spread
        wide = standard.shape[1] > len(standard)
        values, vectors = np.linalg.eigh(standard @ standard.T if wide else standard.T @ standard)
        kept = values > MIN_VARIANCE * max(float(values[-1]), 1e-300)
        axes = standard.T @ (vectors[:, kept] / np.sqrt(values[kept])) if wide else vectors[:, kept]
        return cls(mean, spread, axes)

    def points(self, features: NDArray[np.floating]) -> Floats:
        """Return the coordinates (n, r) of features (n, d)."""
        found: Floats = ((np.asarray(features, dtype=np.float64) - self.mean) / self.spread) @ self.axes
        return found


def fit(cells: Cells, head: Head, strength: float, scale: float = 1.0) -> Correction:
    """Fit the correction of a head to labeled cells, with a penalty of a given strength."""
    return fit_all(cells, head, [(scale, strength)])[scale, strength]


def fit_mean(cells: Cells, head: Head, weights: Mapping[Setting, float]) -> Correction:
    """Return the mean of the corrections of several settings, by their weights, which add up to 1."""
    found = fit_all(cells, head, list(weights))
    return Correction(
        np.sum([weight * found[setting].weights for setting, weight in weights.items()], axis=0),
        np.sum([weight * found[setting].bias for setting, weight in weights.items()], axis=0),
        all(found[setting].converged for setting in weights),
        sum(weight * scale for (scale, _), weight in weights.items()),
    )


def fit_all(
    cells: Cells, head: Head, settings: Sequence[Setting], space: Space | None = None
) -> dict[Setting, Correction]:
    """Fit the corrections for settings; each strength starts from the next stronger one.

    All factors that occur are fitted together with each strength that occurs, so that others than these are there too.

    Args:
        cells: labeled cells.
        head: the old head.
        settings: factors and strengths; the strength `OLD` keeps the old head.
        space: of these or more cells; None measures these.
    """
    scales, strengths = (list(dict.fromkeys(setting[place] for setting in settings)) for place in (0, 1))
    _, views, d = cells.features.shape
    space = space or Space.of(cells)
    features, labels = cells.features.reshape(-1, d), np.repeat(cells.labels, views)
    points = space.points(features)
    axes = _metric(points, labels, d)
    offsets = np.multiply.outer(np.array(scales), head.logits(features))
    problem = _Regression(points @ axes, offsets, labels)
    none = np.zeros((head.classes, d))
    found = {(scale, OLD): Correction(none, none[:, 0], True, scale) for scale in scales if OLD in strengths}
    start = problem.start
    for strength in sorted((each for each in strengths if each != OLD), reverse=True):
        minimum = problem.solve(strength, start)
        start = minimum.x
        for scale, slopes, bias in zip(scales, *problem.parameters(start), strict=True):
            weights = (slopes @ axes.T @ space.axes.T) / space.spread
            found[scale, strength] = Correction(weights, bias - weights @ space.mean, minimum.converged, scale)
    return found


def _metric(points: Floats, labels: Integers, d: int) -> Floats:
    """Return axes A (r, r) with A @ A.T the inverse of the covariance within classes, mixed with the identity.

    Args:
        points: coordinates of the cells' views, (n, r).
        labels: class indices, (n,).
        d: number of features that the coordinates stand for; their mean variance is the scale of the identity.
    """
    rest = points.copy()
    for label in np.unique(labels):
        rest[labels == label] -= points[labels == label].mean(0)
    covariance = rest.T @ rest / len(rest)
    level = max(float(np.trace(covariance)) / d, 1e-12)
    mixed = (1 - IDENTITY) * covariance + IDENTITY * level * np.eye(len(covariance))
    found: Floats = np.linalg.inv(np.linalg.cholesky(mixed)).T
    return found


class _Regression:
    """Penalized multinomial logistic regressions with an offset each; classes count by the square root of their cells.

    They share points and labels and are independent of each other. They are solved together, which is faster.
    """

    def __init__(self, points: Floats, offsets: Floats, labels: Integers) -> None:
        """Set up m regressions.

        Args:
            points: (n, r).
            offsets: of the logits, (m, n, K).
            labels: class indices, (n,).
        """
        counts = np.bincount(labels, minlength=offsets.shape[2])
        weight = 1 / np.sqrt(counts[labels])
        self._points, self._offsets, self._rows = points, offsets, np.arange(len(labels))
        self._labels, self._weight = labels, weight / weight.sum()
        self._learned = np.flatnonzero(counts)
        self._target = np.zeros((len(labels), len(self._learned)))
        self._target[self._rows, np.searchsorted(self._learned, labels)] = 1

    @property
    def start(self) -> Floats:
        """The old head: no correction."""
        return np.zeros(len(self._offsets) * len(self._learned) * (self._points.shape[1] + 1))

    def solve(self, strength: float, start: Floats) -> Minimum:
        return lbfgs(lambda x: self._value(x, strength), start, tolerance=TOLERANCE)

    def parameters(self, x: Floats) -> tuple[Floats, Floats]:
        """Return slopes (m, K, r) and biases (m, K); zero for classes that are not learned."""
        own = x.reshape(len(self._offsets), len(self._learned), -1)
        shape = own.shape[0], self._offsets.shape[2]
        slopes, bias = np.zeros((*shape, own.shape[2] - 1)), np.zeros(shape)
        slopes[:, self._learned], bias[:, self._learned] = own[..., :-1], own[..., -1]
        return slopes, bias

    def _value(self, x: Floats, strength: float) -> tuple[float, Floats]:
        own = x.reshape(len(self._offsets), len(self._learned), -1)
        slopes, bias = own[..., :-1], own[..., -1]
        logits = self._offsets.copy()
        flat = slopes.reshape(-1, slopes.shape[2])
        logits[..., self._learned] += (flat @ self._points.T).reshape(*bias.shape, -1).swapaxes(1, 2) + bias[:, None]
        logits -= logits.max(2, keepdims=True)
        powers = np.exp(logits)
        total = powers.sum(2)
        loss = float(((np.log(total) - logits[:, self._rows, self._labels]) @ self._weight).sum())
        penalty = strength / 2 * (float(np.square(slopes).sum()) + _BIAS_PENALTY * float(np.square(bias).sum()))
        error = self._weight[:, None] * (powers[..., self._learned] / total[..., None] - self._target)
        gradient = np.empty_like(own)
        steps = error.swapaxes(1, 2).reshape(-1, len(self._rows)) @ self._points
        gradient[..., :-1] = steps.reshape(slopes.shape) + strength * slopes
        gradient[..., -1] = error.sum(1) + strength * _BIAS_PENALTY * bias
        return loss + penalty, gradient.ravel()
