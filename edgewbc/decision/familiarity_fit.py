"""Fit the statistics of `decision.familiarity` to training cells, and set their thresholds on held-out ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.familiarity import EPSILON, Familiarity, transformed
from edgewbc.decision.others import Examples, Others

COMPONENTS = 64
"""Largest number of components that features are reduced to."""
FALSE_ALARMS = 0.01
"""Share of held-out cells that may be called unfamiliar."""
MIN_CELLS = 10
"""Training cells per class below which nothing is fitted."""
MIN_HELD_OUT = 99
"""Held-out cells that it takes to set a threshold at 1 % false alarms."""


def fit(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    held_out: NDArray[np.float32],
    *,
    components: int = COMPONENTS,
    false_alarms: float = FALSE_ALARMS,
) -> Familiarity:
    """Return statistics fitted to training cells, with scale and threshold set on held-out ones.

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
    kept = min(components, max(1, int((variances > EPSILON * variances[-1]).sum())))
    # What is stored is rounded, and everything that follows is measured with what is stored.
    center, projection = rounded(center), rounded(directions[:, ::-1][:, :kept])
    projected = (values - center) @ projection
    spread = np.maximum(_within(projected, labels).std(0), EPSILON).astype(np.float32)
    means, whitening = _groups(projected / spread, labels)
    arrays = (center, projection, spread, rounded(means), rounded(whitening))
    found = Familiarity(*arrays, np.array([[0.0, 1.0], [0.0, 1.0]]), trained_on=len(labels), held_out=len(held_out))
    found = replace(found, scale=scale_of(found.parts(transformed(held_out))))
    distances = found.distance(held_out)
    found = replace(found, threshold=order_statistic(distances, place))
    return replace(found, false_alarms=round(float(found.unfamiliar(held_out).mean()), 5))


def show_others(
    familiarity: Familiarity,
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    held_out: NDArray[np.float32],
    examples: Examples,
    *,
    false_alarms: float = FALSE_ALARMS,
) -> Familiarity:
    """Return statistics after examples of other kinds of cells were shown.

    Distance and `threshold` stay as they are, so that no cell that was unfamiliar becomes familiar. A second
    threshold, on the score, is set on held-out cells such that at most `false_alarms` are expected above it too.

    Args:
        familiarity: what `fit` returned.
        features, labels, held_out, false_alarms: as in `fit`; the cells may be fewer.
        examples: cells of other kinds; without enough of any kind nothing changes.

    Raises:
        ValueError: the cells are not of as many classes as the statistics, or as in `fit`.
    """
    if len(np.unique(labels)) != len(familiarity.means):
        raise ValueError(f"{len(np.unique(labels))} classes have cells, the statistics are of {len(familiarity.means)}")
    place, counts = _place(len(held_out), false_alarms), examples.counts()
    if not counts:
        return familiarity
    shown = transformed(examples.features)
    others = Others.fit(transformed(features), labels, shown, examples.kinds, counts)
    odds = others.log_odds(transformed(held_out))[:, None]
    found = replace(familiarity, others=others, scale=np.concatenate([familiarity.scale[:2], scale_of(odds)]))
    found = replace(found, score_threshold=order_statistic(found.score(held_out), place))
    return replace(found, false_alarms=round(float(found.unfamiliar(held_out).mean()), 5))


def scale_of(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean and standard deviation of each part of a score, (2 or 3, 2), of the parts (n, 2 or 3) of cells."""
    return np.stack([parts.mean(0), np.maximum(parts.std(0), EPSILON)], axis=1)


def order_statistic(scores: NDArray[np.float64], place: int) -> float:
    """Return the score at a place in ascending order, from 1, rounded up to six decimals."""
    return round(float(np.sort(scores)[place - 1]) + 5e-7, 6)


def _place(held_out: int, false_alarms: float) -> int:
    """Return which score of so many held-out cells is the threshold, counted from 1 in ascending order."""
    place = math.ceil((held_out + 1) * (1 - false_alarms))
    if place > held_out:
        raise ValueError(f"{held_out} held-out cells are too few for {100 * false_alarms:g} % false alarms")
    return place


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
    mean = max(float(np.trace(covariance)) / k, EPSILON)
    spread = float(np.square(covariance).sum()) - k * mean**2
    noise = (float(np.square(np.square(centered).sum(1)).sum()) / n - float(np.square(covariance).sum())) / n
    share = 1.0 if spread <= 0 else min(1.0, max(0.0, noise / spread))
    found: NDArray[np.float64] = (1 - share) * covariance + share * mean * np.eye(k)
    return found


def rounded(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return values as they are after storing: rounded to float16."""
    return values.astype(np.float16).astype(np.float32)
