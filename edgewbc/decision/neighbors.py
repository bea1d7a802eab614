"""The labeled cells that a network finds most similar to a cell, by the angle between their features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgewbc.decision.familiarity import transformed


def nearest(
    features: NDArray[np.float32], labeled: NDArray[np.float32], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the most similar labeled cells, the nearest first, and their similarities.

    The similarity is the cosine of the angle between the square roots of the features (see `familiarity.transformed`):
    1 for the same direction, 0 for nothing in common.

    Args:
        features: of one cell, (d,).
        labeled: features of labeled cells, (n, d).
        count: number of cells to return; all of them where there are fewer.

    Returns:
        indices and similarities, (min(count, n),).
    """
    similarity = _unit(labeled) @ _unit(features[None])[0]
    order = np.argsort(-similarity, kind="stable")[:count].astype(np.int64)
    return order, similarity[order]


def _unit(features: NDArray[np.float32]) -> NDArray[np.float64]:
    values = transformed(features)
    found: NDArray[np.float64] = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    return found
