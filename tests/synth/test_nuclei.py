"""Tests of `edgewbc.synth.nuclei`. How the types' nuclei differ is tested in `test_synth`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgewbc.cells import CLASSES
from edgewbc.synth import nuclei

CENTRE = np.array([50.0, 40.0])
SHAPE = (80, 100)


@given(seed=st.integers(0, 9999), radius=st.floats(5, 60), long=st.floats(1, 2))
def test_a_blob_is_about_as_large_as_asked(seed: int, radius: float, long: float) -> None:
    """72 points; without raggedness an ellipse about the centre whose area is that of the circle."""
    points = nuclei.blob(np.random.default_rng(seed), CENTRE, radius, 0.0, long)
    assert points.shape == (72, 2)
    np.testing.assert_allclose(points.mean(0), CENTRE, atol=1e-9 * radius + 1e-9)
    assert cv2.contourArea(points.astype(np.float32)) == pytest.approx(np.pi * radius**2, rel=0.01)
    away = np.linalg.norm(points - CENTRE, axis=1)
    assert away.max() / away.min() == pytest.approx(long, rel=0.01)


def test_fill_and_melt_stay_between_0_and_1() -> None:
    """The inside is 1, the outside 0, a soft edge has values between; melting keeps the area."""
    outline = nuclei.blob(np.random.default_rng(1), CENTRE, 20, 0.0)
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
    """No dot lies beyond the reach and its radius; a distance that nothing keeps leaves one dot."""
    mask = nuclei.circles(SHAPE, np.random.default_rng(seed), CENTRE, 15, number, (1.5, 2.0))
    y, x = np.nonzero(mask > 0.5)
    assert len(y) > 0
    assert np.hypot(x - CENTRE[0], y - CENTRE[1]).max() <= 15 + 2 + 1
    single = nuclei.circles(SHAPE, np.random.default_rng(seed), CENTRE, 15, number, (1.5, 2.0), apart=100)
    assert single.sum() < 1.2 * np.pi * 2**2


def test_wobble_is_noise_about_zero_with_lumps() -> None:
    """Mean near 0, a spread of some 0.6, and coarser lumps are smoother."""
    fine, coarse = (nuclei.wobble(np.random.default_rng(0), (200, 300), grain) for grain in (2, 12))
    assert fine.shape == coarse.shape == (200, 300)
    assert abs(fine.mean()) < 0.1
    assert 0.4 < fine.std() < 1.1
    assert np.abs(np.diff(coarse, axis=1)).mean() < 0.5 * np.abs(np.diff(fine, axis=1)).mean()


@pytest.mark.parametrize("label", CLASSES)
def test_every_type_has_a_nucleus_within_its_cell(label: str) -> None:
    """A mask of 0 to 1 that takes 15 to 85 % of the cell and hardly leaves it; the generator determines it."""
    for seed in range(5):
        mask = nuclei.OF[label](SHAPE, np.random.default_rng(seed), CENTRE, 30.0)
        assert mask.shape == SHAPE
        assert 0 <= mask.min() <= mask.max() <= 1
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        inside = np.hypot(x - CENTRE[0], y - CENTRE[1]) <= 33
        assert 0.15 < mask[inside].sum() / (np.pi * 30**2) < 0.85
        assert mask[~inside].sum() < 0.05 * mask.sum()
        np.testing.assert_array_equal(mask, nuclei.OF[label](SHAPE, np.random.default_rng(seed), CENTRE, 30.0))


def test_every_class_can_be_drawn() -> None:
    """The table of nuclei has the five types and no other."""
    assert set(nuclei.OF) == set(CLASSES)
