"""Images of a manifest, decoded, cropped and resized for a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from edgewbc.data.decoded import read as read
from edgewbc.data.decoded import read_decoded as read_decoded
from edgewbc.data.manifest import Entry, Manifest
from edgewbc.data.prepare import preparer
from edgewbc.errors import UserError
from edgewbc.images.decode import Decoded, is_damage
from edgewbc.pixels import Image, PixelSpec
from edgewbc.smear.views import Views


@dataclass
class Seen:
    """What was noticed about images while they were read.

    Attributes:
        sizes: width and height of each decoded image in pixels.
        notes: number of images by note of the decoder, without damage.
        damaged: path and reason of each damaged image.
    """

    sizes: list[tuple[int, int]] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    damaged: list[tuple[str, str]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, path: str, decoded: Decoded) -> None:
        """Count an image; may be called from several threads."""
        height, width = decoded.image.shape[:2]
        with self._lock:
            self.sizes.append((width, height))
            self.notes.update(note for note in decoded.notes if not is_damage(note))
            self.damaged += [(path, note) for note in decoded.notes if is_damage(note)]

    def lines(self, spec: PixelSpec) -> list[str]:
        """Return what a person should know, one line each: damaged and unusual images, and how much the crop takes."""
        total = len(self.sizes)
        found = [f"{count} of {total} images: {note}" for note, count in sorted(self.notes.items())]
        if self.damaged:
            path, note = min(self.damaged)
            found.append(f"{len(self.damaged)} of {total} images may be damaged; the first: {path}: {note}")
        if total and spec.crop == "centre":
            width, height = (int(side) for side in np.median(self.sizes, axis=0))
            _, _, wide, tall = spec.rectangle(height, width)
            taken = f"the central {wide:.0f} x {tall:.0f} pixels, {100 * wide * tall / (width * height):.0f} %"
            if (wide, tall) == (width, height):
                taken = f"all, as they are smaller than {spec.size} x {spec.size}"
            found.append(f"of images of {width} x {height} pixels (median), the crop takes {taken}")
        return found


def microscopes(entries: Sequence[Entry]) -> NDArray[np.int64]:
    """Return the index of each entry's microscope, int64 (n,), numbered in the order of their names."""
    names = sorted({entry.microscope for entry in entries})
    return np.array([names.index(entry.microscope) for entry in entries], dtype=np.int64)


def truth(manifest: Manifest, entries: Sequence[Entry], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the class index of each entry, int64 (n,). Upper and lower case make no difference.

    Raises:
        UserError: an entry has a label that is not among `classes`.
    """
    index = {name.lower(): i for i, name in enumerate(classes)}
    for entry in entries:
        if entry.label.lower() not in index:
            raise UserError(
                f"{manifest.file(entry)}: its label {entry.label!r} is not a class of the model ({', '.join(classes)})"
            )
    return np.array([index[entry.label.lower()] for entry in entries], dtype=np.int64)


def batches(
    manifest: Manifest, entries: Sequence[Entry], spec: PixelSpec, size: int = 32, seen: Seen | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Yield the prepared images in order, in batches of uint8 (up to `size`, spec.height, spec.width, 3).

    `seen`, if given, counts the images.
    """
    prepare = preparer(manifest, spec)
    for start in range(0, len(entries), size):
        part = []
        for entry in entries[start : start + size]:
            decoded = read_decoded(manifest, entry)
            if seen is not None:
                seen.add(entry.path, decoded)
            part.append(prepare(decoded.image, entry))
        yield np.stack(part)


def view_batches(
    manifest: Manifest, entries: Sequence[Entry], spec: PixelSpec, views: Views, size: int = 32
) -> Iterator[NDArray[np.uint8]]:
    """Yield further views of the cells in order, in batches of uint8 (up to `size`, spec.height, spec.width, 3).

    Each cell has `len(views) - 1` of them, in the order of `Views.others`.
    """
    prepare = preparer(manifest, spec)
    waiting: list[Image] = []
    for entry in entries:
        waiting += prepare.others(read_decoded(manifest, entry).image, entry, views)
        while len(waiting) >= size:
            yield np.stack(waiting[:size])
            del waiting[:size]
    if waiting:
        yield np.stack(waiting)
