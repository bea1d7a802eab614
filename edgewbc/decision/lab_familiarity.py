"""Familiarity after an adaptation: move the statistics of the training cells to a laboratory's labeled cells.

Another stain shifts the features of all cells, so that a laboratory's ordinary cells are unlike the training cells. Its
labeled cells show the shift: the mean of each labeled class is moved to them (as if it had been measured on
`WEIGHT` more cells at the old mean plus the common shift), classes without cells by the common shift, and the
covariances are widened by the spread of the labeled cells. The odds of other kinds are shifted likewise. Scale and
thresholds are set anew on held-out cells.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from edgewbc.decision import adapt
from edgewbc.decision.correction import Cells
from edgewbc.decision.familiarity import Familiarity, transformed
from edgewbc.decision.familiarity_fit import FALSE_ALARMS, order_statistic, rounded, scale_of

WEIGHT = 2.0
"""Cells that the old mean of a class counts as."""
COVARIANCE_WEIGHT = 50.0
"""Cells that the old covariance of a class counts as."""
MIN_HELD_OUT = 20
"""Held-out cells below which nothing is moved."""


def move(old: Familiarity, cells: Cells) -> Familiarity | None:
    """Return the statistics for a laboratory; None if its labeled cells are too few, or the classes are others.

    With m held-out cells, the threshold is the order statistic for `FALSE_ALARMS`, or, if m is too small for that, the
    largest score: then 1 / (m + 1) of the laboratory's cells are expected above it.

    Args:
        old: statistics of the training cells, with one group per class.
        cells: labeled cells.
    """
    part = adapt.assign_folds(cells)
    out = part >= 0
    if out.sum() < MIN_HELD_OUT or cells.labels.max() >= len(old.means):
        return None
    parts = np.zeros((len(cells), len(old.scale)))
    for fold in np.unique(part[out]):
        held_out = part == fold
        moved = _moved(old, cells.take(~held_out))
        parts[held_out] = moved.parts(transformed(cells.features[held_out, 0]))
    parts = parts[out]
    scale = scale_of(parts)
    distances, scores = replace(old, scale=scale).combined(parts)
    place = min(len(scores), math.ceil((len(scores) + 1) * (1 - FALSE_ALARMS)))
    limits = replace(
        old,
        threshold=order_statistic(distances, place),
        score_threshold=old.score_threshold if old.others is None else order_statistic(scores, place),
    )
    return replace(
        _moved(old, cells),
        scale=scale,
        threshold=limits.threshold,
        score_threshold=limits.score_threshold,
        trained_on=old.trained_on + len(cells),
        held_out=len(scores),
        false_alarms=round(float(limits.above(distances, scores).mean()), 5),
    )


def _moved(old: Familiarity, cells: Cells) -> Familiarity:
    """Return center, means and covariances as labeled cells suggest, in the old components."""
    views = cells.features.shape[1]
    labels = np.repeat(cells.labels, views)
    values = transformed(cells.features.reshape(len(labels), -1)) - old.center
    reduced = values @ old.projection / old.spread
    names = np.unique(labels)
    means = old.means.astype(np.float64)
    own = np.stack([reduced[labels == name].mean(0) for name in names])
    shift = (own - means[names]).mean(0)
    means += shift
    for name, mean in zip(names, own, strict=True):
        count = float((cells.labels == name).sum())
        means[name] = (count * mean + WEIGHT * means[name]) / (count + WEIGHT)
    rest = reduced - own[np.searchsorted(names, labels)]
    count = len(cells)
    spread = rest.T @ rest / len(rest)
    whitening = []
    for before in old.whitening.astype(np.float64):
        inverse = np.linalg.inv(before)
        covariance = (COVARIANCE_WEIGHT * inverse @ inverse.T + count * spread) / (COVARIANCE_WEIGHT + count)
        whitening.append(np.linalg.inv(np.linalg.cholesky(covariance)))
    # The part of the shift that the components do not see goes to the center, so that the residual is small again.
    unseen = np.stack([values[labels == name].mean(0) for name in names]).mean(0)
    unseen -= old.projection @ (old.projection.T @ unseen)
    others = old.others
    if others is not None:  # the odds of another stain's cells are those of the training stain again, on average
        first = cells.features[:, 0]
        others = others.shifted(old.scale[2, 0] - float(others.log_odds(transformed(first)).mean()))
    return replace(
        old,
        others=others,
        center=rounded(old.center + unseen),
        means=rounded(means),
        whitening=rounded(np.stack(whitening)),
    )
