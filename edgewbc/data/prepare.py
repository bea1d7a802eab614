"""The images of a manifest as a network's input. With the crop `cell`, each microscope's profile is learned first."""

from __future__ import annotations

from collections import OrderedDict

from edgewbc.data.decoded import read
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.pixels import Image, PixelSpec
from edgewbc.smear import learning
from edgewbc.smear.canonical import View
from edgewbc.smear.microscope import Profile
from edgewbc.smear.prepare import Preparer
from edgewbc.smear.views import Views

_profiles: dict[tuple[str, str], Profile] = {}
_preparers: OrderedDict[tuple[str, PixelSpec], EntryPreparer] = OrderedDict()
_KEPT = 8
"""Preparers that are kept: those of a chain of networks and their teachers."""


def profile(manifest: Manifest, of: str | None = None) -> Profile:
    """Learn the profile of the microscope of a manifest's images, from a sample of them; labels play no role.

    Args:
        manifest: of one or several microscopes.
        of: the microscope, as its entries name it; None takes the first.

    Raises:
        UserError: an image has changed or cannot be decoded, or none shows a white cell.
    """
    name = manifest.entries[0].microscope if of is None else of
    if (manifest.sha256, name) not in _profiles:
        its = [entry for entry in manifest.entries if entry.microscope == name]
        entries = [its[index] for index in learning.sample(len(its))]
        found = learning.learn(read(manifest, entry) for entry in entries)
        if found is None:
            where = f"{manifest.root}, {name}" if name else str(manifest.root)
            raise UserError(f"{where}: no white cell was located in {len(entries)} images: use another crop")
        _profiles[manifest.sha256, name] = found
    return _profiles[manifest.sha256, name]


class EntryPreparer:
    """Prepares images of a manifest, each by the profile of its microscope; remembers where cells were located."""

    def __init__(self, manifest: Manifest, spec: PixelSpec) -> None:
        """Learn the profiles of the microscopes if the crop needs them; raises UserError as `profile` does."""
        names = dict.fromkeys(entry.microscope for entry in manifest.entries)
        self._preparers = {
            name: Preparer(spec, profile(manifest, name) if spec.crop == "cell" else None) for name in names
        }
        self._views: dict[Entry, View | None] = {}

    def source(self, image: Image, entry: Entry) -> Image:
        """Return the image that the cell is located in and drawn from: without borders if the crop is `cell`."""
        return self._preparers[entry.microscope].source(image)

    def view(self, source: Image, entry: Entry) -> View | None:
        """Return the canonical view of the cell of an entry's `source`; None where the crop is not `cell`."""
        if entry not in self._views:
            self._views[entry] = self._preparers[entry.microscope].view(source, entry.box)
        return self._views[entry]

    def __call__(self, image: Image, entry: Entry) -> Image:
        """Return the network's input of an entry's decoded image, uint8 RGB (spec.height, spec.width, 3)."""
        source = self.source(image, entry)
        return self._preparers[entry.microscope].prepared(source, entry.box, self.view(source, entry))

    def others(self, image: Image, entry: Entry, views: Views) -> tuple[Image, ...]:
        """Return further views of an entry's cell, each as the network's input; the crop must be `cell`."""
        preparer, source = self._preparers[entry.microscope], self.source(image, entry)
        view = self.view(source, entry)
        if view is None:
            raise ValueError("only the crop `cell` has views")
        return views.others(source, view, preparer.prepared(source, entry.box, view), preparer.spec)


def preparer(manifest: Manifest, spec: PixelSpec) -> EntryPreparer:
    """Return the preparer of a manifest for a network; the same one each time, so that cells are located once."""
    key = (manifest.sha256, spec)
    if key not in _preparers:
        _preparers[key] = EntryPreparer(manifest, spec)
        while len(_preparers) > _KEPT:
            _preparers.popitem(last=False)
    return _preparers[key]
