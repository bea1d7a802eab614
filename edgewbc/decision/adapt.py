"""Adapt a head to the cells of another laboratory: a few labeled cells correct the old head's logits.

The correction is linear in the features: regularized multinomial logistic regression with the logits of the old head as
an offset, so that with few cells, or in directions that they say nothing of, the old head decides. Classes without a
labeled cell keep the old head's weights. The problem is convex.

Two choices carry the accuracy. Each cell is used in eight views (flips and rotations), as if it were eight cells. And
the penalty is measured in the covariance of the cells within their class, mixed with a share of the identity: a
correction along directions in which cells of one class differ costs more (the metric of linear discriminant analysis).
On cells of BCCD and on recolored and blurred cells of PBC validation, at 5 to 20 cells per class, that is worth about
one point of mean recall over a penalty on standardized features; square roots of the features, linear discriminant
analysis, and averaging over strengths were not better.

The strength of the penalty is chosen by cross-validation within the labeled cells. All views of a cell, and all copies
of an image, are in the same fold. On another microscope the old head is overconfident; with enough cells, the factor
on its logits is chosen too. With 20 cells per class that is worth 1 point of mean recall on BCCD and 2 to 3 on JTSC;
with 2 to 5 it cost up to 2 on BCCD.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.head import Head, softmax
from edgewbc.decision.minimize import Minimum, lbfgs

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Strengths of the penalty that are tried."""
DEFAULT = 1.0
"""Strength where there are too few cells to choose one."""
SCALES = (1.0, 0.5, 0.25)
"""Factors on the old head's logits that are tried."""
ENOUGH_TO_SCALE = 10
"""Images of each labeled class from which factors other than 1 are tried."""
FOLDS = 5
IDENTITY = 0.2
"""Share of the identity in the metric of the penalty."""
FLOOR = 0.1
"""Minimum standard deviation of a feature, as a share of the mean of all: a feature that is never active among the
labeled cells must not decide others."""
MIN_VARIANCE = 1e-4
"""Variance of a direction, as a share of the largest, below which it is left out: 1,280 features of 100 cells in eight
views then have about 400 coordinates instead of 800."""
MAX_LOSS = 20.0
"""Bound of a cell's log loss in cross-validation, in nats."""
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


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What held-out cells say of an adaptation.

    Attributes:
        strength, scale: with the least loss over all cells.
        losses: mean log loss of the held-out cells, by scale and strength.
        probabilities: of each cell, from a head that was fitted without it, (n, K); its strength and scale were chosen
            without it too. NaN for cells that were never held out.
        others: of each cell's other views, from the same head, (n, m, K).
    """

    strength: float
    scale: float
    losses: dict[tuple[float, float], float]
    probabilities: Floats
    others: Floats

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Which cells were held out, (n,)."""
        return np.isfinite(self.probabilities[:, 0])


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
    return fit_path(cells, head, [strength], scale=scale)[0]


def fit_path(
    cells: Cells, head: Head, strengths: Sequence[float], space: Space | None = None, scale: float = 1.0
) -> list[Correction]:
    """Fit the correction for several strengths; each starts from the one before.

    Args:
        cells: labeled cells.
        head: the old head.
        strengths: of the penalty.
        space: of these or more cells; None measures these.
        scale: factor on the old head's logits.
    """
    _, views, d = cells.features.shape
    space = space or Space.of(cells)
    features, labels = cells.features.reshape(-1, d), np.repeat(cells.labels, views)
    points = space.points(features)
    axes = _metric(points, labels, d)
    problem = _Regression(points @ axes, scale * head.logits(features), labels)
    found, start = [], problem.start
    for strength in strengths:
        minimum = problem.solve(strength, start)
        start = minimum.x
        slopes, bias = problem.parameters(minimum.x)
        weights = (slopes @ axes.T @ space.axes.T) / space.spread
        found.append(Correction(weights, bias - weights @ space.mean, minimum.converged, scale))
    return found


