"""The microscope's profile: learned values, JSON, and what makes it unreliable."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edgewbc.pixels import Reference
from edgewbc.smear import microscope
from edgewbc.smear.microscope import Gauge, Profile, learn
from edgewbc.synth.cells import draw_cell

PROFILE = Profile(37.5, (255.0, 250.0, 172.0), (0.9, 2.4, 0.6), 200, 190)


def test_medians_over_images() -> None:
    """A profile holds the medians of its images: one image alone gives its own values."""
    images = [draw_cell("lymphocyte", np.random.default_rng(seed), size=200) for seed in range(5)]
    singles = [learn([image]) for image in images]
    found = learn(images)
    assert found is not None
    assert found.images == 5
    assert found.cells == sum(single.cells for single in singles if single)
    assert found.nucleus == pytest.approx(float(np.median([single.nucleus for single in singles if single])), rel=0.1)
    assert found.background == pytest.approx(np.median([single.background for single in singles if single], axis=0))


def test_twice_the_size() -> None:
    """The nucleus of the profile is in pixels: twice as large on images that are twice as large."""
    small, large = (
        [draw_cell("monocyte", np.random.default_rng(seed), size=size) for seed in range(4)] for size in (150, 300)
    )
    found = learn(small), learn(large)
    assert found[0] is not None
    assert found[1] is not None
    assert found[1].nucleus / found[0].nucleus == pytest.approx(2, rel=0.1)


def test_nothing_to_learn_from() -> None:
    """Without images, or on empty ones, there is no profile."""
    assert learn([]) is None
    assert learn([np.full((60, 60, 3), 240, np.uint8)]) is None


def test_json_round_trip() -> None:
    """A profile is read back as it was, under the same hash; another one has another hash."""
    again = Profile.from_json(PROFILE.to_json())
    assert again == PROFILE
    assert again.sha256 == PROFILE.sha256
    assert replace(PROFILE, nucleus=38.0).sha256 != PROFILE.sha256


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"nucleus": math.nan},
        {"nucleus": 0},
        {"background": [1, 2]},
        {"background": [256, 0, 0]},
        {"density": [0, 1, 1]},
        {"density": None},
    ],
)
def test_malformed_profiles(change: dict[str, object]) -> None:
    """A newer format, numbers that are none, and values outside of their range are refused."""
    with pytest.raises(ValueError, match=r"newer|reference|not a microscope profile|densities"):
        Profile.from_json({**PROFILE.to_json(), **change})


def test_too_few_cells() -> None:
    """Below 20 cells the profile says that it is not to be relied on."""
    assert replace(PROFILE, cells=19).problems == ["learned from 19 white cells; at least 20 are needed"]
    assert PROFILE.problems == []


def test_the_reference_as_a_profile() -> None:
    """The microscope of the training images has the reference's values."""
    reference = Reference(80.0, (254.0, 227.0, 202.0), (1.06, 1.74, 0.38))
    assert Profile.of_reference(reference).reference == reference


def test_a_sample_is_spread_evenly() -> None:
    """Of 1,000 images 200 are taken, first and last among them; of fewer, all."""
    found = microscope.sample(1000)
    assert (len(found), found[0], found[-1]) == (200, 0, 999)
    assert microscope.sample(3) == [0, 1, 2]
    assert microscope.sample(0) == []


def test_the_gauge_of_an_image() -> None:
    """One drawn cell is located, and the background is as bright as the brightest tenth of the image."""
    image = draw_cell("eosinophil", np.random.default_rng(0), size=200)
    gauge = Gauge.of(image)
    assert (gauge.height, gauge.width) == (200, 200)
    assert gauge.central is not None
    assert np.abs(gauge.background.astype(int) - np.percentile(image.reshape(-1, 3), 90, axis=0)).max() < 15
