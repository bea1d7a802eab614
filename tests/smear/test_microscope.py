"""The microscope's profile: learned values, JSON, and what makes it unreliable."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.errors import UserError
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
    learned = learn([draw_cell("lymphocyte", np.random.default_rng(seed), size=200) for seed in range(3)])
    assert learned is not None
    assert learned.spread is not None
    assert Profile.from_json(json.loads(json.dumps(learned.to_json()))) == learned


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
        {"spread": {"nucleus": [1, 2], "background": [[1, 2, 3]], "density": [[1, 1, 1], [2, 2, 2]]}},
        {"spread": {"nucleus": [1, math.inf], "background": [[0, 0, 0]] * 2, "density": [[1, 1, 1]] * 2}},
        {"spread": 7},
    ],
)
def test_malformed_profiles(change: dict[str, object]) -> None:
    """A newer format, numbers that are none, and values outside of their range are refused."""
    with pytest.raises(ValueError, match=r"newer|reference|not a microscope profile|densities|spread"):
        Profile.from_json({**PROFILE.to_json(), **change})


def test_too_few_cells() -> None:
    """Below 20 cells the profile says that it is not to be relied on."""
    few = "learned from 19 white cells in 200 images; at least 20 cells are needed"
    assert replace(PROFILE, cells=19).problems == [few]
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


def seen(
    nucleus: float, green: float = 1.6, side: int = 300, level: int = 240, red: float = 0.0
) -> microscope.Observation:
    """One image with one cell."""
    gauge = Gauge(np.array([level] * 3, np.uint8), (), side, side)
    return microscope.Observation(gauge, (nucleus,), ((1.0, green, 0.5),), (red,) * 4 if red else ())


def varied(count: int, nucleus: float, **other: float) -> list[microscope.Observation]:
    """Images of one microscope, whose nuclei vary by a quarter."""
    sizes = nucleus * np.exp(np.random.default_rng(count).normal(0, 0.12, count))
    return [seen(float(size), **other) for size in sizes]  # type: ignore[arg-type]


def mixed(*groups: list[microscope.Observation]) -> tuple[str, ...]:
    """In what way a profile of all groups is mixed."""
    found = microscope.summarize([one for group in groups for one in group])
    assert found is not None
    return found.mixed


def test_two_magnifications_are_told() -> None:
    """Nuclei of 40 and of 80 pixels on images of two sizes, or beside red cells of two: two microscopes."""
    (line,) = mixed(varied(30, 40, side=120), varied(30, 80))
    assert line.startswith("images of two magnifications, with nuclei of 4")
    assert mixed(varied(30, 40, red=35), varied(30, 80, red=70))
    assert mixed(varied(40, 40, level=225), varied(10, 80))


def test_one_microscope_is_not_taken_for_two() -> None:
    """One magnification; two kinds of cell on images that are alike; and too small a share of other images."""
    assert mixed(varied(60, 80)) == ()
    assert mixed(varied(30, 40), varied(30, 80)) == ()
    assert mixed(varied(30, 40, side=120, red=70), varied(30, 80, red=72)) == ()
    assert mixed(varied(3, 40, side=120), varied(60, 80)) == ()
    assert mixed(varied(10, 40, side=120), varied(10, 80)) == ()


def test_two_stains_are_told() -> None:
    """Nuclei three times as dark in half of the images are of another stain; half as dark again is ordinary."""
    (line,) = mixed(varied(30, 80, green=0.6), varied(30, 80, green=1.8))
    assert line == "images of two stains, with nuclei of optical density 0.60 and 1.80: keep them apart"
    assert mixed(varied(30, 80, green=1.2), varied(30, 80, green=1.8)) == ()


def test_platelets_in_fields_do_not_change_the_profile() -> None:
    """What is less than half as large as the usual nucleus is left out of fields."""
    fields = [replace(one, nuclei=(*one.nuclei, 20.0), densities=one.densities * 2) for one in varied(30, 80)]
    assert microscope.summarize(fields) == microscope.summarize(varied(30, 80))


def test_an_image_unlike_its_microscope() -> None:
    """Background, stain and size are compared with the spread of the microscope's images."""
    profile = microscope.summarize(varied(40, 80))
    assert profile is not None
    usual, stain = np.array([240, 240, 240], np.uint8), (1.0, 1.6, 0.5)
    assert profile.unlike(usual, stain, 80.0) == []
    assert profile.unlike(np.array([240, 240, 200], np.uint8), stain, None) == ["background"]
    assert profile.unlike(usual, (0.3, 1.6, 0.5), 200.0) == ["stain of the nucleus", "size of the nucleus"]
    assert profile.unlike(usual, None, None) == []


def test_far_from_a_reference() -> None:
    """Ten times larger, a stain that needs more than the largest gain, or a dark background: with words."""
    reference = Reference(80.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4))
    home = Profile.of_reference(reference)
    assert home.far_off(reference) == []
    assert home.fits(reference)
    far = replace(home, nucleus=800.0, density=(0.3, 1.6, 0.4), background=(120.0, 120.0, 120.0))
    assert [line.split()[0] for line in far.far_off(reference)] == ["nuclei", "a", "a"]
    assert not replace(home, nucleus=50.0).fits(reference)
    assert not replace(home, background=(250.0, 230.0, 180.0)).fits(reference)
    assert not replace(home, density=(2.0, 1.6, 0.4)).fits(reference)


def test_a_profile_file(tmp_path: Path) -> None:
    """It is read back; one that is missing or no profile is refused in one line that names the remedy."""
    path = tmp_path / "scope.json"
    path.write_text(json.dumps(PROFILE.to_json()))
    assert Profile.read(path) == PROFILE
    path.write_text("[1]")
    with pytest.raises(UserError, match="make one with `edgewbc microscope learn`"):
        Profile.read(path)
    with pytest.raises(UserError, match="cannot be read"):
        Profile.read(tmp_path / "none.json")
