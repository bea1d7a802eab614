"""Repeated draws: what is drawn, what is measured, and the spreads."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.decision import shots
from edgewbc.decision.views import LabelFrom
from edgewbc.metrics import Spread
from tests.decision.test_correction import blobs, zero_head


def test_spread() -> None:
    assert Spread.of([1.0, 2.0, 3.0]) == Spread(2.0, 1.0, 1.0, 3.0)
    assert Spread.of([0.5]) == Spread(0.5, 0.0, 0.5, 0.5)


def test_only_classes_with_enough_cells_are_drawn() -> None:
    labels = np.repeat([0, 1, 2], [10, 7, 6])
    classes = shots.eligible(labels, [2, 5])
    assert classes.tolist() == [0, 1]
    drawn = shots.draw(labels, classes, 5, np.random.default_rng(0))
    assert np.bincount(labels[drawn]).tolist() == [5, 5]


def test_scores_leave_out_classes_without_cells() -> None:
    accuracy, macro = shots.scores(np.array([0, 0, 1, 0]), np.array([0, 0, 1, 1]), np.array([0, 1, 2]))
    assert (accuracy, macro) == (0.75, 0.75)


def test_more_cells_are_better_and_the_old_head_is_measured_on_the_same_ones() -> None:
    cells = blobs((14, 14, 14), noise=1.5, views=2)
    rows = shots.evaluate(cells, zero_head(6, 3), [1, 10], repeats=4)
    assert [row.shots for row in rows] == [1, 10]
    assert rows[1].macro.mean > rows[0].macro.mean
    assert rows[0].macro_before.mean == pytest.approx(1 / 3)
    assert rows == shots.evaluate(cells, zero_head(6, 3), [10, 1], repeats=4)
    assert rows[0].to_json()["macro"]["low"] <= rows[0].macro.mean


def test_the_label_of_the_mean_of_views() -> None:
    logits = np.array([[[3.0, 0.0], [0.0, 0.5], [0.0, 0.5]], [[3.0, 0.0], [0.0, 3.0], [0.0, 3.0]]])
    assert shots.labels_of(logits, LabelFrom.UPRIGHT).tolist() == [0, 0]
    assert shots.labels_of(logits, LabelFrom.MEAN).tolist() == [0, 1]


def test_too_few_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two classes"):
        shots.evaluate(blobs((3, 3)), zero_head(6, 2), [5])
