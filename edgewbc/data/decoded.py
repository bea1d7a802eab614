"""Decode the images of a manifest, checked against its hashes."""

from __future__ import annotations

from edgewbc.data.manifest import Entry, Manifest
from edgewbc.errors import UserError
from edgewbc.images.decode import Decoded, ImageError, decode
from edgewbc.pixels import Image


def read_decoded(manifest: Manifest, entry: Entry) -> Decoded:
    """Decode the image of an entry, with the decoder's notes.

    Raises:
        UserError: the file is missing, has changed or cannot be decoded.
    """
    try:
        return decode(manifest.read_bytes(entry))
    except ImageError as error:
        raise UserError(f"{manifest.file(entry)}: {error}: remove it and recreate the manifest") from None


def read(manifest: Manifest, entry: Entry) -> Image:
    """Decode the image of an entry to uint8 RGB (height, width, 3); raises UserError as `read_decoded` does."""
    return read_decoded(manifest, entry).image
