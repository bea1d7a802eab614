"""Scores on arrays: what is accepted, and what a draw of labeled cells gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.travel import measure
from bench.travel.cells import SeenSet
from bench.travel.measure import Judge
from edgewbc.bundle.training_images import TrainingImages
from edgewbc.decision import familiarity_fit
from edgewbc.decision.calibration import Calibration
from edgewbc.pixels import PixelSpec
from edgewbc.smear.appearance import QUANTITIES

SPEC = PixelSpec(16, 16, "centre", 40)


def make_seen(labels: list[int], probabilities: list[list[float]]) -> SeenSet:
    """Cells with plain features and a usual appearance."""
    n = len(labels)
    return SeenSet(
        np.zeros((n, 1, 4), np.float32),
        np.array(probabilities, dtype=np.float32),
        np.array(labels, dtype=np.int64),
        np.zeros((n, len(QUANTITIES)), np.float32),
        np.full((n, 2), 40),
        np.array([""] * n),
        np.zeros(n, np.bool_),
        np.zeros((n, 0, 4), np.float32),
        np.zeros((n, 0, len(probabilities[0])), np.float32),
    )


def doubtful(judge: Judge, seen: SeenSet) -> list[bool]:
    found: list[bool] = judge.doubtful(seen, seen.probabilities, seen.other_probabilities).tolist()
    return found


def test_doubtful_cells_are_not_accepted() -> None:
    """A cell below the threshold, with a note, cut off, or of an unusual size is for review."""
    seen = make_seen([0, 0, 0, 0, 0], [[0.9, 0.1]] * 4 + [[0.6, 0.4]])
    seen = replace(seen, notes=np.array(["", "truncated", "", "", ""]), doubtful=np.array([0, 0, 1, 0, 0], np.bool_))
    seen.sizes[3] = 100
    assert doubtful(Judge(SPEC, None, 0.8, None, None), seen) == [0, 1, 1, 0, 1]
    known = TrainingImages.of([np.zeros(len(QUANTITIES), np.float32)] * 50, [(40, 40)] * 50, {})
    judge = Judge(SPEC, None, 0.8, None, known)
    assert doubtful(judge, seen) == [0, 1, 1, 1, 1]


def test_probabilities_are_calibrated_before_the_threshold() -> None:
    """With a temperature above 1 a probability of 0.9 is below a threshold of 0.8."""
    seen = make_seen([0], [[0.9, 0.1]])
    assert doubtful(Judge(SPEC, None, 0.8, None, None), seen) == [False]
    assert doubtful(Judge(SPEC, Calibration(3.0), 0.8, None, None), seen) == [True]


def test_a_cell_that_one_view_doubts_is_doubtful() -> None:
    """The lowest probability that any view gives the label counts."""
    seen = make_seen([0, 0], [[0.9, 0.1]] * 2)
    views = np.array([[[0.85, 0.15], [0.9, 0.1]], [[0.9, 0.1], [0.7, 0.3]]], np.float32)
    assert doubtful(Judge(SPEC, None, 0.8, None, None), replace(seen, other_probabilities=views)) == [False, True]


def test_unfamiliar_cells() -> None:
    """Features far from all training cells are unfamiliar; without statistics nothing is."""
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    features = (random.uniform(1, 2, (400, 4)) + 4 * labels[:, None]).astype(np.float32)
    familiarity = familiarity_fit.fit(features[:200], labels[:200], features[200:])
    seen = make_seen([0, 1], [[0.9, 0.1]] * 2)
    seen.features[0], seen.features[1] = 1.5, 60
    assert Judge(SPEC, None, 0.5, familiarity, None).unfamiliar(seen).tolist() == [False, True]
    assert not Judge(SPEC, None, 0.5, None, None).unfamiliar(seen).any()


@pytest.mark.parametrize(("shots", "expected"), [(2, [2, 2, 0]), (20, [20, 13, 0])])
def test_a_small_class_gives_all_but_two(shots: int, expected: list[int]) -> None:
    """Classes that do not count are not drawn; two cells of every class stay to measure on."""
    labels = np.repeat([0, 1, 2], [40, 15, 3])
    classes = measure.counted_classes(labels)
    drawn = measure.draw(labels, classes, shots, np.random.default_rng(0))
    assert np.bincount(labels[drawn], minlength=3).tolist() == expected
