"""How sure a network is of a cell of which it has seen several views."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def surest(probabilities: NDArray[np.floating], sure: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
    """Return what a threshold is compared with, float64 (n,): `sure` (n,), or each cell's highest probability."""
    return np.asarray(probabilities.max(1) if sure is None else sure, dtype=np.float64)


def lowest(probabilities: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the lowest probability that any view gives the label, which is that of the upright view, (n,).

    Args:
        probabilities: of the upright view, (n, K).
        others: of further views, (n, m, K).
    """
    label = probabilities.argmax(1)
    own = np.take_along_axis(probabilities, label[:, None], 1)
    found = np.take_along_axis(others, label[:, None, None], 2)[:, :, 0]
    lowest_of: NDArray[np.floating] = np.minimum(own[:, 0], found.min(1, initial=1.0))
    return lowest_of
