"""Images of a manifest as a network's input: the profile is learned once, and cells are located once."""

from __future__ import annotations

import numpy as np
import pytest

from edgewbc.data import images, prepare
from edgewbc.data.manifest import Manifest
from edgewbc.data.sources import make
from edgewbc.errors import UserError
from edgewbc.pixels import Image, PixelSpec
from edgewbc.smear import frame, learning
from edgewbc.smear.prepare import Preparer
from edgewbc.smear.views import Views
from edgewbc.synth.cells import write
from edgewbc.train.batches import augmented
from edgewbc.train.recipe import Augment


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


def test_borders_are_looked_for_once_per_image(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locating a cell and drawing it share one cleared image, in training too; other crops need none."""
    cleared: list[Image] = []
    original = frame.cleared

    def counted(image: Image) -> Image:
        cleared.append(image)
        return original(image)

    monkeypatch.setattr(frame, "cleared", counted)
    entries = manifest.entries[:3]
    order = [np.array([0, 1, 2])]
    for spec, count in (
        (PixelSpec(24, 24, crop="cell", size=80, reference=prepare.profile(manifest).reference), 3),
        (PixelSpec(24, 24), 0),
    ):
        prepared = prepare.EntryPreparer(manifest, spec)
        cleared.clear()
        for entry in entries:
            prepared(images.read(manifest, entry), entry)
        assert len(cleared) == count
        cleared.clear()
        list(augmented(manifest, entries, [spec], order, ranges=Augment(), seed=(0,)))
        assert len(cleared) == count


def test_further_views_are_those_of_the_lab_side(manifest: Manifest) -> None:
    """In batches of any size, one cell's after the other's; a crop that is not `cell` has none."""
    profile, views = prepare.profile(manifest), Views(4, (0.8,))
    spec = PixelSpec(24, 24, crop="cell", size=80, reference=profile.reference)
    entries = list(manifest.entries[:3])
    found = np.concatenate(list(images.view_batches(manifest, entries, spec, views, 5)))
    wanted = [Preparer(spec, profile, views).one(images.read(manifest, entry)).others for entry in entries]
    np.testing.assert_array_equal(found, np.stack([view for cell in wanted for view in cell]))
    with pytest.raises(ValueError, match="only the crop `cell` has views"):
        list(images.view_batches(manifest, entries, PixelSpec(24, 24), views))


def test_images_without_a_white_cell(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to learn a profile from is an error that names the folder."""
    monkeypatch.setattr(prepare, "_profiles", {})
    monkeypatch.setattr(learning, "learn", lambda images: None)
    with pytest.raises(UserError, match="no white cell was located in 15 images: use another crop"):
        prepare.profile(manifest)
