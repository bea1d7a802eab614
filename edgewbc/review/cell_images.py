"""The images of the page: thumbnails in packs, a cell in full, its field with its place, its map.

Nothing here touches the journal, so that the server can do it in threads.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from edgewbc.cases.case import Case
from edgewbc.cases.cells import CaseCell
from edgewbc.images.decode import ImageError, decode
from edgewbc.images.encode import encode
from edgewbc.images.files import read
from edgewbc.pixels import Box, Image

THUMB: Final = 160
"""Longer side of a thumbnail, in pixels."""
FIELD: Final = 2400
"""Longest side of a field as it is shown, in pixels."""
KEPT: Final = 64 << 20
"""Bytes of thumbnails that are kept in memory."""
MAX_THUMBNAILS: Final = 128
"""Maximum number of thumbnails in one pack."""
_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 85)
_FIELD_QUALITY: Final = (cv2.IMWRITE_JPEG_QUALITY, 92)


@dataclass(frozen=True)
class Maps:
    """Class activation maps of the cells of a case.

    Attributes:
        draw: returns the map of a cell over its crop, as a PNG; None where there are no maps.
        note: what a map shows and what it does not, for the person who looks at it.
    """

    draw: Callable[[CaseCell], bytes] | None = None
    note: str = ""


NO_MAPS: Final = Maps()


class NoCellImage(Exception):
    """An image cannot be shown; the text says why."""


@dataclass(frozen=True)
class Field:
    """An image with the place of a cell.

    Attributes:
        data: JPEG.
        box: left, top, width, height of the cell as shares of the image; None where the image shows one cell.
    """

    data: bytes
    box: Box | None


class CellImages:
    """Makes the images of a case; safe for several threads."""

    def __init__(self, case: Case, maps: Maps = NO_MAPS) -> None:
        self.case = case
        self._maps = maps
        self._thumbs: OrderedDict[int, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._map_lock = threading.Lock()

    def pack(self, numbers: Sequence[int]) -> bytes:
        """Return thumbnails: for each cell its id and a length (32 bits, little-endian), and a JPEG of that length.

        The length is 0 where there is no image. Raises UserError for an unknown cell.
        """
        parts = []
        for number in numbers:
            data = self._thumb(self.case.cell(number))
            parts += [struct.pack("<II", number, len(data)), data]
        return b"".join(parts)

    def _thumb(self, cell: CaseCell) -> bytes:
        with self._lock:
            data = self._thumbs.get(cell.id)
            if data is not None:
                self._thumbs.move_to_end(cell.id)
                return data
        try:
            data = encode(_reduced(decode(self.crop(cell)).image, THUMB), ".jpg", _QUALITY)
        except (NoCellImage, ImageError):
            return b""
        with self._lock:
            self._thumbs[cell.id] = data
            self._size += len(data)
            while self._size > KEPT:
                self._size -= len(self._thumbs.popitem(last=False)[1])
        return data

    def crop(self, cell: CaseCell) -> bytes:
        """Return the bytes of a cell's crop, a JPEG or PNG.

        Raises:
            NoCellImage: there is none, or it is not the one that was made when the cell was counted.
        """
        if cell.crop is None:
            raise NoCellImage("the image could not be read")
        try:
            data = cell.crop.read_bytes()
        except OSError as error:
            raise NoCellImage(f"{cell.crop.name}: {error.strerror}") from None
        if hashlib.sha256(data).hexdigest() != self.case.index.cells[cell.order - 1].crop_sha256:
            raise NoCellImage(f"{cell.crop.name} was altered: run `edgewbc verify {self.case.folder}`")
        return data

    def field(self, cell: CaseCell) -> Field:
        """Return the image that a cell was found in.

        Raises:
            NoCellImage: the image is not there, is another one than when it was counted, or cannot be read.
        """
        image = self._image(cell)
        height, width = image.shape[:2]
        box = None
        if cell.box is not None:
            left, top, wide, tall = cell.box
            box = (left / width, top / height, wide / width, tall / height)
        return Field(encode(_reduced(image, FIELD), ".jpg", _FIELD_QUALITY), box)

    def map(self, cell: CaseCell) -> bytes:
        """Return the class activation map of a cell, a PNG of the same part of the image as its crop.

        Raises:
            NoCellImage: there are no maps, or the image cannot be read.
            UserError: the network cannot run.
        """
        if self._maps.draw is None:
            raise NoCellImage("the bundle of this case is not here")
        with self._map_lock:  # one inference at a time
            return self._maps.draw(cell)

    def _image(self, cell: CaseCell) -> Image:
        try:
            contents = read(cell.image)
            if contents.sha256 != cell.image_sha256:
                raise NoCellImage(f"{cell.image.name} is not the image that was counted: it was changed since")
            return decode(contents.data).image
        except ImageError as error:
            raise NoCellImage(f"{cell.image}: {error}") from None


def _reduced(image: Image, side: int) -> Image:
    """Return an image whose longer side is at most `side` pixels."""
    factor = side / max(image.shape[:2])
    if factor >= 1:
        return image
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
