"""What limits the accuracy on another laboratory's cells, on synthetic images of two backgrounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import limits_external
from bench.limits_external import ALL, ON_WHITE, YELLOW
from edgewbc.cells import CLASSES
from edgewbc.pixels import PixelSpec, Reference
from edgewbc.smear import learning
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import draw_cell
from tests import averaged
from tests.tiny import make_bundle


def test_each_background_has_scores_of_its_own() -> None:
    """Of four cells two are on white, of which one is right."""
    labels = np.array([0, 1, 2, 0])
    probabilities = np.eye(5)[[0, 1, 2, 1]]
    white = np.array([False, False, True, True])
    found = limits_external.results(labels, probabilities, white, CLASSES)
    assert [(found[part]["correct"], found[part]["n"]) for part in (ALL, YELLOW, ON_WHITE)] == [(3, 4), (2, 2), (1, 2)]
    assert ON_WHITE not in limits_external.results(labels[:2], probabilities[:2], white[:2], CLASSES)


def test_changes_are_predicted_from_what_the_network_would_see(tmp_path: Path) -> None:
    """Crops have the network's size; each change is predicted from as many views as its name says."""
    random = np.random.default_rng(0)
    seen = [draw_cell("neutrophil", random, 120) for _ in range(20)]
    seen += [(0.7 * draw_cell("neutrophil", random, 90)).astype(np.uint8) for _ in range(20)]
    white = np.arange(40) < 20
    reference = Reference(nucleus=30.0, background=(240.0, 230.0, 220.0), density=(1.0, 1.7, 0.4))
    pixels = PixelSpec(16, 16, crop="cell", size=80, reference=reference)
    bundle = make_bundle(tmp_path / "tiny", spec=pixels)
    calls = []

    def predict(inputs: NDArray[np.uint8]) -> NDArray[np.float64]:
        assert inputs.shape == (40, 16, 16, 3)
        calls.append(inputs)
        return np.full((40, 5), 0.2)

    found = limits_external.changes(bundle, seen, white, predict)
    assert len(calls) == 8 + 1 + 5 + 1
    assert list(found) == [
        "as classify does",
        "the upright view alone",
        "mean over 8 orientations",
        "mean over 5 scales",
        "one profile for both backgrounds",
    ]
    assert np.array_equal(calls[0], calls[8])  # the bundle looks at one view, the first orientation: as it is
    assert not np.array_equal(calls[8], calls[-1])  # two preparations have two scales
    assert all(np.allclose(each, 0.2) for each in found.values())


def test_labels_as_classify_gives_them_are_those_of_all_views(tmp_path: Path) -> None:
    """Of a bundle that takes them from their mean: the first change and the last are over its six views."""
    seen, sizes = averaged.cells(), list[tuple[int, ...]]()

    def predict(inputs: NDArray[np.uint8]) -> NDArray[np.float64]:
        sizes.append(inputs.shape)
        return np.column_stack([inputs.mean((1, 2, 3)) / 255, np.zeros((len(inputs), 4))])

    bundle = averaged.averaged_bundle(tmp_path / "b")
    found = limits_external.changes(bundle, seen, np.arange(len(seen)) >= 5, predict)
    assert sizes == [(10, 24, 24, 3)] * (6 + 8 + 5 + 6)
    profile = learning.learn(seen[place] for place in learning.sample(len(seen)))
    first = Preparer(bundle.pixels, profile, averaged.VIEWS).one(seen[0])
    wanted = np.mean([view.mean() for view in (first.image, *first.others)]) / 255
    assert found["as classify does"][0, 0] == pytest.approx(wanted)
