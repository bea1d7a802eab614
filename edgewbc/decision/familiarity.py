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

The statistics are those of one laboratory's images. Where a head is adapted to another one, fit them anew to its cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.others import Examples, Others, each_times
from edgewbc.errors import UserError
from edgewbc.reasons import Reason, ReasonKind
from edgewbc.utils.arrays import read_arrays, write_arrays

FORMAT = 2
"""The newest format that is read, and written where other kinds of cells were shown; without them format 1 is."""
METHOD = "class-conditional Mahalanobis"
COMPONENTS = 64
"""Largest number of components that features are reduced to."""
FALSE_ALARMS = 0.01
"""Share of held-out cells that may be called unfamiliar."""
MIN_CELLS = 10
"""Training cells per class below which nothing is fitted."""
MIN_HELD_OUT = 99
"""Held-out cells that it takes to set a threshold at 1 % false alarms."""
MAX_SIZES = {"features": 8192, "components": 256, "groups": 100}
MAX_KINDS = 100
"""Largest number of other kinds that is read."""
"""Largest sizes that are read."""

_EPSILON = 1e-9


@dataclass(frozen=True)
class FamiliarityInfo:
    """What a bundle's manifest says of its familiarity statistics.

    Attributes:
        file: name of the file with the arrays.
        features, components, groups: sizes of the arrays: features of the network, components that they are reduced
            to, and classes.
        threshold: distance above which a cell is unfamiliar.
        false_alarms: share of the held-out cells that are unfamiliar.
        trained_on, held_out: number of cells that the statistics and the threshold were measured on.
        others: number of examples of each other kind of cells that was shown; empty if none was.
        score_threshold: score above which a cell is unfamiliar; None without others.
    """

    file: str
    features: int
    components: int
    groups: int
    threshold: float
    false_alarms: float
    trained_on: int
    held_out: int
    others: Mapping[str, int] = field(default_factory=dict)
    score_threshold: float | None = None

    @classmethod
    def from_json(cls, values: Any) -> FamiliarityInfo:
        """Read what `to_json` wrote.

        Raises:
            UserError: it was written by a newer edgewbc.
            ValueError: it is not of that form.
        """
        try:
            version, method = values["format"], values["method"]
            if type(version) is int and version > FORMAT:
                raise UserError(
                    f"familiarity was written by a newer edgewbc (format {version}); update edgewbc to read it"
                )
            features, components, groups = (values[name] for name in ("features", "components", "groups"))
            cells = (values["trained_on"], values["held_out"])
            limits = (float(values["threshold"]), float(values["false_alarms"]))
            others = dict(values["others"]) if type(version) is int and version == FORMAT else {}
            limit = float(values["score_threshold"]) if others else None
            found = cls(values["file"], features, components, groups, *limits, *cells, others, limit)
            sizes = (features, components, groups, *cells, *others.values())
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            raise ValueError("familiarity is malformed") from None
        if type(version) is not int or version < 1 or method != METHOD or not isinstance(found.file, str):
            raise ValueError("familiarity has an unknown format or method")
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise ValueError("familiarity has a size that is not a number of cells or values")
        if not all(0 < getattr(found, name) <= largest for name, largest in MAX_SIZES.items()):
            raise ValueError("familiarity has arrays that are too large or empty")
        if len(others) > MAX_KINDS or not all(name.isprintable() and len(name) <= 100 for name in others):
            raise ValueError("familiarity has other kinds that are too many or have no proper names")
        if limit is not None and not math.isfinite(limit):
            raise ValueError("familiarity has a threshold or share that is not a number")
        if not math.isfinite(found.threshold) or not 0 <= found.false_alarms <= 1:
            raise ValueError("familiarity has a threshold or share that is not a number")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the attributes, format and method as JSON values."""
        return {
            "format": FORMAT if self.others else 1,
            "method": METHOD,
            "file": self.file,
            "features": self.features,
            "components": self.components,
            "groups": self.groups,
            "threshold": self.threshold,
            "false_alarms": self.false_alarms,
            "trained_on": self.trained_on,
            "held_out": self.held_out,
            **({"others": dict(self.others), "score_threshold": self.score_threshold} if self.others else {}),
        }


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
    def fit(
        cls,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        held_out: NDArray[np.float32],
        *,
        components: int = COMPONENTS,
        false_alarms: float = FALSE_ALARMS,
    ) -> Familiarity:
        """Fit statistics to training cells, and set scale and threshold on held-out ones.

        The threshold is the order statistic at which, for cells drawn like the held-out ones, at most `false_alarms`
        are expected above it (split conformal prediction; Vovk et al. 2005, "Algorithmic learning in a random world").

        Args:
            features: of the training cells, (n, d).
            labels: their class indices, (n,); of a class without cells there are no statistics.
            held_out: features of cells that the network was not trained on, (m, d).
            components: largest number of components.
            false_alarms: share of familiar cells that may be called unfamiliar.

        Raises:
            ValueError: a class has fewer than `MIN_CELLS` cells, or there are too few held-out ones for the share.
        """
        counts = np.bincount(labels)
        if not len(labels) or counts[counts > 0].min() < MIN_CELLS:
            raise ValueError(f"a class has fewer than {MIN_CELLS} training cells")
        place = _place(len(held_out), false_alarms)
        values = transformed(features)
        center = values.mean(0)
        variances, directions = np.linalg.eigh((values - center).T @ (values - center) / len(values))
        kept = min(components, max(1, int((variances > _EPSILON * variances[-1]).sum())))
        # What is stored is rounded, and everything that follows is measured with what is stored.
        center, projection = rounded(center), rounded(directions[:, ::-1][:, :kept])
        projected = (values - center) @ projection
        spread = np.maximum(_within(projected, labels).std(0), _EPSILON).astype(np.float32)
        means, whitening = _groups(projected / spread, labels)
        arrays = (center, projection, spread, rounded(means), rounded(whitening))
        found = cls(*arrays, np.array([[0.0, 1.0], [0.0, 1.0]]), trained_on=len(labels), held_out=len(held_out))
        found = replace(found, scale=scale_of(found.parts(transformed(held_out))))
        distances = found.distance(held_out)
        found = replace(found, threshold=order_statistic(distances, place))
        return replace(found, false_alarms=round(float(found.unfamiliar(held_out).mean()), 5))

    def shown(
        self,
        features: NDArray[np.float32],
        labels: NDArray[np.int64],
        held_out: NDArray[np.float32],
        examples: Examples,
        *,
        false_alarms: float = FALSE_ALARMS,
    ) -> Familiarity:
        """Return these statistics after examples of other kinds of cells were shown.

        Distance and `threshold` stay as they are, so that no cell that was unfamiliar becomes familiar. A second
        threshold, on the score, is set on held-out cells such that at most `false_alarms` are expected above it too.

        Args:
            features, labels, held_out, false_alarms: as in `fit`; the cells may be fewer.
            examples: cells of other kinds; without enough of any kind nothing changes.

        Raises:
            ValueError: the cells are not of as many classes as the statistics, or as in `fit`.
        """
        if len(np.unique(labels)) != len(self.means):
            raise ValueError(f"{len(np.unique(labels))} classes have cells, the statistics are of {len(self.means)}")
        place, counts = _place(len(held_out), false_alarms), examples.counts()
        if not counts:
            return self
        shown = transformed(examples.features)
        others = Others.fit(transformed(features), labels, shown, examples.kinds, counts)
        odds = others.log_odds(transformed(held_out))[:, None]
        found = replace(self, others=others, scale=np.concatenate([self.scale[:2], scale_of(odds)]))
        found = replace(found, score_threshold=order_statistic(found.score(held_out), place))
        return replace(found, false_alarms=round(float(found.unfamiliar(held_out).mean()), 5))

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
        found: NDArray[np.float64] = np.log(np.maximum(np.stack([distance, residual], axis=1), _EPSILON))
        return found


def scale_of(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean and standard deviation of each part of a score, (2 or 3, 2), of the parts (n, 2 or 3) of cells."""
    return np.stack([parts.mean(0), np.maximum(parts.std(0), _EPSILON)], axis=1)


