"""Which of two heads is better on the same labeled cells."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.decision.head import Head
from edgewbc.decision.views import LabelFrom
from edgewbc.lab.head_comparison import MIN_AGREEMENT, changed_labels, compare


def test_which_head_is_better() -> None:
    truth = np.array([0, 0, 1, 1])
    sure, unsure, wrong = (np.stack([p, 1 - p], axis=1) for p in np.array(
        [[0.9, 0.9, 0.1, 0.1], [0.6, 0.6, 0.4, 0.4], [0.9, 0.9, 0.1, 0.9]]))  # fmt: skip
    classes = ("a", "b")
    assert compare(classes, truth, unsure, sure).gains  # as many right, with a smaller loss
    assert not compare(classes, truth, sure, unsure).gains
    assert not compare(classes, truth, sure, sure).gains  # an equal head is not worth a new bundle
    assert not compare(classes, truth, unsure, wrong).gains
    assert compare(classes, truth, wrong, unsure).gains


def test_labels_that_disagree_with_the_cells_gain_nothing() -> None:
    """Where the adapted head is right hardly more often than by chance, more cells right are chance too."""
    truth = np.arange(40) % 4
    classes = ("a", "b", "c", "d")
    before = np.eye(4)[np.zeros(40, int)]  # right on 10 of 40
    chance = np.eye(4)[np.where(np.arange(40) < 12, truth, (truth + 1) % 4)]  # on 12
    found = compare(classes, truth, before, chance)
    assert (found.before.correct, found.after.correct) == (10, 12)
    assert found.agreement < MIN_AGREEMENT
    assert not found.gains
    better = compare(classes, truth, before, np.eye(4)[np.where(np.arange(40) < 20, truth, 0)])
    assert better.agreement == pytest.approx(0.5)
    assert better.gains


def test_cells_whose_label_changes_are_counted_by_the_label() -> None:
    """The second head gives one cell of two another label by the mean of its views, and none by the upright one."""
    judged = np.array([[[1.0], [-3.0], [-3.0]], [[1.0], [1.0], [1.0]]], np.float32)
    zero = np.zeros(2, np.float32)
    always, by_sign = (Head(((np.array([[2.0], [0.0]], np.float32) * sign, bias),)) for sign, bias in (
        (0, np.array([1, 0], np.float32)), (1, zero)))  # fmt: skip
    assert changed_labels(always, by_sign, LabelFrom.UPRIGHT, judged) == 0
    assert changed_labels(always, by_sign, LabelFrom.MEAN, judged) == 0.5
