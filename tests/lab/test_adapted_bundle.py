"""What an adapted bundle says of its probabilities. (`test_adapt` writes and opens whole bundles.)"""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import REVIEW_ALL
from edgewbc.lab.adapted_bundle import MIN_TO_CALIBRATE, Confidence, Review


def test_the_review_threshold_is_the_lowest_that_keeps_what_is_accepted_right() -> None:
    surest = np.array([0.99, 0.9, 0.8, 0.7])
    probabilities = np.stack([surest, 1 - surest], axis=1)
    assert Review.choose(probabilities, np.array([0, 0, 1, 0]), 0.5) == Review(0.9, 4, 2, 0)
    assert Review.choose(probabilities, np.array([0, 0, 0, 0]), 0.5) == Review(0.5, 4, 4, 0)
    assert Review.choose(probabilities, np.array([1, 0, 0, 0]), 0.5) == Review(1.0, 4, 0, 0)


def test_too_few_held_out_cells_to_calibrate_leave_every_cell_for_review(bundle: Bundle) -> None:
    """With 19 held-out cells nobody knows what a probability means; with 20 it is calibrated."""
    probabilities, truth = np.tile([[0.9, 0.1], [0.2, 0.8]], (10, 1)), np.tile(np.array([0, 1]), 10)
    few = Confidence.of(bundle.manifest, (probabilities[:19], truth[:19]))
    assert few == Confidence(None, REVIEW_ALL, None, None)
    enough = Confidence.of(bundle.manifest, (probabilities, truth))
    assert enough.calibration is not None
    assert enough.below is not None
    assert enough.below <= 1


def test_without_held_out_cells_the_parent_is_believed_but_not_its_guarantee(bundle: Bundle) -> None:
    """Unlabeled cells tell nothing of errors: threshold and calibration stay, the counts of errors go."""
    found = Confidence.of(bundle.manifest, None)
    assert found == Confidence(bundle.manifest.calibration, bundle.manifest.review_below, None, None)
    entries = found.to_json()
    assert (entries["review_below"], entries["review"], entries["risk"]) == (bundle.manifest.review_below, {}, None)


def test_the_entries_agree_with_the_held_out_cells(bundle: Bundle) -> None:
    """Calibration, threshold and risk are of the same cells; one in a hundred may be wrong."""
    sure = np.full(MIN_TO_CALIBRATE, 0.8)
    probabilities, truth = np.stack([sure, 1 - sure], axis=1), np.zeros(MIN_TO_CALIBRATE, np.int64)
    truth[:4] = 1  # four of twenty are wrong, as 0.8 says: nothing to calibrate, and nothing to accept
    entries = Confidence.of(bundle.manifest, (probabilities, truth)).to_json()
    assert entries["calibration"]["temperature"] == pytest.approx(1.0, abs=0.1)
    assert entries["review"] == {"n": 20, "accepted": 0, "wrong": 0}
    assert entries["review_below"] == 1.0
    assert entries["risk"]["n"] == 20


def test_the_threshold_is_not_below_the_parents(bundle: Bundle) -> None:
    """Even where every held-out cell is right."""
    probabilities, truth = np.tile([[0.9, 0.1]], (30, 1)), np.zeros(30, np.int64)
    assert Review.choose(probabilities, truth, 0.7) == Review(0.7, 30, 30, 0)
