"""The page of a microscope's profile: what it says, and the images that it shows."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from edgewbc.lab import microscope_page
from edgewbc.lab.microscope_page import Gallery, page
from edgewbc.pixels import Image, PixelSpec
from edgewbc.smear.gauge import observe
from edgewbc.smear.learning import summarize
from edgewbc.smear.microscope import ImageSpread, Profile
from edgewbc.synth.cells import draw_cell

PROFILE = Profile(37.5, (255.0, 250.0, 172.0), (0.9, 2.4, 0.6), 200, 190)


def images() -> list[Image]:
    """Images of single cells."""
    return [draw_cell("lymphocyte", np.random.default_rng(seed), size=200) for seed in range(10)]


@pytest.fixture(scope="module")
def gallery() -> Gallery:
    """Ten images of a microscope, for a bundle that was trained on one with nuclei twice as small."""
    seen = [observe(image) for image in images()]
    profile = summarize(seen)
    assert profile is not None
    half = Profile(profile.nucleus / 2, profile.background, profile.density, 0, 0).reference
    made = Gallery(profile, PixelSpec(32, 32, crop="cell", size=100, reference=half))
    for image, observation in zip(images(), seen, strict=True):
        made.add(image, observation)
    return made


class _Balanced(HTMLParser):
    """Notes elements that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img", "line", "polygon", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open and self.open.pop() != tag:
            self.wrong.append(tag)


def decoded(text: str) -> list[Image]:
    """The images in a page."""
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    return [cv2.imdecode(np.frombuffer(base64.b64decode(each), np.uint8), cv2.IMREAD_COLOR) for each in found]  # type: ignore[misc]


def test_the_quantities_of_a_profile() -> None:
    """With their units; what was not measured is said; the hash identifies the profile."""
    text = page(PROFILE, "scope.json")
    assert "Learned from 200 images with 190 white cells." in text
    assert "<td>37.5</td>" in text
    assert "too few seen" in text
    assert "255 250 172" in text
    assert "0.90 2.40 0.60" in text
    assert PROFILE.sha256 in text
    assert 'class="problem"' not in text
    assert decoded(text) == []


def test_problems_are_shown_first() -> None:
    """Too few cells, before the table."""
    text = page(Profile(37.5, (255.0, 250.0, 172.0), (0.9, 2.4, 0.6), 12, 12), "scope.json")
    assert '<p class="problem">learned from 12 white cells in 12 images' in text
    assert text.index('class="problem"') < text.index("<table>")


def test_a_scale_of_the_red_cells_is_no_problem() -> None:
    """It is remarked on, and the table says where the size comes from: it is not among those that were seen."""
    spread = ImageSpread((39.0, 60.0), (PROFILE.background,) * 2, (PROFILE.density,) * 2)
    text = page(replace(PROFILE, nucleus=85.0, spread=spread, remarks=("by the red cells",)), "scope.json")
    assert '<p class="remark">by the red cells' in text
    assert 'class="problem"' not in text
    assert "<td>85.0 (by the red cells)</td><td>39 to 60</td>" in text
    assert "<td>45.0</td>" in page(replace(PROFILE, nucleus=45.0, spread=spread), "scope.json")


def test_each_of_two_preparations_has_a_table() -> None:
    """With its own quantities, after those of all images."""
    one, other = replace(PROFILE, nucleus=33.0, images=70), replace(PROFILE, nucleus=39.0, images=130)
    text = page(replace(PROFILE, preparations=(one, other)), "scope.json")
    assert text.count("<table>") == 3
    places = [
        text.index(part) for part in ("<td>37.5", "Preparation 1: 70", "<td>33.0", "Preparation 2: 130", "<td>39.0")
    ]
    assert places == sorted(places)
    assert "Preparation" not in page(PROFILE, "scope.json")


def test_names_are_escaped() -> None:
    """A file can be called anything."""
    text = page(PROFILE, "<b>&.json")
    assert "<b>&.json" not in text
    assert "&lt;b&gt;&amp;.json" in text


def test_images_and_pairs(gallery: Gallery) -> None:
    """The first eight images with boxes, and eight cells before and after in the size of the network's input."""
    text = page(gallery.profile, "scope.json", gallery, "wbc5 & co")
    shown = decoded(text)
    assert len(shown) == 8 + 2 * 8
    assert {image.shape for image in shown[:8]} == {(220, 220, 3)}
    assert {image.shape for image in shown[8:]} == {(32, 32, 3)}
    box = np.array(microscope_page._BOX)[::-1]
    assert all((image == box).all(2).any() for image in shown[:8])
    assert "Nuclei are 2.00 times as large in pixels as on the images that wbc5 &amp; co was trained on." in text


def test_a_cell_is_shown_as_its_preparation_is_mapped(gallery: Gallery) -> None:
    """By the profile with the nearest background: at half the scale the network sees half as much around the cell."""
    near, far = gallery.profile, replace(gallery.profile, background=(20.0, 20.0, 20.0))
    (image, *_), (seen, *_) = images(), gallery.seen
    shown = []
    for scales in ((1, 0.5), (0.5, 1)):
        both = tuple(replace(one, nucleus=one.nucleus * scale) for one, scale in zip((near, far), scales, strict=True))
        made = Gallery(replace(near, preparations=both), gallery.spec)
        made.add(image, seen)
        shown.append(made.pairs[0][1])
    assert np.array_equal(shown[0], gallery.pairs[0][1])
    assert not np.array_equal(shown[0], shown[1])


def test_images_of_each_preparation_are_shown(gallery: Gallery) -> None:
    """Of ten images on one background and ten on another, four each, although those of one come first."""
    far = replace(gallery.profile, background=(20.0, 20.0, 20.0))
    made = Gallery(replace(gallery.profile, preparations=(gallery.profile, far)), gallery.spec)
    for image, seen in zip(images(), gallery.seen, strict=True):
        made.add(image, seen)
    assert (len(made.images), len(made.pairs)) == (4, 4)
    for image, seen in zip(images(), gallery.seen, strict=True):
        dark = replace(seen, gauge=replace(seen.gauge, background=np.array([30, 30, 30], np.uint8)))
        made.add(image, dark)
    assert (len(made.images), len(made.pairs)) == (8, 8)


def test_histograms_show_every_channel_and_the_reference(gallery: Gallery) -> None:
    """One outline for nuclei, three for background and three for density; a dashed line for each reference."""
    text = page(gallery.profile, "scope.json", gallery, "b")
    assert text.count("<svg ") == 3
    assert text.count("<polygon ") == 7
    assert text.count("stroke-dasharray") == 7
    heights = [float(y) for points in re.findall(r'points="([^"]+)"', text) for y in re.findall(r",([\d.]+)", points)]
    assert min(heights) == 10.0
    assert max(heights) == 130.0


def test_the_page_is_well_formed_and_self_contained(gallery: Gallery) -> None:
    """Every element is closed in order, and nothing is loaded from elsewhere."""
    text = page(gallery.profile, "scope.json", gallery, "b")
    parser = _Balanced()
    parser.feed(text)
    assert parser.wrong == []
    assert parser.open == []
    assert not re.findall(r'(?:src|href)="(?!data:)', text)
