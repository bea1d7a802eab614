"""Images of a manifest as a network's input: the profile is learned once, and cells are located once."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.data import images, prepare
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.pixels import PixelSpec
from edgewbc.smear import learning
from edgewbc.smear.prepare import Preparer
from edgewbc.synth.cells import write


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Three drawn cells of each type."""
    folder = tmp_path_factory.mktemp("drawn")
    write(folder / "set", cells=3)
    return make("synthetic", folder / "set")


def test_the_profile_is_that_of_the_images(manifest: Manifest) -> None:
    """It is what `learning.learn` learns from them, and is kept."""
    found = prepare.profile(manifest)
    assert found == learning.learn(images.read(manifest, entry) for entry in manifest.entries)
    assert prepare.profile(manifest) is found


def test_an_entry_is_prepared_as_by_the_lab_side(manifest: Manifest) -> None:
    """The canonical crop equals that of a `Preparer` with the same profile; its view is located once."""
    profile = prepare.profile(manifest)
    spec = PixelSpec(24, 24, crop="cell", size=80, reference=profile.reference)
    prepared = prepare.preparer(manifest, spec)
    assert prepare.preparer(manifest, spec) is prepared
    entry = manifest.entries[0]
    image = images.read(manifest, entry)
    np.testing.assert_array_equal(prepared(image, entry), Preparer(spec, profile)(image))
    assert prepared.view(image, entry) is prepared.view(np.zeros_like(image), entry)


def test_images_without_a_white_cell(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to learn a profile from is an error that names the folder."""
    monkeypatch.setattr(prepare, "_profiles", {})
    monkeypatch.setattr(learning, "learn", lambda images: None)
    with pytest.raises(UserError, match="no white cell was located in 15 images: use another crop"):
        prepare.profile(manifest)
