"""The microscope of a run, and fields of a smear given to a bundle that takes each image for one cell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from edgewbc.bundle.bundle import Bundle
from edgewbc.cases import count as case_count
from edgewbc.cases.count import CountRequest
from edgewbc.errors import UserError
from edgewbc.lab.run_microscope import fields_warning, learned_microscope, named_microscope
from edgewbc.lab.thresholds import ReviewThresholds
from edgewbc.pixels import Image, PixelSpec, Reference
from edgewbc.synth.cells import draw_cell, draw_field
from edgewbc.utils.progress import quiet
from tests.tiny import encode, make_bundle


def write(folder: Path, images: Sequence[Image]) -> list[str]:
    folder.mkdir(exist_ok=True)
    files = [folder / f"{index:02d}.png" for index in range(len(images))]
    for file, image in zip(files, images, strict=True):
        file.write_bytes(encode(image))
    return [str(file) for file in files]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundle") / "tiny", spec=PixelSpec(24, 24))


def fields(count: int) -> list[Image]:
    rng = np.random.default_rng(4)
    return [draw_field(rng, ["neutrophil", "lymphocyte", "monocyte"], 360, 480)[0] for _ in range(count)]


def cells(count: int) -> list[Image]:
    rng = np.random.default_rng(5)
    return [draw_cell("neutrophil", rng, 96) for _ in range(count)]


def test_fields_are_told_with_the_bundle_for_them(bundle: Bundle, tmp_path: Path) -> None:
    files = write(tmp_path / "slide", [*fields(6), *cells(1)])
    told = fields_warning(bundle, files)
    assert re.match("[4-6] of 7 sampled images are fields of a smear, and tiny takes each image for", told)
    assert told.endswith("Count fields with a bundle that locates their cells: --model wbc5-travel.")


def test_single_cells_and_what_cannot_be_read_are_no_fields(bundle: Bundle, tmp_path: Path) -> None:
    files = write(tmp_path / "cells", [*cells(4), *fields(1)])
    assert fields_warning(bundle, files) == ""
    (tmp_path / "broken.png").write_bytes(b"no image")
    assert fields_warning(bundle, [str(tmp_path / "broken.png"), str(tmp_path / "missing.png")]) == ""
    assert fields_warning(bundle, []) == ""


def test_a_bundle_that_locates_cells_takes_fields(tmp_path: Path) -> None:
    spec = PixelSpec(24, 24, crop="cell", size=150, reference=Reference(60.0, (230, 220, 230), (0.6, 0.7, 0.4)))
    by_cell = make_bundle(tmp_path / "tiny", spec=spec)
    assert fields_warning(by_cell, write(tmp_path / "slide", fields(3))) == ""


def test_no_percentage_is_given_of_fields_that_were_taken_for_cells(bundle: Bundle, tmp_path: Path) -> None:
    write(tmp_path / "slide", fields(3))
    request = CountRequest([tmp_path / "slide"], tmp_path / "case", thresholds=ReviewThresholds(0.0), threads=1)
    case = case_count.run(request, lambda: bundle, say=lambda _: None)
    assert "fields of a smear" in case.index.warning
    assert (case.differential().counted, len(case.open_cells)) == (0, 3)


def test_a_bundle_that_takes_images_as_they_are(bundle: Bundle, tmp_path: Path) -> None:
    """It needs no microscope: none is learned, and a named one is an error rather than ignored."""
    assert named_microscope(None, bundle) is None
    with pytest.raises(UserError, match="--microscope: .* takes images as they are .*: leave it out"):
        named_microscope(tmp_path / "m.json", bundle)
    assert learned_microscope(bundle, [], quiet).profile is None
