"""The labeled cells most similar to a cell."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.decision.neighbors import nearest


def test_nearest_cells_by_angle() -> None:
    labeled = np.array([[1, 0], [0, 9], [4, 4]], np.float32)
    order, similarity = nearest(np.array([100, 100], np.float32), labeled, 2)
    assert order.tolist() == [2, 0]
    assert similarity == pytest.approx([1, np.sqrt(0.5)])
    assert len(nearest(np.zeros(2, np.float32), labeled, 9)[0]) == 3
