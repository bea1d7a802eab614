"""The correction of a head: the regression, its metric, and the mean of several."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.decision import correction as corrections
from edgewbc.decision.correction import _BIAS_PENALTY, OLD, Cells, _Regression, fit, fit_mean
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
def test_the_regression_agrees_with_scikit_learn(strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    points, _, labels = problem()
    named = np.unique(labels, return_inverse=True)[1]
    monkeypatch.setattr(corrections, "TOLERANCE", 1e-5)
    regression = _Regression(points, np.zeros((1, 40, 3)), named)
    found = regression.solve(strength, regression.start)
    assert found.converged
    (slopes,), (bias,) = regression.parameters(found.x)
    # a bias with a hundredth of the penalty is the weight of a constant feature of 10
    reference = linear.LogisticRegression(C=1 / strength, fit_intercept=False, tol=1e-10, max_iter=10000)
    weight = 1 / np.sqrt(np.bincount(named)[named])
    reference.fit(np.column_stack([points, np.full(40, 10.0)]), named, sample_weight=weight / weight.sum())
    assert slopes == pytest.approx(reference.coef_[:, :-1], abs=1e-3)
    assert bias == pytest.approx(10 * reference.coef_[:, -1], abs=1e-2)


def test_regressions_with_an_offset_agree_with_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that are solved together are each as if alone."""
    monkeypatch.setattr(corrections, "TOLERANCE", 1e-5)
    optimize = pytest.importorskip("scipy.optimize")
    points, offset, labels = problem(1)
    strength, weight = 0.1, 1 / np.sqrt(np.bincount(labels)[labels])
    weight /= weight.sum()

    def loss(x: NDArray[np.float64], scale: float) -> float:
        parameters = x.reshape(3, 6)
        logits = scale * offset
        logits[:, [0, 1, 3]] += points @ parameters[:, :5].T + parameters[:, 5]
        true = logits[np.arange(40), labels]
        penalty = np.square(parameters[:, :5]).sum() + _BIAS_PENALTY * np.square(parameters[:, 5]).sum()
        return float(weight @ (np.log(np.exp(logits).sum(1)) - true) + strength / 2 * penalty)

    scales = (1.0, 0.25)
    references = [optimize.minimize(loss, np.zeros(18), (scale,), tol=1e-9) for scale in scales]
    regression = _Regression(points, np.stack([scale * offset for scale in scales]), labels)
    found = regression.solve(strength, regression.start)
    assert found.value == pytest.approx(sum(each.fun for each in references), abs=1e-6)
    for slopes, bias, reference in zip(*regression.parameters(found.x), references, strict=True):
        assert slopes[[0, 1, 3]] == pytest.approx(reference.x.reshape(3, 6)[:, :5], abs=2e-3)
        assert not slopes[2].any()
        assert bias[2] == 0


def test_the_gradient_is_that_of_the_value() -> None:
    points, offset, labels = problem(2)
    regression = _Regression(points, np.stack([offset, 0.5 * offset]), labels)
    x = np.random.default_rng(3).normal(size=36)
    _, gradient = regression._value(x, 0.2)
    for index in range(36):
        step = np.zeros(36)
        step[index] = 1e-6
        slope = (regression._value(x + step, 0.2)[0] - regression._value(x - step, 0.2)[0]) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_with_a_strong_penalty_the_old_head_stays() -> None:
    cells = blobs((5, 5, 5))
    head = Head(((np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))
    correction = fit(cells, head, 1e6)
    assert correction.logits(head, cells.features) == pytest.approx(head.logits(cells.features), abs=1e-2)


def test_missing_classes_keep_their_weights() -> None:
    head = Head(((np.eye(4, 6, dtype=np.float32), np.zeros(4, np.float32)),))
    cells = blobs((6, 0, 6, 0))
    correction = fit(cells, head, 0.1)
    assert not correction.weights[[1, 3]].any()
    assert not correction.bias[[1, 3]].any()
    assert correction.weights[[0, 2]].any(1).all()


def test_more_features_than_views_give_the_same_as_padding_them() -> None:
    cells = blobs((3, 3), views=2, d=6)
    wide = np.concatenate([cells.features, np.zeros((6, 2, 30), np.float32)], axis=2)
    correction = fit(Cells(wide, cells.labels, cells.groups), zero_head(36, 2), 0.3)
    assert correction.converged
    assert correction.weights[:, 6:] == pytest.approx(0, abs=1e-9)
    assert (correction.logits(zero_head(36, 2), wide[:, 0]).argmax(1) == cells.labels).all()


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one label"):
        Cells(np.zeros((3, 2, 4), np.float32), np.zeros(2, np.int64), np.zeros(3, np.int64))


def test_the_mean_of_settings() -> None:
    """It is the mean of what they give, as one correction; the old head is one of them."""
    cells, head = blobs((12, 12, 12)), Head(((np.eye(3, 6, dtype=np.float32), np.ones(3, np.float32)),))
    settings = {(1.0, 0.3): 0.5, (0.5, 0.3): 0.2, (0.5, OLD): 0.3}
    found = fit_mean(cells, head, settings)
    expected = 0.5 * fit(cells, head, 0.3).logits(head, cells.features)
    expected += 0.2 * fit(cells, head, 0.3, 0.5).logits(head, cells.features)
    expected += 0.3 * 0.5 * head.logits(cells.features)
    assert found.logits(head, cells.features) == pytest.approx(expected, abs=2e-3)
    assert found.scale == pytest.approx(0.75)
    assert found.converged


def test_a_scaled_correction_is_one_head() -> None:
    cells, head = blobs((12, 12, 12)), Head(((np.eye(3, 6, dtype=np.float32), np.ones(3, np.float32)),))
    correction = fit(cells, head, 0.3, 0.5)
    logits = correction.logits(head, cells.features)
    assert correction.head(head).logits(cells.features) == pytest.approx(logits, abs=1e-4)
    assert logits - 0.5 * head.logits(cells.features) == pytest.approx(
        cells.features @ correction.weights.T + correction.bias, abs=1e-4
    )