def order_statistic(scores: NDArray[np.float64], place: int) -> float:
    """Return the score at a place in ascending order, from 1, rounded up to six decimals."""
    return round(float(np.sort(scores)[place - 1]) + 5e-7, 6)


def _place(held_out: int, false_alarms: float) -> int:
    """Return which score of so many held-out cells is the threshold, counted from 1 in ascending order."""
    place = math.ceil((held_out + 1) * (1 - false_alarms))
    if place > held_out:
        raise ValueError(f"{held_out} held-out cells are too few for {100 * false_alarms:g} % false alarms")
    return place


def transformed(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return square roots, with their sign: they spread features that are rarely active more evenly."""
    values = features.astype(np.float64)
    found: NDArray[np.float64] = np.sign(values) * np.sqrt(np.abs(values))
    return found


def _within(values: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the offset of each cell's values from the mean of its class, (n, k)."""
    names, group = np.unique(labels, return_inverse=True)
    found: NDArray[np.float64] = values - np.stack([values[labels == name].mean(0) for name in names])[group]
    return found


def _groups(reduced: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean (K, k) and whitening matrix (K, k, k) of each class that has cells.

    Each covariance is shrunk towards that of all classes together, which is that of a class with few cells.
    """
    names, offsets = np.unique(labels), _within(reduced, labels)
    together = np.linalg.inv(np.linalg.cholesky(ledoit_wolf(offsets)))
    whitening = []
    for name in names:
        own = offsets[labels == name] @ together.T
        few = len(own) <= 2 * reduced.shape[1]
        whitening.append(together if few else np.linalg.inv(np.linalg.cholesky(ledoit_wolf(own))) @ together)
    return np.stack([reduced[labels == name].mean(0) for name in names]), np.stack(whitening)


def ledoit_wolf(centered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of centered values (n, k), shrunk towards a multiple of the identity, (k, k).

    Ledoit and Wolf 2004; the same as `sklearn.covariance.ledoit_wolf` with `assume_centered=True`.
    """
    n, k = centered.shape
    covariance = centered.T @ centered / n
    mean = max(float(np.trace(covariance)) / k, _EPSILON)
    spread = float(np.square(covariance).sum()) - k * mean**2
    noise = (float(np.square(np.square(centered).sum(1)).sum()) / n - float(np.square(covariance).sum())) / n
    share = 1.0 if spread <= 0 else min(1.0, max(0.0, noise / spread))
    found: NDArray[np.float64] = (1 - share) * covariance + share * mean * np.eye(k)
    return found


def rounded(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return values as they are after storing: rounded to float16."""
    return values.astype(np.float16).astype(np.float32)
