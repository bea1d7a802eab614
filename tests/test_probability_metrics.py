"""Tests of `edgewbc.probability_metrics` against worked examples and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.probability_metrics import ProbabilityScores, probability_scores


def test_probability_scores_of_a_worked_example() -> None:
    """One image with probability 0.5 for the true class and one with probability 0, computed by hand."""
    found = probability_scores([0, 1], [[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]])
    assert found.brier == pytest.approx((0.5 + 2.0) / 2)
    assert found.log_loss == pytest.approx((np.log(2) + np.log(1e7)) / 2)
    assert probability_scores([], np.zeros((0, 3))) == ProbabilityScores(None, None, None)
    with pytest.raises(ValueError, match="1 labels and 2 predictions"):
        probability_scores([0], [[1.0, 0.0], [1.0, 0.0]])


def test_calibration_error_of_worked_examples() -> None:
    """Probabilities of 0.9 that are correct in nine of ten cases are calibrated; in five of ten they are 0.4 off."""
    predictions = np.tile([0.9, 0.1], (10, 1))
    assert probability_scores([0] * 9 + [1], predictions).calibration_error == pytest.approx(0)
    assert probability_scores([0] * 5 + [1] * 5, predictions).calibration_error == pytest.approx(0.4)
    both = np.vstack([predictions, np.tile([0.4, 0.6], (10, 1))])  # errors of two bins do not cancel out
    assert probability_scores([0] * 8 + [1] * 2 + [1] * 7 + [0] * 3, both).calibration_error == pytest.approx(0.1)


def test_probability_scores_agree_with_scikit_learn() -> None:
    """Log loss, and the Brier score of two classes, which is half of the sum over both."""
    sklearn = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    predictions, truth = random.dirichlet([1, 1], 50), random.integers(0, 2, 50)
    found = probability_scores(truth, predictions)
    assert found.log_loss == pytest.approx(sklearn.log_loss(truth, predictions))
    assert found.brier == pytest.approx(2 * sklearn.brier_score_loss(truth, predictions[:, 1]))