def cross_validate(
    cells: Cells, head: Head, strengths: Sequence[float] = STRENGTHS, *, folds: int = FOLDS, seed: int = 0
) -> CrossValidation:
    """Fit without each fold in turn, and choose strength and scale by the loss of what was held out.

    A class with a single image is never held out. Scales other than 1 are tried if each labeled class has at least
    `ENOUGH_TO_SCALE` images.
    """
    part, space = assign_folds(cells, folds, seed), Space.of(cells)
    images = [len(np.unique(cells.groups[cells.labels == label])) for label in np.unique(cells.labels)]
    scales = SCALES if min(images, default=0) >= ENOUGH_TO_SCALE else SCALES[:1]
    settings = [(scale, strength) for scale in scales for strength in strengths]
    judged = cells.judged
    views = np.full((len(settings), *judged.shape[:2], head.classes), np.nan)
    for fold in range(folds):
        out = part == fold
        if not out.any():
            continue
        for scale in scales:
            path = sorted(strengths, reverse=True)
            fits = fit_path(cells.take(~out), head, path, space, scale)
            for strength, correction in zip(path, fits, strict=True):
                views[settings.index((scale, strength)), out] = softmax(correction.logits(head, judged[out]))
    held_out = part >= 0
    if not held_out.any():
        return CrossValidation(DEFAULT, 1.0, {}, views[0, :, 0], views[0, :, 1:])
    true = views[:, np.arange(len(cells)), 0, cells.labels]
    losses = -np.log(np.maximum(true, np.exp(-MAX_LOSS)))
    chosen = np.full_like(views[0], np.nan)
    for fold in range(folds):
        out, others = part == fold, held_out & (part != fold)
        if out.any():
            basis = losses[:, others if others.any() else held_out]
            chosen[out] = views[int(basis.mean(1).argmin()), out]
    means = losses[:, held_out].mean(1)
    scale, strength = settings[int(means.argmin())]
    losses_by_setting = dict(zip(settings, means.tolist(), strict=True))
    return CrossValidation(strength, scale, losses_by_setting, chosen[:, 0], chosen[:, 1:])


def assign_folds(cells: Cells, folds: int = FOLDS, seed: int = 0) -> Integers:
    """Return the fold of each cell, (n,), stratified by class; -1 if it is the only image of its class.

    Copies of an image are in the same fold.
    """
    random = np.random.default_rng(seed)
    part = np.full(len(cells), -1, np.int64)
    for label in np.unique(cells.labels):
        groups = random.permutation(np.unique(cells.groups[cells.labels == label]))
        if len(groups) < 2:
            continue
        first = int(random.integers(folds))
        for number, group in enumerate(groups):
            part[cells.groups == group] = (first + number) % folds
    return part


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
    """Penalized multinomial logistic regression with an offset; classes count by the square root of their cells."""

    def __init__(self, points: Floats, offset: Floats, labels: Integers) -> None:
        counts = np.bincount(labels, minlength=offset.shape[1])
        weight = 1 / np.sqrt(counts[labels])
        self._points, self._offset, self._rows = points, offset, np.arange(len(labels))
        self._labels, self._weight = labels, weight / weight.sum()
        self._learned = np.flatnonzero(counts)
        self._target = np.zeros((len(labels), len(self._learned)))
        self._target[self._rows, np.searchsorted(self._learned, labels)] = 1

    @property
    def start(self) -> Floats:
        """The old head: no correction."""
        return np.zeros(len(self._learned) * (self._points.shape[1] + 1))

    def solve(self, strength: float, start: Floats) -> Minimum:
        return lbfgs(lambda x: self._value(x, strength), start, tolerance=1e-5)

    def parameters(self, x: Floats) -> tuple[Floats, Floats]:
        """Return slopes (K, d) and biases (K,); zero for classes that are not learned."""
        own = x.reshape(len(self._learned), -1)
        slopes, bias = np.zeros((self._offset.shape[1], own.shape[1] - 1)), np.zeros(self._offset.shape[1])
        slopes[self._learned], bias[self._learned] = own[:, :-1], own[:, -1]
        return slopes, bias

    def _value(self, x: Floats, strength: float) -> tuple[float, Floats]:
        own = x.reshape(len(self._learned), -1)
        slopes, bias = own[:, :-1], own[:, -1]
        logits = self._offset.copy()
        logits[:, self._learned] += self._points @ slopes.T + bias
        logits -= logits.max(1, keepdims=True)
        powers = np.exp(logits)
        total = powers.sum(1)
        loss = float(self._weight @ (np.log(total) - logits[self._rows, self._labels]))
        penalty = strength / 2 * (float(np.square(slopes).sum()) + _BIAS_PENALTY * float(bias @ bias))
        error = self._weight[:, None] * (powers[:, self._learned] / total[:, None] - self._target)
        gradient = np.empty_like(own)
        gradient[:, :-1] = error.T @ self._points + strength * slopes
        gradient[:, -1] = error.sum(0) + strength * _BIAS_PENALTY * bias
        return loss + penalty, gradient.ravel()
