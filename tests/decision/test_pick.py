"""Picking cells to label: clusters, doubt, order, and fewer cells than wanted."""

from __future__ import annotations

import numpy as np

from edgewbc.decision import pick
from tests.decision.test_correction import blobs


def test_every_group_is_represented() -> None:
    cells = blobs((100, 6, 6), noise=0.3)
    chosen = pick.pick(cells.features, np.zeros((112, 3, 3)), 6)
    assert len(set(chosen.tolist())) == 6
    assert set(cells.labels[chosen].tolist()) == {0, 1, 2}


def test_the_doubtful_cell_of_a_group_is_chosen() -> None:
    cells = blobs((20, 20), noise=0.001, views=1)
    logits = np.zeros((40, 1, 2))
    logits[:, 0, 0] = 5.0
    logits[[7, 31]] = 0.0
    points = cells.features[:, 0]
    points[[7, 31]] = [points[:20].mean(0), points[20:].mean(0)]  # near the center
    assert sorted(pick.pick(points[:, None], logits, 2).tolist()) == [7, 31]


def test_the_choice_is_reproducible_and_depends_on_the_seed() -> None:
    cells = blobs((30, 30, 30))
    logits = np.random.default_rng(0).normal(size=(90, 3, 3))
    first = pick.pick(cells.features, logits, 10)
    assert first.tolist() == pick.pick(cells.features, logits, 10).tolist()
    assert first.tolist() != pick.pick(cells.features, logits, 10, seed=1).tolist()


def test_all_cells_if_there_are_no_more() -> None:
    assert pick.pick(np.zeros((3, 2, 4), np.float32), np.zeros((3, 2, 2)), 5).tolist() == [0, 1, 2]


def test_identical_cells_are_still_as_many_as_asked_for() -> None:
    chosen = pick.pick(np.ones((8, 2, 4), np.float32), np.zeros((8, 2, 2)), 3)
    assert len(set(chosen.tolist())) == 3


def test_kmeans_finds_separate_groups() -> None:
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(size=(20, 2)), random.normal(size=(30, 2)) + 50])
    cluster, distance = pick.kmeans(points, 2, random)
    assert sorted(np.bincount(cluster).tolist()) == [20, 30]
    assert (cluster[:20] == cluster[0]).all()
    assert distance.max() < 30
