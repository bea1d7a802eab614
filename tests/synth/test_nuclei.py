"""Tests of `edgewbc.synth.nuclei`. Differences between the classes are tested in `test_cells`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.cells import CLASSES, OTHER_CLASSES
from edgewbc.synth import nuclei

CENTER = np.array([50.0, 40.0])
SHAPE = (80, 100)


@given(seed=st.integers(0, 9999), radius=st.floats(5, 60), long=st.floats(1, 2))
def test_blob_has_the_area_of_the_circle(seed: int, radius: float, long: float) -> None:
    """72 points; without raggedness an ellipse around the center, with the area of the circle."""
    points = nuclei.blob(np.random.default_rng(seed), CENTER, radius, 0.0, long)
    assert points.shape == (72, 2)
    np.testing.assert_allclose(points.mean(0), CENTER, atol=1e-9 * radius + 1e-9)
    assert cv2.contourArea(points.astype(np.float32)) == pytest.approx(np.pi * radius**2, rel=0.01)
    away = np.linalg.norm(points - CENTER, axis=1)
    assert away.max() / away.min() == pytest.approx(long, rel=0.01)


def test_fill_and_melt() -> None:
    """1 inside, 0 outside, values between them on a soft edge; `melt` keeps the area."""
    outline = nuclei.blob(np.random.default_rng(1), CENTER, 20, 0.0)
    hard, soft = nuclei.fill(SHAPE, [outline]), nuclei.fill(SHAPE, [outline], soft=3)
    assert hard.shape == SHAPE
    assert hard[40, 50] == 1
    assert hard[0, 0] == 0
    assert ((soft > 0.1) & (soft < 0.9)).sum() > ((hard > 0.1) & (hard < 0.9)).sum()
    melted = nuclei.melt(hard, 2)
    assert 0 <= melted.min() <= melted.max() <= 1
    assert melted.sum() == pytest.approx(hard.sum(), rel=0.05)


@settings(max_examples=20)
@given(seed=st.integers(0, 9999), number=st.integers(1, 30))
def test_circles_stay_within_reach_and_apart(seed: int, number: int) -> None:
    """No disc extends beyond `reach` plus its radius; a large minimum distance leaves one disc."""
    mask = nuclei.circles(SHAPE, np.random.default_rng(seed), CENTER, 15, number, (1.5, 2.0))
    y, x = np.nonzero(mask > 0.5)
    assert len(y) > 0
    assert np.hypot(x - CENTER[0], y - CENTER[1]).max() <= 15 + 2 + 1
    single = nuclei.circles(SHAPE, np.random.default_rng(seed), CENTER, 15, number, (1.5, 2.0), apart=100)
    assert single.sum() < 1.2 * np.pi * 2**2


def test_wobble_is_smooth_noise() -> None:
    """Mean near 0, standard deviation near 0.6; a coarser grain is smoother."""
    fine, coarse = (nuclei.wobble(np.random.default_rng(0), (200, 300), grain) for grain in (2, 12))
    assert fine.shape == coarse.shape == (200, 300)
    assert abs(fine.mean()) < 0.1
    assert 0.4 < fine.std() < 1.1
    assert np.abs(np.diff(coarse, axis=1)).mean() < 0.5 * np.abs(np.diff(fine, axis=1)).mean()


@pytest.mark.parametrize("label", [*CLASSES, "immature granulocyte", "erythroblast"])
def test_nucleus_is_inside_its_cell(label: str) -> None:
    """A mask of 0 to 1 that covers 15 to 85 % of the cell and little outside; the generator determines it."""
    for seed in range(5):
        mask = nuclei.OF[label](SHAPE, np.random.default_rng(seed), CENTER, 30.0)
        assert mask.shape == SHAPE
        assert 0 <= mask.min() <= mask.max() <= 1
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        inside = np.hypot(x - CENTER[0], y - CENTER[1]) <= 33
        assert 0.15 < mask[inside].sum() / (np.pi * 30**2) < 0.85
        assert mask[~inside].sum() < 0.05 * mask.sum()
        np.testing.assert_array_equal(mask, nuclei.OF[label](SHAPE, np.random.default_rng(seed), CENTER, 30.0))


def test_every_class_can_be_drawn() -> None:
    """There is a nucleus for each of the eight classes and no other; a platelet's is empty."""
    assert set(nuclei.OF) == {*CLASSES, *OTHER_CLASSES}
    assert not nuclei.OF["platelet"](SHAPE, np.random.default_rng(0), CENTER, 30.0).any()
