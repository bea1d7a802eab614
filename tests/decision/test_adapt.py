"""Adapting a head: the regression against scikit-learn and scipy, its folds, and what it keeps of the old head."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.decision import adapt
from edgewbc.decision.adapt import Cells
from edgewbc.decision.head import Head


def zero_head(features: int, classes: int) -> Head:
    """Return a head that gives every class the same probability."""
    return Head(((np.zeros((classes, features), np.float32), np.zeros(classes, np.float32)),))


def blobs(counts: tuple[int, ...], views: int = 3, d: int = 6, noise: float = 1.0, seed: int = 0) -> Cells:
    """Return cells of classes that differ in one feature each; the views of a cell differ a little."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    cells = 3.0 * np.eye(d)[labels] + noise * random.normal(size=(len(labels), d))
    features = cells[:, None] + 0.3 * random.normal(size=(len(labels), views, d))
    return Cells(features.astype(np.float32), labels, np.arange(len(labels)))


def problem(seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return points (40, 5), an offset (40, 4) and labels of three of four classes."""
    random = np.random.default_rng(seed)
    return random.normal(size=(40, 5)), random.normal(size=(40, 4)), np.repeat([0, 1, 3], [20, 15, 5])


@pytest.mark.parametrize("strength", [0.01, 0.3, 3.0])
def test_the_regression_agrees_with_scikit_learn(strength: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    points, _, labels = problem()
    named = np.unique(labels, return_inverse=True)[1]
    regression = adapt._Regression(points, np.zeros((40, 3)), named)
    found = regression.solve(strength, regression.start)
    assert found.converged
    slopes, bias = regression.parameters(found.x)
    # a bias with a hundredth of the penalty is the weight of a constant feature of 10
    reference = linear.LogisticRegression(C=1 / strength, fit_intercept=False, tol=1e-10, max_iter=10000)
    weight = 1 / np.sqrt(np.bincount(named)[named])
    reference.fit(np.column_stack([points, np.full(40, 10.0)]), named, sample_weight=weight / weight.sum())
    assert slopes == pytest.approx(reference.coef_[:, :-1], abs=1e-3)
    assert bias == pytest.approx(10 * reference.coef_[:, -1], abs=1e-2)


def test_the_regression_with_an_offset_agrees_with_scipy() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    points, offset, labels = problem(1)
    strength, weight = 0.1, 1 / np.sqrt(np.bincount(labels)[labels])
    weight /= weight.sum()

    def loss(x: NDArray[np.float64]) -> float:
        parameters = x.reshape(3, 6)
        logits = offset.copy()
        logits[:, [0, 1, 3]] += points @ parameters[:, :5].T + parameters[:, 5]
        true = logits[np.arange(40), labels]
        penalty = np.square(parameters[:, :5]).sum() + adapt._BIAS_PENALTY * np.square(parameters[:, 5]).sum()
        return float(weight @ (np.log(np.exp(logits).sum(1)) - true) + strength / 2 * penalty)

    reference = optimize.minimize(loss, np.zeros(18), tol=1e-9)
    regression = adapt._Regression(points, offset, labels)
    found = regression.solve(strength, regression.start)
    assert found.value == pytest.approx(reference.fun, abs=1e-6)
    slopes, bias = regression.parameters(found.x)
    assert slopes[[0, 1, 3]] == pytest.approx(reference.x.reshape(3, 6)[:, :5], abs=2e-3)
    assert not slopes[2].any()
    assert bias[2] == 0


def test_the_gradient_is_that_of_the_value() -> None:
    points, offset, labels = problem(2)
    regression = adapt._Regression(points, offset, labels)
    x = np.random.default_rng(3).normal(size=18)
    _, gradient = regression._value(x, 0.2)
    for index in range(18):
        step = np.zeros(18)
        step[index] = 1e-6
        slope = (regression._value(x + step, 0.2)[0] - regression._value(x - step, 0.2)[0]) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_a_few_cells_teach_a_head_that_knows_nothing() -> None:
    cells, test = blobs((8, 8, 8), noise=0.7), blobs((50, 50, 50), noise=0.7, seed=1)
    head = zero_head(6, 3)
    correction = adapt.fit(cells, head, adapt.cross_validate(cells, head).strength)
    assert correction.converged
    logits = correction.logits(head, test.features[:, 0])
    assert (logits.argmax(1) == test.labels).mean() > 0.95
    assert correction.head(head).logits(test.features[:, 0]) == pytest.approx(logits, abs=1e-4)


def test_with_a_strong_penalty_the_old_head_stays() -> None:
    cells = blobs((5, 5, 5))
    head = Head(((np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))
    correction = adapt.fit(cells, head, 1e6)
    assert correction.logits(head, cells.features) == pytest.approx(head.logits(cells.features), abs=1e-2)


def test_missing_classes_keep_their_weights() -> None:
    head = Head(((np.eye(4, 6, dtype=np.float32), np.zeros(4, np.float32)),))
    cells = blobs((6, 0, 6, 0))
    correction = adapt.fit(cells, head, 0.1)
    assert not correction.weights[[1, 3]].any()
    assert not correction.bias[[1, 3]].any()
    assert correction.weights[[0, 2]].any(1).all()


def test_more_features_than_views_give_the_same_as_padding_them() -> None:
    cells = blobs((3, 3), views=2, d=6)
    wide = np.concatenate([cells.features, np.zeros((6, 2, 30), np.float32)], axis=2)
    correction = adapt.fit(Cells(wide, cells.labels, cells.groups), zero_head(36, 2), 0.3)
    assert correction.converged
    assert correction.weights[:, 6:] == pytest.approx(0, abs=1e-9)
    assert (correction.logits(zero_head(36, 2), wide[:, 0]).argmax(1) == cells.labels).all()


def test_views_of_a_cell_and_copies_of_an_image_are_in_one_fold() -> None:
    cells = blobs((7, 6, 1))
    groups = cells.groups.copy()
    groups[1] = groups[0]
    part = adapt.assign_folds(Cells(cells.features, cells.labels, groups), 5)
    assert part[0] == part[1]
    assert part[-1] == -1  # the only cell of its class
    assert set(part[:-1].tolist()) == set(range(5))
    for label in (0, 1):
        counts = np.bincount(part[(cells.labels == label) & (groups != groups[0])], minlength=5)
        assert counts.max() <= 2


def test_held_out_probabilities_are_of_heads_that_have_not_seen_the_cell() -> None:
    random = np.random.default_rng(5)
    features = random.normal(size=(60, 1, 40)).astype(np.float32)
    cells = Cells(features, random.permutation(np.repeat([0, 1], 30)), np.arange(60))
    found = adapt.cross_validate(cells, zero_head(40, 2), strengths=(0.01, 1.0))
    right = (found.probabilities.argmax(1) == cells.labels).mean()
    assert 0.25 < right < 0.75  # labels at random: nothing can be learned
    fitted = adapt.fit(cells, zero_head(40, 2), 0.01).logits(zero_head(40, 2), features[:, 0])
    assert (fitted.argmax(1) == cells.labels).all()
    assert found.strength == 1.0
    assert found.losses[1.0, 1.0] < found.losses[1.0, 0.01]


def test_nothing_is_held_out_of_single_cells() -> None:
    found = adapt.cross_validate(blobs((1, 1, 1)), zero_head(6, 3))
    assert found.strength == adapt.DEFAULT
    assert not found.held_out.any()
    assert found.losses == {}


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one label"):
        Cells(np.zeros((3, 2, 4), np.float32), np.zeros(2, np.int64), np.zeros(3, np.int64))


def test_an_overconfident_head_is_toned_down_with_enough_cells() -> None:
    """A head that is certain and half wrong is worth little; 10 cells of a class tell so, 5 are not asked."""
    wrong = Head(((40 * np.eye(3, 6, k=1, dtype=np.float32), np.zeros(3, np.float32)),))
    assert adapt.cross_validate(blobs((12, 12, 12), noise=0.7), wrong, [0.3]).scale == 0.25
    few = adapt.cross_validate(blobs((12, 12, 5), noise=0.7), wrong, [0.3])
    assert few.scale == 1.0
    assert list(few.losses) == [(1.0, 0.3)]


def test_a_head_that_is_right_keeps_its_weight() -> None:
    right = Head(((3 * np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))
    assert adapt.cross_validate(blobs((12, 12, 12), noise=0.3), right, [3.0]).scale == 1.0


def test_a_scaled_correction_is_one_head() -> None:
    cells, head = blobs((12, 12, 12)), Head(((np.eye(3, 6, dtype=np.float32), np.ones(3, np.float32)),))
    correction = adapt.fit(cells, head, 0.3, 0.5)
    logits = correction.logits(head, cells.features)
    assert correction.head(head).logits(cells.features) == pytest.approx(logits, abs=1e-4)
    assert logits - 0.5 * head.logits(cells.features) == pytest.approx(
        cells.features @ correction.weights.T + correction.bias, abs=1e-4
    )
