"""Tests of edgewbc.decision.others."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edgewbc.decision.others import FLOOR, STRENGTH, Examples, Others


def points(n: int, centers: list[list[float]], seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    random, group = np.random.default_rng(seed), np.arange(n) % len(centers)
    return np.array(centers)[group] + random.normal(0, 1, (n, 2)), group


def test_the_odds_are_those_of_scikit_learn() -> None:
    """The same penalized multinomial regression, on standardized features; outputs have equal numbers of cells."""
    values, labels = points(400, [[0.0, 0.0], [3.0, 0.0]])
    strange, _ = points(200, [[1.0, 3.0]], seed=1)
    found = Others.fit(values, labels, strange, np.full(200, "other"), {"other": 200})
    spread = np.sqrt(values.std(0) ** 2 + (FLOOR * values.std(0).mean()) ** 2)
    standard = (np.concatenate([values, strange]) - values.mean(0)) / spread
    outputs = np.concatenate([labels, np.full(200, 2)])
    model = LogisticRegression(C=1 / (STRENGTH * len(outputs)), tol=1e-8, max_iter=1000).fit(standard, outputs)
    share = model.predict_proba(standard)[:, 2]
    odds = found.log_odds(np.concatenate([values, strange]))
    np.testing.assert_allclose(odds, np.log(share / (1 - share)), atol=0.05)
    assert found.shifted(2.0).log_odds(values) == pytest.approx(found.log_odds(values) + 2, abs=1e-5)


def test_kinds_with_too_few_cells_are_not_used() -> None:
    """And a kind can be left out."""
    examples = Examples(np.zeros((39, 2), np.float32), np.array(["a"] * 9 + ["b"] * 10 + ["c"] * 20))
    assert examples.counts() == {"b": 10, "c": 20}
    assert examples.without("c").counts() == {"b": 10}
    assert examples.without("nothing").counts() == examples.counts()


def test_the_order_of_the_kinds_does_not_matter() -> None:
    """Counts may name the kinds in any order."""
    values, labels = points(200, [[0.0, 0.0], [3.0, 0.0]])
    strange, group = points(200, [[1.0, 3.0], [1.0, -4.0]], seed=1)
    kinds = np.array(["a", "b"])[group]
    one, other = (Others.fit(values, labels, strange, kinds, dict.fromkeys(names, 100)) for names in ("ab", "ba"))
    np.testing.assert_allclose(one.log_odds(strange), other.log_odds(strange), atol=0.02)
    assert (one.log_odds(strange) > 0).mean() > 0.9
