"""The microscope's profile: JSON, what makes it unreliable, and comparing images and references with it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.errors import UserError
from edgewbc.pixels import Reference
from edgewbc.smear.learning import learn, summarize
from edgewbc.smear.microscope import Profile
from edgewbc.synth.cells import draw_cell
from tests.smear.observations import varied

PROFILE = Profile(37.5, (255.0, 250.0, 172.0), (0.9, 2.4, 0.6), 200, 190)


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
        {"format": 3},
        {"preparations": [{}]},
        {"preparations": 7},
        {"preparations": [{**PROFILE.to_json(), "preparations": [PROFILE.to_json()]}]},
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
    with pytest.raises(ValueError, match=r"newer|reference|not a microscope profile|densities|spread|of its own"):
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


def test_an_image_unlike_its_microscope() -> None:
    """Background, stain and size are compared with the spread of the microscope's images."""
    profile = summarize(varied(40, 80))
    assert profile is not None
    usual, stain = np.array([240, 240, 240], np.uint8), (1.0, 1.6, 0.5)
    assert profile.unlike(usual, stain, 80.0) == []
    assert profile.unlike(np.array([240, 240, 200], np.uint8), stain, None) == ["background"]
    assert profile.unlike(usual, (0.3, 1.6, 0.5), 200.0) == ["stain of the nucleus", "size of the nucleus"]
    assert profile.unlike(usual, None, None) == []
    assert profile.unlike(usual, stain, 80.0, 2.3 * profile.nucleus) == []
    assert profile.unlike(usual, stain, 80.0, 2.4 * profile.nucleus) == ["length of the nucleus (two cells?)"]


def test_preparations_are_told_by_the_background() -> None:
    """An image has the profile with the nearest background; one that is near to none is unlike it."""
    dark, light = (summarize(varied(40, size, level=level)) for size, level in ((70, 150), (84, 250)))
    assert dark is not None
    assert light is not None
    both = replace(light, preparations=(dark, light))
    assert both.of_image(np.array([160, 150, 150], np.uint8)) is dark
    assert both.of_image(np.array([240, 240, 250], np.uint8)) is light
    assert light.of_image(np.array([150, 150, 150], np.uint8)) is light
    between = np.array([190, 190, 190], np.uint8)
    assert both.of_image(between).unlike(between, None, None) == ["background"]
    again = Profile.from_json(json.loads(json.dumps(both.to_json())))
    assert again == both
    assert (both.to_json()["format"], light.to_json()["format"]) == (2, 1)
    assert replace(both, preparations=(replace(dark, mixed=("two stains",)), light)).problems == ["two stains"]


def test_preparations_that_are_far_off() -> None:
    """A profile fits if both of its preparations do, and is far off if one is."""
    reference = Reference(80.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4))
    home = Profile.of_reference(reference)
    far = replace(home, nucleus=800.0)
    assert replace(home, preparations=(home, home)).fits(reference)
    both = replace(home, preparations=(home, far))
    assert not both.fits(reference)
    assert both.far_off(reference) == far.far_off(reference)


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
