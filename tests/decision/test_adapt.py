"""Adapting a head: the regression against scikit-learn and scipy, the mean over settings, what the old head keeps."""

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
def test_the_regression_agrees_with_scikit_learn(strength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    points, _, labels = problem()
    named = np.unique(labels, return_inverse=True)[1]
    monkeypatch.setattr(adapt, "TOLERANCE", 1e-5)
    regression = adapt._Regression(points, np.zeros((1, 40, 3)), named)
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
    monkeypatch.setattr(adapt, "TOLERANCE", 1e-5)
    optimize = pytest.importorskip("scipy.optimize")
    points, offset, labels = problem(1)
    strength, weight = 0.1, 1 / np.sqrt(np.bincount(labels)[labels])
    weight /= weight.sum()

    def loss(x: NDArray[np.float64], scale: float) -> float:
        parameters = x.reshape(3, 6)
        logits = scale * offset
        logits[:, [0, 1, 3]] += points @ parameters[:, :5].T + parameters[:, 5]
        true = logits[np.arange(40), labels]
        penalty = np.square(parameters[:, :5]).sum() + adapt._BIAS_PENALTY * np.square(parameters[:, 5]).sum()
        return float(weight @ (np.log(np.exp(logits).sum(1)) - true) + strength / 2 * penalty)

    scales = (1.0, 0.25)
    references = [optimize.minimize(loss, np.zeros(18), (scale,), tol=1e-9) for scale in scales]
    regression = adapt._Regression(points, np.stack([scale * offset for scale in scales]), labels)
    found = regression.solve(strength, regression.start)
    assert found.value == pytest.approx(sum(each.fun for each in references), abs=1e-6)
    for slopes, bias, reference in zip(*regression.parameters(found.x), references, strict=True):
        assert slopes[[0, 1, 3]] == pytest.approx(reference.x.reshape(3, 6)[:, :5], abs=2e-3)
        assert not slopes[2].any()
        assert bias[2] == 0


def test_the_gradient_is_that_of_the_value() -> None:
    points, offset, labels = problem(2)
    regression = adapt._Regression(points, np.stack([offset, 0.5 * offset]), labels)
    x = np.random.default_rng(3).normal(size=36)
    _, gradient = regression._value(x, 0.2)
    for index in range(36):
        step = np.zeros(36)
        step[index] = 1e-6
        slope = (regression._value(x + step, 0.2)[0] - regression._value(x - step, 0.2)[0]) / 2e-6
        assert gradient[index] == pytest.approx(slope, abs=1e-6)


def test_a_few_cells_teach_a_head_that_knows_nothing() -> None:
    cells, test = blobs((8, 8, 8), noise=0.7), blobs((50, 50, 50), noise=0.7, seed=1)
    head = zero_head(6, 3)
    correction, _ = adapt.learn(cells, head)
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
    found = adapt.cross_validate(cells, zero_head(40, 2), (1.0, 0.01), (1.0,))
    right = (found.probabilities.argmax(1) == cells.labels).mean()
    assert 0.25 < right < 0.75  # labels at random: nothing can be learned
    fitted = adapt.fit(cells, zero_head(40, 2), 0.01).logits(zero_head(40, 2), features[:, 0])
    assert (fitted.argmax(1) == cells.labels).all()
    assert found.weights[1.0, 1.0] > 0.99
    assert found.losses[1.0, 1.0] < found.losses[1.0, 0.01]


def test_nothing_is_held_out_of_single_cells() -> None:
    correction, found = adapt.learn(blobs((1, 1, 1)), zero_head(6, 3))
    assert found.strength == adapt.DEFAULT
    assert correction.weights.any()
    assert not found.held_out.any()
    assert found.losses == {}


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one label"):
        Cells(np.zeros((3, 2, 4), np.float32), np.zeros(2, np.int64), np.zeros(3, np.int64))


def test_an_overconfident_head_is_toned_down() -> None:
    """A head that is certain and half wrong is worth little."""
    wrong = Head(((40 * np.eye(3, 6, k=1, dtype=np.float32), np.zeros(3, np.float32)),))
    assert adapt.cross_validate(blobs((12, 12, 12), noise=0.7), wrong, [0.3]).scale < 0.3


def test_a_head_that_is_right_keeps_its_weight() -> None:
    right = Head(((3 * np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))
    assert adapt.cross_validate(blobs((12, 12, 12), noise=0.3), right, [3.0]).scale > 0.8


def test_a_head_that_cannot_be_improved_stays() -> None:
    """Its logits are the true ones: what else few cells suggest is chance, and hardly changes the labels."""
    best = Head(((3 * np.eye(3, 6, dtype=np.float32), np.full(3, -4.5, np.float32)),))
    test = blobs((60, 60, 60), views=1, noise=1.0, seed=99)
    before = (best.logits(test.features[:, 0]).argmax(1) == test.labels).mean()
    after = []
    for seed in range(4):
        correction, _ = adapt.learn(blobs((5, 5, 5), seed=seed), best)
        after.append((correction.logits(best, test.features[:, 0]).argmax(1) == test.labels).mean())
    assert np.mean(after) > before - 0.03
    assert min(after) > before - 0.06


def test_the_mean_of_settings() -> None:
    """It is the mean of what they give, as one correction; the old head is one of them."""
    cells, head = blobs((12, 12, 12)), Head(((np.eye(3, 6, dtype=np.float32), np.ones(3, np.float32)),))
    settings = {(1.0, 0.3): 0.5, (0.5, 0.3): 0.2, (0.5, adapt.OLD): 0.3}
    found = adapt.fit_mean(cells, head, settings)
    expected = 0.5 * adapt.fit(cells, head, 0.3).logits(head, cells.features)
    expected += 0.2 * adapt.fit(cells, head, 0.3, 0.5).logits(head, cells.features)
    expected += 0.3 * 0.5 * head.logits(cells.features)
    assert found.logits(head, cells.features) == pytest.approx(expected, abs=2e-3)
    assert found.scale == pytest.approx(0.75)
    assert found.converged


def test_settings_are_weighted_by_the_likelihood_of_the_held_out_cells() -> None:
    """Classes count by the square root of their cells: four of one class and one of another are 2 to 1."""
    losses = np.array([[0.1, 0.1, 0.1, 0.1, 1.0], [0.2, 0.2, 0.2, 0.2, 0.4]])
    labels = np.array([0, 0, 0, 0, 1])
    difference = 5 / 3 * (2 * 0.1 - 0.6)
    assert adapt._weights(losses, labels, np.ones(2))[0] == pytest.approx(1 / (1 + np.exp(-difference)))
    weighted = adapt._weights(losses, labels, np.array([1.0, 0.1]))
    assert weighted[0] == pytest.approx(1 / (1 + 0.1 * np.exp(-difference)))
    assert weighted.sum() == pytest.approx(1)


def test_a_few_misleading_cells_do_not_overthrow_the_old_head() -> None:
    """Of twenty draws of two cells per class, the setting of least loss loses 16 points in one; the mean never 8."""
    head = Head(((2 * np.eye(4, 20, dtype=np.float32), np.zeros(4, np.float32)),))
    test = blobs((100, 100, 100, 100), views=1, d=20, noise=1.6, seed=1)

    def accuracy(correction: adapt.Correction) -> float:
        return float((correction.logits(head, test.features[:, 0]).argmax(1) == test.labels).mean())

    before = float((head.logits(test.features[:, 0]).argmax(1) == test.labels).mean())
    mean, chosen = [], []
    for seed in range(20):
        cells = blobs((2, 2, 2, 2), d=20, noise=1.6, seed=100 + seed)
        correction, tested = adapt.learn(cells, head)
        scale, strength = min(tested.losses, key=lambda setting: tested.losses[setting])
        mean.append(accuracy(correction))
        chosen.append(accuracy(adapt.fit(cells, head, strength, scale)))
    assert min(chosen) < before - 0.12
    assert min(mean) > before - 0.08


def test_settings_that_are_equally_good_share_the_weight() -> None:
    """With few cells the weight is spread, and no setting is chosen by chance; more cells single out the best."""
    head = zero_head(6, 3)
    few, many = (adapt.cross_validate(blobs(count, noise=1.5), head) for count in ((3, 3, 3), (30, 30, 30)))
    assert max(few.weights.values()) < 0.3
    assert len(few.weights) > len(many.weights)
    assert sum(many.weights.values()) == pytest.approx(1)


def test_cells_are_judged_by_all_of_their_views() -> None:
    """The upright view of each cell is that of another class; five others are right."""
    plain = blobs((8, 8, 8), noise=0.3)
    features = plain.features.copy()
    features[:, 0] = plain.features[np.roll(np.arange(24), 8), 0]
    others = np.repeat(plain.features[:, 1:2], 5, axis=1)
    head = Head(((3 * np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))
    cells = Cells(features, plain.labels, plain.groups, others)
    found = adapt.cross_validate(cells, head, [adapt.OLD], [1.0])
    assert (found.probabilities.argmax(1) != cells.labels).all()
    assert (found.judged.argmax(1) == cells.labels).all()
    assert found.judged.sum(1) == pytest.approx(1)
    assert found.strength is None


def test_a_scaled_correction_is_one_head() -> None:
    cells, head = blobs((12, 12, 12)), Head(((np.eye(3, 6, dtype=np.float32), np.ones(3, np.float32)),))
    correction = adapt.fit(cells, head, 0.3, 0.5)
    logits = correction.logits(head, cells.features)
    assert correction.head(head).logits(cells.features) == pytest.approx(logits, abs=1e-4)
    assert logits - 0.5 * head.logits(cells.features) == pytest.approx(
        cells.features @ correction.weights.T + correction.bias, abs=1e-4
    )
