"""Fitting familiarity statistics: the threshold, the covariances, and what is too little to fit to."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf as of_sklearn

from edgewbc.decision import familiarity_fit
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.familiarity_fit import ledoit_wolf
from tests.decision.test_familiarity import cells, others


@pytest.fixture(scope="module")
def familiarity() -> Familiarity:
    """Statistics of 20 features."""
    return familiarity_fit.fit(*cells(900), cells(400, seed=1)[0])


def test_threshold_is_the_order_statistic_of_split_conformal_prediction(familiarity: Familiarity) -> None:
    """Of 400 held-out cells, the 397th score in ascending order: ceil(401 * 0.99)."""
    scores = np.sort(familiarity.score(cells(400, seed=1)[0]))
    assert familiarity.threshold == pytest.approx(scores[396], abs=2e-6)
    assert (scores > familiarity.threshold).sum() == 3
    assert familiarity.false_alarms == pytest.approx(3 / 400)


def test_shrinkage_is_that_of_scikit_learn() -> None:
    """The covariance agrees with `sklearn.covariance.ledoit_wolf`, for many and for few cells."""
    for n in (30, 500):
        values = np.random.default_rng(n).normal(0, 1, (n, 12)) * np.arange(1, 13)
        np.testing.assert_allclose(ledoit_wolf(values), of_sklearn(values, assume_centered=True)[0], rtol=1e-9)


def test_a_constant_feature_is_no_problem() -> None:
    """Features that never vary do not make a covariance singular."""
    features, labels = cells(300)
    features[:, :5] = 0
    found = familiarity_fit.fit(features, labels, features)
    assert found.projection.shape == (20, 15)
    assert np.isfinite(found.score(features)).all()


def test_too_few_examples_change_nothing(familiarity: Familiarity) -> None:
    """Nine cells are too few; other classes than those of the statistics are refused."""
    features, labels = cells(900)
    held_out = cells(400, seed=1)[0]
    assert familiarity_fit.show_others(familiarity, features, labels, held_out, others(9)) is familiarity
    with pytest.raises(ValueError, match="2 classes have cells, the statistics are of 3"):
        familiarity_fit.show_others(familiarity, features[labels < 2], labels[labels < 2], held_out, others(50))


def test_too_few_cells_are_refused() -> None:
    """Statistics of nine cells of a class, or a threshold from 98 cells, would be none."""
    features, labels = cells(300)
    with pytest.raises(ValueError, match="98 held-out cells are too few"):
        familiarity_fit.fit(features, labels, features[:98])
    with pytest.raises(ValueError, match="fewer than 10 training cells"):
        familiarity_fit.fit(features[:27], labels[:27], features)
