"""Whether a cell looks like those that a network was trained on, by its features.

A network names one of its classes for any image: a blast becomes a confident monocyte. Its features (the pooled vector
before the head) tell more. The square roots of the features are reduced to their main components; each class has a
Gaussian with a covariance of its own there, shrunk towards that of all classes after Ledoit and Wolf 2004 ("A
well-conditioned estimator for large-dimensional covariance matrices", J. Multivariate Analysis 88:365). A cell's
distance is the Mahalanobis distance to the nearest class (Lee et al. 2018, arXiv 1807.03888, there with one covariance
for all classes). Where more dimensions are dropped than kept, the length of what is dropped counts as much (after ViM,
Wang et al. 2022, arXiv 2203.10807). Both enter as logarithms, in standard deviations of held-out cells.

The method was chosen on PBC's training and validation cells, with surrogates for unknown cells (validation images that
were mixed, cut, scaled, recolored, blurred or erased, and cells that were drawn) and with one class left out; see
`bench.unknown_methods`. A covariance per class did better there than one for all, than the relative distance and than
nearest neighbors, and far better than probabilities.

Where there are examples of cells of other kinds, the logarithm of the odds of such a kind (see `decision.others`) is
added twice: in standard deviations of held-out cells, as far as it is above their mean, and as it is, as far as it is
above even odds. A cell is unfamiliar if its distance or this score is above its own threshold: what was shown can make
a cell unfamiliar, and never familiar.

The statistics, which `decision.familiarity_fit` fits, are those of one laboratory's images. Where a head is adapted to
another laboratory's cells, `decision.lab_familiarity` moves them there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.familiarity_info import FamiliarityInfo
from edgewbc.decision.others import Others, each_times
from edgewbc.reasons import Reason, ReasonKind
from edgewbc.utils.arrays import read_arrays, write_arrays

EPSILON = 1e-9
"""Smallest deviation, and smallest square of a distance, that counts."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """Statistics of the features of the cells that a network was trained on, and the threshold of their score.

    Attributes:
        center: of the transformed features, (d,).
        projection: onto their main components, orthonormal columns, (d, k).
        spread: standard deviation of each component within the classes, (k,); components are divided by it.
        means: of each class in these components, (K, k).
        whitening: of each class: the squared length of `whitening[c] @ (z - means[c])` is its distance, (K, k, k).
        scale: mean and standard deviation, over held-out cells, of the logarithm of the distance and of that of the
            residual, and where there are `others` of their log odds: (2, 2) or (3, 2).
        threshold: distance above which a cell is unfamiliar; infinite until it is set.
        trained_on, held_out: number of cells that the statistics and the threshold were measured on.
        false_alarms: share of the held-out cells that are unfamiliar.
        others: tells other kinds of cells that were shown; None if none were.
        score_threshold: score above which a cell is unfamiliar; infinite without others.
    """

    center: NDArray[np.float32]
    projection: NDArray[np.float32]
    spread: NDArray[np.float32]
    means: NDArray[np.float32]
    whitening: NDArray[np.float32]
    scale: NDArray[np.float64]
    threshold: float = math.inf
    trained_on: int = 0
    held_out: int = 0
    false_alarms: float = 0.0
    others: Others | None = None
    score_threshold: float = math.inf

    @classmethod
    def from_bytes(cls, data: bytes, info: FamiliarityInfo) -> Familiarity:
        """Read what `to_bytes` wrote, after checking it against what the manifest says of it.

        Raises:
            ValueError: it is damaged, or not of the sizes that the manifest gives.
        """
        d, k, groups = info.features, info.components, info.groups
        shapes = {"center": (d,), "projection": (d, k), "means": (groups, k), "whitening": (groups, k, k)}
        rows, count = (3 if info.others else 2), groups + len(info.others)
        layer = {"other_weights": (count, d), "other_bias": (count,)} if info.others else {}
        arrays = read_arrays(data, {**shapes, **layer, "spread": (k,), "scale": (rows, 2)})
        scale = arrays.pop("scale").astype(np.float64)
        others = None
        if info.others:
            weights, bias = (arrays.pop(name).astype(np.float32) for name in layer)
            others = Others(weights, bias, dict(info.others))
        if min(scale[:, 1].min(), arrays["spread"].min()) <= 0:
            raise ValueError("its scale or spread is not positive")
        single = {name: array.astype(np.float32) for name, array in arrays.items()}
        return cls(
            **single,
            scale=scale,
            threshold=info.threshold,
            trained_on=info.trained_on,
            held_out=info.held_out,
            false_alarms=info.false_alarms,
            others=others,
            score_threshold=math.inf if info.score_threshold is None else info.score_threshold,
        )

    def to_bytes(self) -> bytes:
        """Return the arrays as a compressed .npz without pickled objects."""
        halves = {
            "center": self.center,
            "projection": self.projection,
            "means": self.means,
            "whitening": self.whitening,
        }
        if self.others is not None:
            halves["other_weights"] = self.others.weights
        arrays: dict[str, NDArray[Any]] = {name: array.astype(np.float16) for name, array in halves.items()}
        if self.others is not None:
            arrays["other_bias"] = self.others.bias
        return write_arrays({**arrays, "spread": self.spread, "scale": self.scale})

    def info(self, file: str) -> FamiliarityInfo:
        """Return what the manifest says of these statistics, stored under a name."""
        (d, k), groups = self.projection.shape, len(self.means)
        cells = (self.trained_on, self.held_out)
        others = {} if self.others is None else dict(self.others.kinds)
        limit = self.score_threshold if others else None
        return FamiliarityInfo(file, d, k, groups, self.threshold, self.false_alarms, *cells, others, limit)

    @property
    def counts_residual(self) -> bool:
        """Whether more dimensions are dropped than kept, so that the residual counts."""
        return len(self.center) > 2 * len(self.spread)

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how far cells are from the training cells, (n,): about 0 is usual, and higher is less familiar.

        Args:
            features: (n, d), finite.
        """
        return self.combined(self.parts(transformed(features)))[0]

    def score(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return how unfamiliar cells are, (n,): the distance, and what the other kinds that were shown add to it."""
        return self.combined(self.parts(transformed(features)))[1]

    def unfamiliar(self, features: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return which cells are unfamiliar, (n,): their distance or their score is above its threshold."""
        return self.above(*self.combined(self.parts(transformed(features))))

    def above(self, distances: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which distances or scores are above their thresholds, (n,); those that are not numbers are."""
        return ~(distances <= self.threshold) | ~(scores <= self.score_threshold)

    def parts(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what a score is made of, (n, 2) or (n, 3) (see `scale`), of transformed features (n, d)."""
        found = self.logarithms(values)
        return found if self.others is None else np.column_stack([found, self.others.log_odds(values)])

    def combined(self, parts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return distances and scores, (n,) each, of what they are made of (n, 2 or 3)."""
        standard = (parts - self.scale[:, 0]) / self.scale[:, 1]
        distances: NDArray[np.float64] = standard[:, :2].mean(1) if self.counts_residual else standard[:, 0]
        if self.others is None:
            return distances, distances
        return distances, distances + np.maximum(standard[:, 2], 0.0) + np.maximum(parts[:, 2], 0.0)

    def scores(self, features: NDArray[np.float32]) -> list[tuple[float, float]]:
        """Return distance and score of each cell; those of a cell do not depend on the others, to the last digit.

        Args:
            features: (n, d). Of a cell with features that are not finite, the distance is not a number.

        Raises:
            ValueError: these are not as many features as the statistics are of.
        """
        if features.shape[1:] != self.center.shape:
            raise ValueError(f"the model gives {features.shape[1]} features, the statistics are of {self.center.size}")
        with np.errstate(invalid="ignore", over="ignore"):
            distances, scores = self.combined(self.parts(transformed(features)))
        return list(zip(distances.tolist(), scores.tolist(), strict=True))

    def reason(self, distance: float, score: float) -> Reason | None:
        """Return why a cell with this distance and score is unfamiliar; None if it is not."""
        if not distance <= self.threshold:
            text = f"distance {distance:.2f} is above {self.threshold:.2f}"
        elif not score <= self.score_threshold:
            text = f"more like other kinds: score {score:.2f} is above {self.score_threshold:.2f}"
        else:
            return None
        return Reason(ReasonKind.UNFAMILIAR, f"unlike the training cells: {text}")

    def reasons(self, features: NDArray[np.float32]) -> list[Reason | None]:
        """Return for each cell, features (n, d), why it is unfamiliar; None if it is not. Raises as `scores` does."""
        return [self.reason(*scores) for scores in self.scores(features)]

    def logarithms(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the logarithms of distance and residual, (n, 2), of transformed features (n, d)."""
        centered = (values - self.center).astype(np.float32)
        projected = each_times(centered, self.projection)
        offsets = (projected / self.spread)[:, None, :] - self.means
        whitened = np.matmul(self.whitening, offsets[..., None])[..., 0]
        distance = np.square(whitened).sum(2, dtype=np.float64).min(1)
        # Not as a difference of squares: the columns are rounded, and so only nearly orthonormal.
        rest = centered - each_times(projected, self.projection.T) if self.counts_residual else centered[:, :0]
        residual = np.square(rest).sum(1, dtype=np.float64)
        found: NDArray[np.float64] = np.log(np.maximum(np.stack([distance, residual], axis=1), EPSILON))
        return found


def transformed(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return square roots, with their sign: they spread features that are rarely active more evenly."""
    values = features.astype(np.float64)
    found: NDArray[np.float64] = np.sign(values) * np.sqrt(np.abs(values))
    return found
