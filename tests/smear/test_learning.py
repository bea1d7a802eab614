"""Learning the profile of a microscope."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgewbc.smear.learning import learn, sample, summarize
from edgewbc.smear.microscope import Profile
from edgewbc.synth.cells import draw_cell
from tests.smear.observations import varied


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


def test_a_sample_is_spread_evenly() -> None:
    """Of 1,000 images 200 are taken, first and last among them; of fewer, all."""
    found = sample(1000)
    assert (len(found), found[0], found[-1]) == (200, 0, 999)
    assert sample(3) == [0, 1, 2]
    assert sample(0) == []


def test_platelets_in_fields_do_not_change_the_profile() -> None:
    """What is less than half as large as the usual nucleus is left out of fields."""
    fields = [replace(one, nuclei=(*one.nuclei, 20.0), densities=one.densities * 2) for one in varied(30, 80)]
    assert summarize(fields) == summarize(varied(30, 80))


def test_a_mixture_is_in_the_profile() -> None:
    """What makes images two kinds is a problem of the profile learned from them."""
    found = summarize([*varied(30, 80, green=0.6), *varied(30, 80, green=1.8)])
    assert found is not None
    assert [line.split(",")[0] for line in found.mixed] == ["images of two stains"]
    assert found.problems == list(found.mixed)


def test_each_of_two_preparations_has_a_profile() -> None:
    """Two backgrounds: each has the profile that its images alone give, and the profile of all can be relied on."""
    dark, light = varied(30, 70, level=150, green=1.9), varied(40, 84, level=250)
    found = summarize([*dark, *light])
    assert found is not None
    assert found.preparations == (summarize(dark), summarize(light))
    assert found.problems == []
    (remark,) = found.remarks
    assert remark == (
        "images on two backgrounds, of color 150, 150, 150 and 250, 250, 250 (red, green, blue): taken for two "
        f"preparations, each with a scale and a stain of its own (nuclei of {found.preparations[0].nucleus:.0f} and "
        f"{found.preparations[1].nucleus:.0f} pixels)"
    )
    assert Profile.from_json(found.to_json()) == found
    same = summarize(varied(60, 80))
    assert same is not None
    assert same.preparations == ()
    assert {"remarks", "preparations"}.isdisjoint(same.to_json())


def test_a_preparation_with_few_cells_is_a_remark() -> None:
    """Below 20 cells it has no profile of its own, and all images are taken for one preparation."""
    found = summarize([*varied(19, 80, level=150), *varied(30, 80, level=250)])
    assert found is not None
    assert found.preparations == ()
    (remark,) = found.remarks
    assert remark.endswith("if they are of two preparations, 20 white cells or more of each fit better")
    assert found.problems == []


@pytest.mark.parametrize(("nucleus", "red", "scale"), [(80, 72, 80), (80, 92, 80), (33, 72, 80), (140, 72, 80)])
def test_red_cells_set_the_scale_where_nuclei_are_not_of_white_cells(nucleus: float, red: float, scale: float) -> None:
    """Images of platelets alone, or of blasts, would else be shown to a network in the size of other cells."""
    found = summarize(varied(40, nucleus, red=red))
    assert found is not None
    assert found.nucleus == pytest.approx(scale, rel=0.03)
    assert found.cells == 40
    assert (found.remarks != ()) is (scale != nucleus)
    assert found.problems == []
    assert found.spread is not None
    low, high = found.spread.nucleus
    assert low < scale < high
    if scale != nucleus:  # the nuclei that were seen are not those of white cells
        assert found.unlike(np.array([240] * 3, np.uint8), (1.0, 1.6, 0.5), nucleus) == ["size of the nucleus"] * (
            nucleus < scale / 1.95
        )


def test_platelets_alone_in_fields_are_no_white_cells() -> None:
    """Red cells say that they are too small; the one nucleus of an image is what it was taken of."""
    fields = [replace(one, nuclei=(20.0, 18.0), densities=one.densities * 2) for one in varied(40, 20, red=72)]
    assert summarize(fields) is None
    found = summarize([*fields, *varied(5, 20, red=72)])
    assert found is not None
    assert found.problems == ["learned from 5 white cells in 45 images; at least 20 cells are needed"]
