"""Familiarity moved to a laboratory: its cells become familiar, unknown cells stay unfamiliar."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.decision import familiarity_fit, lab_familiarity
from edgewbc.decision.correction import Cells
from edgewbc.decision.familiarity import Familiarity
from edgewbc.decision.others import Examples

SHIFT = np.array([2.0, 0, 1.0, 0, 0, 1.5, 0, 0, 1.0, 0])


def features(labels: NDArray[np.int64], seed: int, shift: NDArray[np.float64] | float = 0.0) -> NDArray[np.float32]:
    """Return features (n, 10) of three classes; class 9 is of another kind."""
    random = np.random.default_rng(seed)
    centers = 4 + 4 * np.eye(10, 10)
    return (centers[labels] + shift + 0.6 * random.normal(size=(len(labels), 10))).astype(np.float32)


@pytest.fixture(scope="module")
def trained() -> Familiarity:
    labels = np.repeat([0, 1, 2], 200)
    return familiarity_fit.fit(features(labels, 0), labels, features(labels, 1))


def lab(counts: tuple[int, ...], seed: int = 2) -> Cells:
    labels = np.repeat(np.arange(len(counts)), counts)
    views = np.stack([features(labels, seed, SHIFT), features(labels, seed + 1, SHIFT)], axis=1)
    return Cells(views, labels, np.arange(len(labels)))


def test_cells_of_the_laboratory_become_familiar_and_unknown_ones_do_not(trained: Familiarity) -> None:
    ordinary = features(np.repeat([0, 1, 2], 100), 7, SHIFT)
    unknown = features(np.full(100, 7), 8, SHIFT)
    assert (trained.score(ordinary) > trained.threshold).mean() > 0.5
    moved = lab_familiarity.move(trained, lab((15, 15, 15)))
    assert moved is not None
    assert (moved.score(ordinary) > moved.threshold).mean() < 0.1
    assert (moved.score(unknown) > moved.threshold).mean() > 0.95
    assert (moved.trained_on, moved.held_out) == (645, 45)
    info = moved.info("familiarity.npz")
    again = Familiarity.from_bytes(moved.to_bytes(), info)
    assert again.score(ordinary) == pytest.approx(moved.score(ordinary), abs=1e-6)


def test_a_class_without_cells_moves_with_the_others(trained: Familiarity) -> None:
    moved = lab_familiarity.move(trained, lab((20, 20, 0)))
    assert moved is not None
    third = features(np.full(100, 2), 9, SHIFT)
    assert (moved.score(third) > moved.threshold).mean() < (trained.score(third) > trained.threshold).mean()


def test_kinds_that_were_shown_stay_unfamiliar(trained: Familiarity) -> None:
    """On average, the odds of another stain's cells become those of the training stain; thresholds are set anew."""
    labels = np.repeat([0, 1, 2], 200)
    kinds = Examples(features(np.full(100, 7), 3), np.full(100, "other"))
    shown = familiarity_fit.show_others(trained, features(labels, 0), labels, features(labels, 1), kinds)
    moved = lab_familiarity.move(shown, lab((15, 15, 15)))
    assert moved is not None
    assert moved.others is not None
    ordinary = features(np.repeat([0, 1, 2], 100), 7, SHIFT)
    assert moved.unfamiliar(ordinary).mean() < 0.12
    assert moved.unfamiliar(features(np.full(100, 7), 8, SHIFT)).mean() > 0.95
    assert moved.scale[2, 0] == pytest.approx(shown.scale[2, 0], abs=1.0)


def test_few_cells_move_nothing(trained: Familiarity) -> None:
    assert lab_familiarity.move(trained, lab((6, 6, 7))) is None
