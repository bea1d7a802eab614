"""Pictures of a manifest as the network sees them: decoded, cropped and resized by the one pixel pipeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.pixels import Image, PixelSpec, prepare


def read(manifest: Manifest, entry: Entry) -> Image:
    """The decoded picture of an entry, uint8 RGB (h, w, 3).

    Raises:
        UserError: the file is gone, has changed or cannot be decoded.
    """
    try:
        return decode(manifest.read_bytes(entry)).image
    except ImageError as error:
        raise UserError(f"{manifest.file(entry)}: {error}; take it out and make the manifest anew") from None


def truth(manifest: Manifest, entries: Sequence[Entry], classes: Sequence[str]) -> NDArray[np.int64]:
    """Class index of each entry, (n,).

    Raises:
        UserError: an entry has a label that is not among `classes`.
    """
    index = {name: i for i, name in enumerate(classes)}
    for entry in entries:
        if entry.label not in index:
            raise UserError(
                f"{manifest.file(entry)}: its label {entry.label!r} is not a class of the model ({', '.join(classes)})"
            )
    return np.array([index[entry.label] for entry in entries], dtype=np.int64)


def batches(
    manifest: Manifest, entries: Sequence[Entry], spec: PixelSpec, size: int = 32
) -> Iterator[NDArray[np.uint8]]:
    """Prepared pictures in order, uint8 (up to `size`, spec.height, spec.width, 3)."""
    for start in range(0, len(entries), size):
        part = entries[start : start + size]
        yield np.stack([prepare(read(manifest, entry), spec, entry.box) for entry in part])
