"""Self-training on unlabeled cells, and its guards."""

from __future__ import annotations

import numpy as np

from edgewbc.decision import self_training
from edgewbc.decision.head import Head
from tests.decision.test_correction import blobs

HEAD = Head(((2 * np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))


def test_a_shifted_laboratory_is_recovered() -> None:
    cells = blobs((60, 60, 60), noise=0.6)
    shifted = cells.features + np.array([2.8, 0, 0, 1, 0, 0], np.float32)  # much looks like the first class
    before = (HEAD.logits(shifted[:, 0]).argmax(1) == cells.labels).mean()
    found = self_training.correct(shifted, shifted, HEAD)
    assert found is not None
    after = (found.logits(HEAD, shifted[:, 0]).argmax(1) == cells.labels).mean()
    assert before < 0.85
    assert after > before + 0.1


def test_at_home_no_label_changes() -> None:
    cells = blobs((60, 60, 60), noise=0.4)
    found = self_training.correct(cells.features, cells.judged, HEAD)
    assert found is not None
    after = found.logits(HEAD, cells.features[:, 0]).argmax(1)
    assert (after == HEAD.logits(cells.features[:, 0]).argmax(1)).all()


def test_a_class_that_does_not_occur_keeps_its_weights() -> None:
    cells = blobs((60, 60, 0), noise=0.4)
    found = self_training.correct(cells.features, cells.judged, HEAD)
    assert found is not None
    assert not found.weights[2].any()


def test_too_few_or_too_uniform_cells_correct_nothing() -> None:
    for cells in (blobs((10, 10, 9)), blobs((60, 0, 0), noise=0.1)):
        assert self_training.correct(cells.features, cells.judged, HEAD) is None


def test_cells_that_the_bundle_knows_correct_nothing() -> None:
    cells = blobs((60, 60, 60), noise=0.6)
    assert self_training.correct(cells.features, cells.judged, HEAD, unfamiliar=0.24) is None
    assert self_training.correct(cells.features, cells.judged, HEAD, unfamiliar=0.25) is not None


def test_cells_are_labeled_by_the_views_that_the_bundle_looks_at() -> None:
    """Where those give the first class to every cell, there is one class alone, whatever the orientations say."""
    cells = blobs((60, 60, 60), noise=0.4)
    one = np.tile(np.eye(1, 6, dtype=np.float32), (len(cells), 2, 1))
    assert self_training.correct(cells.features, one, HEAD) is None
