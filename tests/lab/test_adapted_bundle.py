"""What an adapted bundle says of its probabilities. (`test_adapt` writes and opens whole bundles.)"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edgewbc.bundle.bundle import Bundle
from edgewbc.bundle.manifest import REVIEW_ALL
from edgewbc.lab.adapted_bundle import MIN_TO_CALIBRATE, Confidence, Review, accepted
from edgewbc.lab.head_comparison import HeldOut


def probabilities_of(surest: list[float]) -> NDArray[np.float64]:
    return np.stack([np.array(surest), 1 - np.array(surest)], axis=1)


def test_the_review_threshold_is_the_lowest_at_which_few_errors_are_expected() -> None:
    """The mean of 1 - p of the first three is 1.8 %; with 0.9 it is 3.9 %."""
    found = Review.choose(probabilities_of([0.9, 0.99, 0.98, 0.975]), np.zeros(4, np.int64))
    assert (found.below, found.n, found.accepted, found.wrong) == (0.975, 4, 3, 0)
    assert found.expected == pytest.approx(0.055 / 3, abs=1e-6)
    assert found.bound == pytest.approx(1 - 0.05 ** (1 / 3), abs=1e-5)
    assert Review.choose(probabilities_of([0.9] * 4), np.zeros(4, np.int64)) == Review(REVIEW_ALL, 4, 0, 0, None, 1.0)


def test_the_threshold_is_for_the_lowest_of_several_views() -> None:
    """The threshold is of the lowest view, the expected error of the probabilities of what reaches it."""
    surest, sure, truth = probabilities_of([0.99] * 40), np.full(40, 0.97), np.zeros(40, np.int64)
    sure[:4], truth[:4] = 0.6, 1
    found = Review.choose(surest, truth, sure)
    assert (found.below, found.accepted, found.wrong) == (0.97, 36, 0)
    assert found.expected == pytest.approx(0.01, abs=1e-6)
    assert Review.choose(surest, truth).below == REVIEW_ALL


def test_one_sure_mistake_of_many_does_not_decide_alone() -> None:
    """One wrong of 80 at 98.5 % is no contradiction; four are, and no threshold is left."""
    surest, truth = probabilities_of([0.985] * 80), np.zeros(80, np.int64)
    truth[0] = 1
    found = Review.choose(surest, truth)
    assert (found.below, found.accepted, found.wrong) == (0.5, 80, 1)
    assert found.bound == pytest.approx(0.0579, abs=2e-4)  # Clopper-Pearson, one-sided 95 %, 1 of 80
    truth[:5] = 1
    assert Review.choose(surest, truth).below == REVIEW_ALL


@pytest.mark.parametrize(("n", "bound"), [(40, 0.0722), (80, 0.0368), (100, 0.0295)])
def test_what_cells_without_an_error_prove(n: int, bound: float) -> None:
    """The documented bounds: 1 - 0.05 ** (1 / n)."""
    assert Review.choose(probabilities_of([0.99] * n), np.zeros(n, np.int64)).bound == pytest.approx(bound, abs=1e-4)


def held_out(probabilities: NDArray[np.float64], truth: NDArray[np.int64]) -> HeldOut:
    """Return held-out cells of which the bundle looks at one view."""
    single = probabilities.astype(np.float32)
    return HeldOut(single, np.zeros((len(single), 0, single.shape[1]), np.float32), truth)


def test_too_few_held_out_cells_to_calibrate_leave_every_cell_for_review(bundle: Bundle) -> None:
    """With 19 held-out cells nobody knows what a probability means; with 20 it is calibrated."""
    probabilities, truth = np.tile([[0.9, 0.1], [0.2, 0.8]], (10, 1)), np.tile(np.array([0, 1]), 10)
    few = Confidence.of(bundle.manifest, held_out(probabilities[:19], truth[:19]))
    assert few == Confidence(None, REVIEW_ALL, None, None)
    enough = Confidence.of(bundle.manifest, held_out(probabilities, truth))
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
    """Calibration, threshold and risk are of the same cells."""
    sure = np.full(MIN_TO_CALIBRATE, 0.8)
    probabilities, truth = np.stack([sure, 1 - sure], axis=1), np.zeros(MIN_TO_CALIBRATE, np.int64)
    truth[:4] = 1  # four of twenty are wrong, as 0.8 says: nothing to calibrate, and nothing to accept
    entries = Confidence.of(bundle.manifest, held_out(probabilities, truth)).to_json()
    assert entries["calibration"]["temperature"] == pytest.approx(1.0, abs=0.1)
    assert entries["review"] == {"n": 20, "accepted": 0, "wrong": 0, "bound": 1.0, "expected": None}
    assert entries["review_below"] == REVIEW_ALL
    assert entries["risk"]["n"] == 20


def test_what_is_accepted_is_said() -> None:
    """In the card and by the command, with what the cells prove."""
    review = Review.choose(probabilities_of([0.99] * 80), np.zeros(80, np.int64)).to_json()
    assert accepted(review).startswith(
        "At the review threshold, 80 of the 80 held-out cells are accepted, 0 of them wrong"
    )
    assert "no more than 3.7 % (95 % confidence)" in accepted(review)
    assert accepted({}) == "How many cells are accepted, and how many of those are wrong, was not measured."
    assert accepted({**review, "accepted": 0}).startswith("Every cell is for review")
