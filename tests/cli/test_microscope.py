"""`edgewbc microscope`: learn a profile, and the page that shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgewbc.cells import CLASSES
from edgewbc.pixels import PixelSpec, Reference
from edgewbc.smear.microscope import Profile
from edgewbc.synth.cells import draw_cell
from edgewbc.synth.smear import Slide
from tests.conftest import Ran
from tests.tiny import encode, make_bundle

SLIDE = Slide.draw(np.random.default_rng(5))


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """22 images of one cell each."""
    folder = tmp_path_factory.mktemp("smear")
    for seed in range(22):
        image = draw_cell(CLASSES[seed % 5], np.random.default_rng(seed), 120, SLIDE)
        (folder / f"{seed:02d}.png").write_bytes(encode(image))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle that locates cells."""
    reference = Reference(80.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4))
    spec = PixelSpec(32, 32, crop="cell", size=225, reference=reference)
    return make_bundle(tmp_path_factory.mktemp("model") / "tiny", spec=spec).path


def test_learn_writes_a_profile(edgewbc: Callable[..., Ran], cells: Path, tmp_path: Path) -> None:
    """The file is the profile that is printed, and the same each time."""
    ran = edgewbc("microscope", "learn", cells, "--to", tmp_path / "scope.json", "--json")
    assert ran.code == 0, ran.err
    assert "22 images with 22 white cells" in ran.err
    profile = Profile.read(tmp_path / "scope.json")
    printed = json.loads(ran.out)
    assert printed["sha256"] == profile.sha256
    assert printed["problems"] == []
    edgewbc("microscope", "learn", cells, "--to", tmp_path / "again.json")
    assert Profile.read(tmp_path / "again.json") == profile


def test_too_little_to_learn_from(edgewbc: Callable[..., Ran], cells: Path, tmp_path: Path) -> None:
    """Few cells give a file and exit code 3; no cell at all gives an error and no file."""
    scope = tmp_path / "scope.json"
    few = edgewbc("microscope", "learn", cells / "00.png", cells / "01.png", "--to", scope)
    assert few.code == 3
    assert "not to be relied on: learned from 2 white cells in 2 images" in few.err
    assert Profile.read(scope).cells == 2
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.png").write_bytes(encode(np.full((60, 60, 3), 240, np.uint8)))
    none = edgewbc("microscope", "learn", tmp_path / "empty", "--to", tmp_path / "none.json")
    assert (none.code, (tmp_path / "none.json").exists()) == (2, False)
    assert "no white cell was located in 1 images" in none.err


def test_the_page_stands_alone(edgewbc: Callable[..., Ran], cells: Path, model: Path, tmp_path: Path) -> None:
    """It shows images, cells before and after, and distributions, and loads nothing from anywhere."""
    scope, page = tmp_path / "a & b.json", tmp_path / "page.html"
    edgewbc("microscope", "learn", cells, "--to", scope)
    ran = edgewbc("microscope", "show", scope, "--images", cells, "--model", model, "--to", page)
    assert ran.code == 0, ran.err
    text = page.read_text(encoding="utf-8")
    assert "a &amp; b.json" in text
    assert text.count('alt="before"') == text.count('alt="after"') == 8
    assert text.count("<svg") == 3
    assert set(re.findall(r'(?:src|href)="(.{5})', text)) == {"data:"}
    assert "http" not in text
    assert "times as large in pixels as on the images that tiny was trained on" in text


def test_a_page_without_images_and_with_problems(edgewbc: Callable[..., Ran], model: Path, tmp_path: Path) -> None:
    """It has the numbers, and says what is wrong with them."""
    scope, page = tmp_path / "scope.json", tmp_path / "page.html"
    scope.write_text(json.dumps(Profile(900.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4), 3, 4).to_json()))
    assert edgewbc("microscope", "show", scope, "--model", model, "--to", page).code == 0
    text = page.read_text(encoding="utf-8")
    assert "learned from 4 white cells in 3 images" in text
    assert "nuclei of 900 pixels, 11 times the training images" in text
    assert "<svg" not in text


def test_a_bundle_that_locates_no_cells_is_refused(edgewbc: Callable[..., Ran], tmp_path: Path) -> None:
    """It has no reference to compare with."""
    scope = tmp_path / "scope.json"
    scope.write_text(json.dumps(Profile(90.0, (250.0, 230.0, 210.0), (1.0, 1.6, 0.4), 30, 40).to_json()))
    whole = make_bundle(tmp_path / "whole").path
    ran = edgewbc("microscope", "show", scope, "--model", whole, "--to", tmp_path / "page.html")
    assert (ran.code, "takes images as they are" in ran.err) == (2, True)
