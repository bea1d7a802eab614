"""Tests of edgewbc.runtime.deviation."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.bundle.golden_limits import GoldenLimits
from edgewbc.runtime.deviation import Deviation

PROBABILITIES = np.array([[0.9, 0.1], [0.2, 0.8]])
FEATURES = np.array([[3.0, 4.0], [3.0, 4.0]])


def test_equal_predictions_do_not_deviate() -> None:
    found = Deviation.of(PROBABILITIES, FEATURES, PROBABILITIES, FEATURES)
    assert found == Deviation(0.0, 0.0, 0.0)
    assert found.faults(1e-9, GoldenLimits(1e-9, 1e-9)) == ()


def test_values_of_each_deviation() -> None:
    """By hand: the odds of the first sample are 99 instead of 9, and the first feature is 3 too small in it."""
    probabilities = np.array([[0.99, 0.01], [0.2, 0.8]])
    features = np.array([[0.0, 4.0], [3.0, 4.0]])
    found = Deviation.of(probabilities, features, PROBABILITIES, FEATURES)
    assert found.probability == pytest.approx(0.09)
    assert found.mean_logit == pytest.approx(np.log(99 / 9) / 2 / 2)  # half of the difference of two, of two samples
    assert found.mean_features == pytest.approx(1.5 / 5)


def test_saturated_probabilities_show_a_fault_in_their_logarithms() -> None:
    """A logit that is 4 smaller moves a probability of nearly 1 by 0.0003 only."""
    logits = np.array([[12.0, 0.0], [12.0, 0.0]])
    sure, less = (np.exp(each) / np.exp(each).sum(1, keepdims=True) for each in (logits, logits - [4.0, 0.0]))
    found = Deviation.of(less, FEATURES, sure, FEATURES)
    assert found.probability < 0.0004
    assert found.mean_logit == pytest.approx(2.0, abs=1e-3)
    assert found.faults(0.01, GoldenLimits(mean_logit=0.1)) == ("the mean of a logit differs by 2, allowed are 0.1",)


def test_a_fault_shows_in_the_mean_of_the_features_and_rounding_does_not() -> None:
    """Rounding moves each feature of each sample in another direction; a channel that is zero is so in all samples."""
    random = np.random.default_rng(0)
    expected = random.uniform(0.0, 2.0, (10, 100))
    rounded = expected + random.normal(0.0, 0.1, expected.shape)
    dead = expected.copy()
    dead[:, 7] = 0.0
    same = np.ones((10, 1))
    for each in (rounded, dead):  # of a single sample, both are as far
        assert 0.05 < np.linalg.norm(each[0] - expected[0]) / np.linalg.norm(expected[0]) < 0.2
    one, other = (Deviation.of(same, each, same, expected) for each in (rounded, dead))
    assert other.mean_features > 3 * one.mean_features


def test_nothing_that_is_not_a_number_passes() -> None:
    bad = np.full_like(PROBABILITIES, np.nan)
    found = Deviation.of(bad, np.full_like(FEATURES, np.inf), PROBABILITIES, FEATURES)
    limits = GoldenLimits(0.5, 0.5)
    assert len(found.faults(0.2, limits)) == 3
    assert len(Deviation(*[float("nan")] * 3).faults(0.2, limits)) == 3


def test_what_has_no_limit_is_not_checked() -> None:
    found = Deviation(0.3, 1.0, 1.0)
    assert found.faults(0.2, GoldenLimits()) == ("a probability differs by 0.3, allowed are 0.2",)
    assert found.faults(0.5, GoldenLimits(mean_features=0.9)) == (
        "the mean of the features, as a share of it, differs by 1, allowed are 0.9",
    )
