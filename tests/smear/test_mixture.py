"""Images of two microscopes or two stains."""

from __future__ import annotations

from edgewbc.smear import mixture
from edgewbc.smear.gauge import ImageObservation
from tests.smear.observations import seen, varied


def mixed(*groups: list[ImageObservation]) -> list[str]:
    """In what way images of all groups are mixed."""
    return mixture.find([one for group in groups for one in group])


def test_two_magnifications_are_told() -> None:
    """Nuclei of 40 and of 80 pixels on images of two sizes, or beside red cells of two: two microscopes."""
    (line,) = mixed(varied(30, 40, side=120), varied(30, 80))
    assert line.startswith("images of two magnifications, with nuclei of 4")
    assert mixed(varied(30, 40, red=35), varied(30, 80, red=70))
    assert mixed(varied(40, 40, level=225), varied(10, 80))


def test_one_microscope_is_not_taken_for_two() -> None:
    """One magnification; two kinds of cell on images that are alike; and too small a share of other images."""
    assert mixed(varied(60, 80)) == []
    assert mixed(varied(30, 40), varied(30, 80)) == []
    assert mixed(varied(30, 40, side=120, red=70), varied(30, 80, red=72)) == []
    assert mixed(varied(3, 40, side=120), varied(60, 80)) == []
    assert mixed(varied(10, 40, side=120), varied(10, 80)) == []


def test_images_cut_out_around_their_cells_are_of_one_microscope() -> None:
    """Platelets and white cells, each on an image as large as the cell takes: their sizes say nothing."""
    groups = [[seen(one.nuclei[0], side=round(2 * one.nuclei[0])) for one in varied(30, size)] for size in (35, 80)]
    assert mixed(*groups) == []
    assert mixed([seen(one.nuclei[0], side=70) for one in varied(30, 35)], groups[1]) == []


def test_two_stains_are_told() -> None:
    """Nuclei three times as dark in half of the images are of another stain; half as dark again is ordinary."""
    (line,) = mixed(varied(30, 80, green=0.6), varied(30, 80, green=1.8))
    assert line == "images of two stains, with nuclei of optical density 0.60 and 1.80: keep them apart"
    assert mixed(varied(30, 80, green=1.2), varied(30, 80, green=1.8)) == []


def test_two_backgrounds_are_told() -> None:
    """Levels of 150 and 250 are two; 230 and 250 are one preparation in another light, and few images say nothing."""
    lighter = mixture.by_background([*varied(30, 80, level=250), *varied(40, 80, level=150)])
    assert lighter is not None
    assert lighter.tolist() == [True] * 30 + [False] * 40
    assert mixture.by_background([*varied(30, 80, level=230), *varied(30, 80, level=250)]) is None
    assert mixture.by_background([*varied(10, 80, level=150), *varied(10, 80, level=250)]) is None
