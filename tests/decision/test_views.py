"""How sure a network is of a cell of which it has seen several views."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.decision.calibration import Calibration
from edgewbc.decision.views import LabelFrom, judge, lowest
from edgewbc.smear.views import Views

UPRIGHT = np.array([[0.6, 0.4], [0.3, 0.7]], np.float32)
OTHERS = np.array([[[0.2, 0.8], [0.4, 0.6]], [[0.1, 0.9], [0.05, 0.95]]], np.float32)


def test_the_lowest_probability_of_the_label() -> None:
    """The label is that of the upright view; of another view only what it gives this label matters."""
    upright = np.array([[0.9, 0.1], [0.3, 0.7]], np.float32)
    others = np.array([[[0.8, 0.2], [0.2, 0.8]], [[0.1, 0.9], [0.05, 0.95]]], np.float32)
    assert lowest(upright, others).tolist() == pytest.approx([0.2, 0.7])


def test_one_view_alone() -> None:
    assert lowest(np.array([[0.25, 0.75]]), np.zeros((1, 0, 2))).tolist() == [0.75]


def test_a_new_bundle_takes_labels_from_all_of_its_views() -> None:
    assert LabelFrom.of(None) is LabelFrom.UPRIGHT
    assert LabelFrom.of(Views(2, ())) is LabelFrom.MEAN


def test_the_label_of_one_view_or_of_their_mean() -> None:
    """Two of three views of the first cell give it another label than the upright one."""
    assert LabelFrom.UPRIGHT.probabilities(UPRIGHT, OTHERS) is UPRIGHT
    assert LabelFrom.MEAN.probabilities(UPRIGHT, OTHERS) == pytest.approx(np.array([[0.4, 0.6], [0.15, 0.85]]))
    assert LabelFrom.MEAN.probabilities(UPRIGHT[0], OTHERS[0]) == pytest.approx(np.array([0.4, 0.6]))
    for none in (None, np.zeros((2, 0, 2), np.float32)):
        assert LabelFrom.MEAN.probabilities(UPRIGHT, none) is UPRIGHT


def test_a_cell_is_as_sure_as_its_least_sure_view() -> None:
    """Of the mean's label, the upright view of the first cell is the least sure, and it counts."""
    found = judge(UPRIGHT, OTHERS, LabelFrom.MEAN, lambda probabilities: probabilities)
    assert found.probabilities.argmax(1).tolist() == [1, 1]
    assert found.sure == pytest.approx([0.4, 0.7])
    upright = judge(UPRIGHT, OTHERS, LabelFrom.UPRIGHT, lambda probabilities: probabilities)
    assert upright.probabilities.argmax(1).tolist() == [0, 1]
    assert upright.sure == pytest.approx([0.2, 0.7])
    assert judge(UPRIGHT, None, LabelFrom.MEAN, lambda probabilities: probabilities).sure == pytest.approx([0.6, 0.7])


def test_the_mean_is_calibrated_and_so_is_each_view() -> None:
    calibration = Calibration(2.0)
    found = judge(UPRIGHT, OTHERS, LabelFrom.MEAN, calibration.apply)
    assert found.probabilities == pytest.approx(calibration.apply(np.array([[0.4, 0.6], [0.15, 0.85]], np.float32)))
    assert found.sure == pytest.approx([calibration.apply(UPRIGHT[0])[1], calibration.apply(UPRIGHT[1])[1]])
