"""Tests of `edgewbc.data.images`."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgewbc.data import images
from edgewbc.data.images import batches, read, truth
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.images.decode import TRUNCATED, Decoded
from edgewbc.pixels import PixelSpec, prepare
from tests.data.conftest import Put
from tests.tiny import make_image


def test_read_returns_the_pixels(put: Put, image_folder: Path) -> None:
    """A PNG is decoded to the RGB values that were saved."""
    put("monocyte/a.png", seed=7)
    manifest = make("folder", image_folder, protocol="external")
    np.testing.assert_array_equal(read(manifest, manifest.entries[0]), make_image(7))


def test_read_names_a_damaged_file(put: Put, image_folder: Path) -> None:
    """A file that cannot be decoded is an error that names the file and says what to do."""
    put("monocyte/a.png")
    manifest = make("folder", image_folder, protocol="external")
    put("monocyte/a.png").write_bytes(b"not an image")
    entry = replace(manifest.entries[0], sha256=hashlib.sha256(b"not an image").hexdigest())
    with pytest.raises(UserError, match=r"a\.png: .*: remove it and recreate the manifest"):
        read(manifest, entry)


def test_truth(slides: Path) -> None:
    """Labels become class indices; an unknown label is an error that names the file."""
    manifest = make("folder", slides, protocol="external")
    found = truth(manifest, manifest.entries, ("neutrophil", "lymphocyte"))
    assert found.dtype == np.int64
    assert truth(manifest, manifest.entries, ("Neutrophil", "LYMPHOCYTE")).tolist() == found.tolist()
    assert found.tolist() == [1] * 12 + [0] * 12  # Lymphocyte/ comes before neutrophil/
    with pytest.raises(UserError, match=r"slide0/0\.png: its label 'lymphocyte' is not a class of the model"):
        truth(manifest, manifest.entries, ("neutrophil",))


def test_batches(slides: Path) -> None:
    """Images are prepared and in order; the last batch is shorter."""
    manifest = make("folder", slides, protocol="external")
    spec = PixelSpec(10, 8)
    found = list(batches(manifest, manifest.entries, spec, size=10))
    assert [stack.shape for stack in found] == [(10, 10, 8, 3), (10, 10, 8, 3), (4, 10, 8, 3)]
    assert found[0].dtype == np.uint8
    np.testing.assert_array_equal(found[2][1], prepare(read(manifest, manifest.entries[21]), spec))


def test_a_person_is_told_what_was_seen() -> None:
    """Notes with their numbers, damage with the first path, and how much of the images a central crop takes."""
    seen = images.Seen()
    for number in range(3):
        notes = ("grayscale",) if number else ()
        seen.add(f"{2 - number}.png", Decoded(np.zeros((20, 40, 3), np.uint8), notes))
    seen.add("b.jpg", Decoded(np.zeros((20, 40, 3), np.uint8), (TRUNCATED,)))
    lines = seen.lines(PixelSpec(8, 8, "centre", 10))
    assert lines == [
        "2 of 4 images: grayscale",
        f"1 of 4 images may be damaged; the first: b.jpg: {TRUNCATED}",
        "of images of 40 x 20 pixels (median), the crop takes the central 10 x 10 pixels, 12 %",
    ]
    small = images.Seen(sizes=[(8, 8)]).lines(PixelSpec(8, 8, "centre", 10))
    assert small == ["of images of 8 x 8 pixels (median), the crop takes all, as they are smaller than 10 x 10"]
    assert images.Seen().lines(PixelSpec(8, 8)) == []
