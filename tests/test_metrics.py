"""Tests of `edgewbc.metrics` against worked examples, scikit-learn and scipy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.metrics import (
    Accuracy,
    ClassScore,
    McNemar,
    Scores,
    Spread,
    cluster_bootstrap,
    confusion,
    kappa,
    mcnemar,
    score,
    wilson,
)

NAMES = ("neutrophil", "lymphocyte", "monocyte", "eosinophil", "basophil")
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def test_wilson_gives_the_published_interval() -> None:
    """81 of 263 is Newcombe's (1998) worked example: 0.2553 to 0.3662."""
    low, high = wilson(81, 263) or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_wilson_at_the_edges() -> None:
    """The bound at 0 and at n correct is exact; without observations there is no interval."""
    assert wilson(0, 0) is None
    low, high = wilson(0, 10) or (1, 0)
    assert low == 0.0
    assert high == pytest.approx(0.2775, abs=1e-4)
    low, high = wilson(10, 10) or (0, 0)
    assert high == 1.0
    assert low == pytest.approx(0.7225, abs=1e-4)
    with pytest.raises(ValueError, match="11 correct of 10"):
        wilson(11, 10)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_contains_the_proportion(pair: tuple[int, int]) -> None:
    """The interval is within 0..1 and contains the observed proportion."""
    correct, n = pair
    low, high = wilson(correct, n) or (1, 0)
    assert 0 <= low <= correct / n <= high <= 1


def test_score_of_a_worked_example() -> None:
    """Six images of three classes, counted by hand."""
    found = score([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], ("a", "b", "c"))
    assert found.confusion == ((2, 1, 0), (0, 1, 1), (0, 0, 1))
    assert (found.n, found.correct) == (6, 4)
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert found.per_class["a"].recall == pytest.approx(2 / 3)
    assert found.per_class["a"].precision == 1.0
    assert found.per_class["b"].f1 == 0.5
    assert found.per_class["c"].precision == 0.5
    assert found.interval == wilson(4, 6)
    assert found.per_class["c"].recall_interval == wilson(1, 1)


def test_accuracy_is_counted_from_labels() -> None:
    """Correct predictions are counted; the JSON has the accuracy and its interval too, and reads back."""
    found = Accuracy.of([0, 1, 1, 2], np.array([0, 1, 2, 2]))
    assert found == Accuracy(n=4, correct=3)
    low, high = wilson(3, 4) or (0, 0)
    assert found.to_json() == {"n": 4, "correct": 3, "accuracy": 0.75, "interval": [low, high]}
    assert Accuracy.from_json(found.to_json()) == found


def test_undefined_values_are_none() -> None:
    """A class without images has no recall, one never predicted no precision; no images have no accuracy."""
    found = score([0, 0], [0, 0], ("a", "b"))
    assert found.per_class["b"] == ClassScore(n=0, recall=None, precision=None, f1=None, recall_interval=None)
    assert found.balanced_accuracy == 1.0
    empty = score([], [], ("a", "b"))
    assert empty.n == 0
    assert empty.accuracy is None
    assert empty.interval is None
    assert empty.macro_f1 is None
    json.dumps([found.to_json(), empty.to_json()], allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(PAIRS)
def test_score_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Accuracy, balanced accuracy, macro-F1, recall, precision and confusion are scikit-learn's."""
    sk = pytest.importorskip("sklearn.metrics")
    truth, predictions = (np.array(side) for side in zip(*pairs, strict=True))
    found = score(truth, predictions, NAMES)
    assert Scores.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    assert found.accuracy == pytest.approx(sk.accuracy_score(truth, predictions))
    assert found.macro_f1 == pytest.approx(sk.f1_score(truth, predictions, average="macro", zero_division=0))
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(truth, predictions, labels=range(5)))
    recall = sk.recall_score(truth, predictions, labels=sorted(set(truth.tolist())), average="macro", zero_division=0)
    assert found.balanced_accuracy == pytest.approx(recall)
    precisions = sk.precision_score(truth, predictions, labels=range(5), average=None, zero_division=0)
    for name, precision in zip(NAMES, precisions, strict=True):
        assert (found.per_class[name].precision or 0.0) == pytest.approx(precision)


