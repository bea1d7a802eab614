"""Adapt a head to unlabeled cells of a laboratory: self-training with a guard.

The head labels the cells, the most probable third of each class is taken as if a person had labeled it, and a
correction is fitted to those (`correction.fit`); four times over (Scudder 1965, "Probability of error of some adaptive
pattern-recognition machines"; class-balanced as in Zou et al. 2018, arXiv 1810.07911). Each orientation of a cell has
the label that the bundle gives the cell, by the mean of the views that it looks at.

The guard: nothing is corrected where the bundle knows cells like these, so that it has little to learn and something to
lose (`MIN_UNFAMILIAR`); with fewer than `MIN_CELLS` cells; or if fewer than two classes are found. A class of which
fewer than `MIN_OF_CLASS` cells are found keeps the old head's weights, and the penalty is strong. `python -m
bench.adapt` measures what it gains.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.correction import Cells, Correction, fit
from edgewbc.decision.head import Head, softmax

SHARE = 0.3
"""Share of the cells of each class, the most probable ones, that are taken as labeled."""
ROUNDS = 4
STRENGTH = 1.0
"""Strength of the penalty."""
MIN_UNFAMILIAR = 0.25
"""Share of the cells that must be unfamiliar. Of PBC's validation cells 1 to 2 % are; of BCCD's, 18 % for the bundles
that were trained on some of them, which would lose a point or two, and 85 % and more for others, which gain."""
MIN_CELLS = 30
MIN_OF_CLASS = 5


def correct(
    features: NDArray[np.float32], judged: NDArray[np.float32], head: Head, unfamiliar: float = 1.0
) -> Correction | None:
    """Return the correction that unlabeled cells suggest; None if there is too little to learn from.

    Args:
        features: of each orientation of each cell, (n, orientations, d).
        judged: of the views that the bundle looks at, (n, views, d).
        head: the old head.
        unfamiliar: share of the cells that are unfamiliar to the bundle, 0 to 1.
    """
    if len(features) < MIN_CELLS or unfamiliar < MIN_UNFAMILIAR:
        return None
    found: Correction | None = None
    logits = head.logits(judged)
    for _ in range(ROUNDS):
        labels, chosen = _confident(logits)
        if len(np.unique(labels[chosen])) < 2:
            return None
        cells = Cells(features[chosen], labels[chosen], np.flatnonzero(chosen))
        found = fit(cells, head, STRENGTH)
        logits = found.logits(head, judged)
    return found


def _confident(logits: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the label of each cell, (n,), and which are among the most probable of their class, (n,)."""
    probabilities = softmax(logits).mean(1)
    labels = probabilities.argmax(1).astype(np.int64)
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        if len(own) >= MIN_OF_CLASS:
            most = max(MIN_OF_CLASS, int(SHARE * len(own)))
            chosen[own[np.argsort(-probabilities[own, label], kind="stable")[:most]]] = True
    return labels, chosen
