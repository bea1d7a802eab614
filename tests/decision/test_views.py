"""How sure a network is of a cell of which it has seen several views."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.decision.views import lowest


def test_the_lowest_probability_of_the_label() -> None:
    """The label is that of the upright view; of another view only what it gives this label matters."""
    upright = np.array([[0.9, 0.1], [0.3, 0.7]], np.float32)
    others = np.array([[[0.8, 0.2], [0.2, 0.8]], [[0.1, 0.9], [0.05, 0.95]]], np.float32)
    assert lowest(upright, others).tolist() == pytest.approx([0.2, 0.7])


def test_one_view_alone() -> None:
    assert lowest(np.array([[0.25, 0.75]]), np.zeros((1, 0, 2))).tolist() == [0.75]