def test_confusion_refuses_invalid_input() -> None:
    """Arrays of different lengths and indices out of range are refused."""
    with pytest.raises(ValueError, match="2 labels and 1 predictions"):
        confusion([0, 1], [0], 2)
    with pytest.raises(ValueError, match=r"outside of 0\.\.1"):
        confusion([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match="outside"):
        confusion([0, -1], [0, 1], 2)


def test_mcnemar_of_worked_examples() -> None:
    """Discordant images 9:1 give p = 22/1024; none, and 1:1, give 1."""
    a = [True] * 9 + [False] + [True] * 5
    b = [False] * 9 + [True] + [True] * 5
    assert mcnemar(a, b) == McNemar(b=9, c=1, p=22 / 1024)
    assert mcnemar([True, False], [True, False]) == McNemar(0, 0, 1.0)
    assert mcnemar([True, False], [False, True]).p == 1.0
    with pytest.raises(ValueError, match="1 predictions of one model and 2"):
        mcnemar([True], [True, False])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 700), st.integers(0, 700))
def test_mcnemar_agrees_with_scipy(only_a: int, only_b: int) -> None:
    """The p-value is that of scipy's exact binomial test, for hundreds of images too."""
    stats = pytest.importorskip("scipy.stats")
    a = np.repeat([True, False], [only_a, only_b])
    found = mcnemar(a, ~a)
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert found.p == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_bootstrap_counts_copies_of_an_original_once() -> None:
    """With 20 copies of each of 10 originals, the interval is that of 10 predictions, much wider than Wilson's."""
    correct = np.repeat([1, 1, 1, 1, 1, 1, 1, 0, 0, 0], 20)
    low, high = cluster_bootstrap(correct, [str(i) for i in np.repeat(range(10), 20)]) or (0, 0)
    alone = wilson(140, 200) or (0, 0)
    assert low == pytest.approx(0.4)
    assert high == pytest.approx(0.9, abs=0.101)
    assert high - low > 3 * (alone[1] - alone[0])


def test_bootstrap_of_single_images_is_close_to_wilson() -> None:
    """If every image is its own group, the interval is that of independent predictions."""
    correct = np.arange(400) % 10 != 0
    low, high = cluster_bootstrap(correct, [str(i) for i in range(400)]) or (0, 0)
    assert (low, high) == pytest.approx(wilson(360, 400), abs=0.012)


def test_bootstrap_of_all_correct_is_wilson_over_groups() -> None:
    """If all predictions are correct, or all wrong, the interval is Wilson's over the groups, not empty."""
    groups = [str(i) for i in np.repeat(range(33), 19)]
    assert cluster_bootstrap([True] * 627, groups) == wilson(33, 33)
    assert cluster_bootstrap([False] * 627, groups) == wilson(0, 33)


def test_one_group_has_no_interval() -> None:
    """A single group has no spread, so there is no interval."""
    assert cluster_bootstrap([True, False], ["a", "a"]) is None
    with pytest.raises(ValueError, match="2 predictions and 1 groups"):
        cluster_bootstrap([True, False], ["a"])


def test_a_spread_of_one_value_has_no_deviation() -> None:
    assert Spread.of([0.25]) == Spread(0.25, 0.0, 0.25, 0.25)
    assert Spread.of([1, 2, 6]).to_json() == {"mean": 3, "deviation": pytest.approx(7**0.5), "low": 1, "high": 6}


def test_kappa_is_agreement_beyond_chance() -> None:
    """Cohen's example of two raters, chance, perfect agreement, and one class alone."""
    assert kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)
    assert kappa([[10, 10], [10, 10]]) == pytest.approx(0.0)
    assert kappa([[3, 0], [0, 4]]) == 1.0
    assert kappa([[7, 0], [0, 0]]) == 1.0
    assert kappa([[0, 0], [0, 0]]) == 0.0
