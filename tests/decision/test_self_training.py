"""Self-training on unlabeled cells, and its guards."""

from __future__ import annotations

import numpy as np

from edgewbc.decision import self_training
from edgewbc.decision.head import Head
from tests.decision.test_adapt import blobs

HEAD = Head(((2 * np.eye(3, 6, dtype=np.float32), np.zeros(3, np.float32)),))


def test_a_shifted_laboratory_is_recovered() -> None:
    cells = blobs((60, 60, 60), noise=0.6)
    shifted = cells.features + np.array([2.8, 0, 0, 1, 0, 0], np.float32)  # much looks like the first class
    before = (HEAD.logits(shifted[:, 0]).argmax(1) == cells.labels).mean()
    found = self_training.correct(shifted, HEAD)
    assert found is not None
    after = (found.logits(HEAD, shifted[:, 0]).argmax(1) == cells.labels).mean()
    assert before < 0.85
    assert after > before + 0.1


def test_at_home_no_label_changes() -> None:
    cells = blobs((60, 60, 60), noise=0.4)
    found = self_training.correct(cells.features, HEAD)
    assert found is not None
    after = found.logits(HEAD, cells.features[:, 0]).argmax(1)
    assert (after == HEAD.logits(cells.features[:, 0]).argmax(1)).all()


def test_a_class_that_does_not_occur_keeps_its_weights() -> None:
    found = self_training.correct(blobs((60, 60, 0), noise=0.4).features, HEAD)
    assert found is not None
    assert not found.weights[2].any()


def test_too_few_or_too_uniform_cells_correct_nothing() -> None:
    assert self_training.correct(blobs((10, 10, 9)).features, HEAD) is None
    assert self_training.correct(blobs((60, 0, 0), noise=0.1).features, HEAD) is None
