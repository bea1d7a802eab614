"""Images of a manifest, decoded, cropped and resized for a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.images.decode import ImageError, decode
from edgewbc.pixels import Image, PixelSpec, prepare


def read(manifest: Manifest, entry: Entry) -> Image:
    """Decode the image of an entry to uint8 RGB (height, width, 3).

    Raises:
        UserError: the file is missing, has changed or cannot be decoded.
    """
    try:
        return decode(manifest.read_bytes(entry)).image
    except ImageError as error:
        raise UserError(f"{manifest.file(entry)}: {error}: remove it and recreate the manifest") from None


def truth(manifest: Manifest, entries: Sequence[Entry], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the class index of each entry, int64 (n,).

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
    """Yield the prepared images in order, in batches of uint8 (up to `size`, spec.height, spec.width, 3)."""
    for start in range(0, len(entries), size):
        part = entries[start : start + size]
        yield np.stack([prepare(read(manifest, entry), spec, entry.box) for entry in part])
