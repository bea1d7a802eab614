"""Adapting a head: the mean over settings, weighted by held-out cells, and what the old head keeps."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.decision import adapt
from edgewbc.decision.correction import OLD, Cells, Correction, fit
from edgewbc.decision.head import Head
from tests.decision.test_correction import blobs, zero_head


def test_a_few_cells_teach_a_head_that_knows_nothing() -> None:
    cells, test = blobs((8, 8, 8), noise=0.7), blobs((50, 50, 50), noise=0.7, seed=1)
    head = zero_head(6, 3)
    correction, _ = adapt.learn(cells, head)
    assert correction.converged
    logits = correction.logits(head, test.features[:, 0])
    assert (logits.argmax(1) == test.labels).mean() > 0.95
    assert correction.head(head).logits(test.features[:, 0]) == pytest.approx(logits, abs=1e-4)


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
    fitted = fit(cells, zero_head(40, 2), 0.01).logits(zero_head(40, 2), features[:, 0])
    assert (fitted.argmax(1) == cells.labels).all()
    assert found.weights[1.0, 1.0] > 0.99
    assert found.losses[1.0, 1.0] < found.losses[1.0, 0.01]


def test_nothing_is_held_out_of_single_cells() -> None:
    correction, found = adapt.learn(blobs((1, 1, 1)), zero_head(6, 3))
    assert found.strength == adapt.DEFAULT
    assert correction.weights.any()
    assert not found.held_out.any()
    assert found.losses == {}


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

    def accuracy(correction: Correction) -> float:
        return float((correction.logits(head, test.features[:, 0]).argmax(1) == test.labels).mean())

    before = float((head.logits(test.features[:, 0]).argmax(1) == test.labels).mean())
    mean, chosen = [], []
    for seed in range(20):
        cells = blobs((2, 2, 2, 2), d=20, noise=1.6, seed=100 + seed)
        correction, tested = adapt.learn(cells, head)
        scale, strength = min(tested.losses, key=lambda setting: tested.losses[setting])
        mean.append(accuracy(correction))
        chosen.append(accuracy(fit(cells, head, strength, scale)))
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
    found = adapt.cross_validate(cells, head, [OLD], [1.0])
    assert (found.probabilities.argmax(1) != cells.labels).all()
    assert (found.judged.argmax(1) == cells.labels).all()
    assert found.judged.sum(1) == pytest.approx(1)
    assert found.strength is None
