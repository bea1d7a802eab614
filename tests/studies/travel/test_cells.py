"""Cells as a network sees them: computed once, and cut out of fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bench.travel import cells
from edgewbc.bundle.bundle import Bundle
from edgewbc.data.manifest import Manifest
from edgewbc.pixels import Reference


def test_features_are_those_of_the_bundle(sets: dict[str, Manifest], bundle: Path, tmp_path: Path) -> None:
    """Each cell once, in order, with eight views of which the first is the image as it is."""
    found = cells.see(Bundle.open(bundle), sets["jtsc"], list(sets["jtsc"].entries), tmp_path)
    assert found.features.shape == (43, 8, 8)
    assert found.probabilities.shape == (43, 5)
    assert not found.doubtful.any()
    one = cells.see(Bundle.open(bundle), sets["jtsc"], list(sets["jtsc"].entries), tmp_path, views=False)
    np.testing.assert_allclose(one.features[:, 0], found.features[:, 0], atol=1e-5)
    assert len(list(tmp_path.glob("*.npz"))) == 2


def test_canonical_is_another_crop_of_the_same_model(bundle: Path) -> None:
    """Size and model stay, the crop becomes `cell` with the reference."""
    reference = Reference(20.0, (250.0, 240.0, 230.0), (1.0, 1.5, 0.4))
    opened = Bundle.open(bundle)
    found = cells.canonical(opened, reference)
    assert (found.pixels.crop, found.pixels.size, found.pixels.reference) == ("cell", 40, reference)
    assert found.model_sha256() == opened.model_sha256()
    assert opened.pixels.crop == "centre"


def test_a_cell_is_cut_out_of_a_field() -> None:
    """The square is 1.6 times the longer side of the box, and ends at the edges of the image."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[40:60, 90:120] = 255
    found = cells.hand_cut(image, (90, 40, 30, 20))
    assert found.shape == (48, 48, 3)
    assert (found[14:34, 9:39] == 255).all()
    assert cells.hand_cut(image, (0, 0, 30, 20)).shape == (34, 39, 3)
