"""Tests of edgewbc.decision.review_threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgewbc.decision.review_threshold import ReviewCount, choose, count_accepted


def test_threshold_excludes_errors() -> None:
    """An error at 0.8 moves the threshold to the next higher probability; without errors it is the lowest allowed."""
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.85, 0.15], [0.6, 0.4]], dtype=np.float32)
    assert choose(probabilities, np.array([0, 0, 0, 0]), max_review=1) == 0.5
    assert choose(probabilities, np.array([0, 1, 0, 0]), max_review=1) == pytest.approx(0.85)
    assert count_accepted(probabilities, np.array([0, 1, 0, 0]), 0.85) == ReviewCount(4, 2, 0)


def test_threshold_is_capped_by_the_share_of_reviews() -> None:
    """If confident predictions are wrong, the threshold stops at `max_review`, and the remaining error is counted."""
    probabilities = np.linspace(0.51, 0.99, 100, dtype=np.float32)
    probabilities = np.stack([probabilities, 1 - probabilities], 1)
    truth = np.zeros(100, dtype=np.int64)
    truth[[2, 99]] = 1
    threshold = choose(probabilities, truth, max_review=0.05)
    assert count_accepted(probabilities, truth, threshold) == ReviewCount(100, 95, 1)


def test_one_error_per_thousand_is_allowed() -> None:
    """With a thousand accepted images one error is allowed; a second one moves the threshold above both."""
    probabilities = np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (1100, 1))
    probabilities[:10] = (0.7, 0.3)
    truth = np.zeros(1100, dtype=np.int64)
    truth[0] = 1
    assert choose(probabilities, truth) == 0.5
    truth[1] = 1
    assert choose(probabilities, truth) == pytest.approx(0.9)


@given(st.lists(st.tuples(st.floats(0.5, 1), st.booleans()), min_size=1, max_size=40), st.floats(0, 1))
def test_threshold_respects_both_limits(predictions: list[tuple[float, bool]], most: float) -> None:
    """At most `max_review` of the images are below the threshold; unless it is capped, no accepted image is wrong."""
    confidence = np.array([p for p, _ in predictions], dtype=np.float32)
    probabilities = np.stack([confidence, 1 - confidence], 1)
    truth = np.where([right for _, right in predictions], probabilities.argmax(1), 1 - probabilities.argmax(1))
    threshold = choose(probabilities, truth, max_review=most)
    found = count_accepted(probabilities, truth, threshold)
    limit = np.sort(probabilities.max(1).astype(np.float64))[min(int(most * len(predictions)), len(predictions) - 1)]
    assert threshold == 0.5 or threshold <= limit
    assert found.n - found.accepted <= most * len(predictions)
    if threshold < limit:
        assert found.wrong == 0
