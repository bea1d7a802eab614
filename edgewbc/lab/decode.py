"""Picture files to upright RGB pixels, or a reason why not.

JPEG, PNG, BMP, GIF, TIFF and WebP are read. EXIF's orientation is applied. What decodes but is not what a stained smear
under a colour camera gives carries a note, and classify marks it for review. Colour profiles are not applied.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.lab import headers
from edgewbc.pixels import Picture

LIMIT = 100_000_000
"""Pixels of the largest picture that is decoded."""

# A refused picture is told of once, by us: OpenCV is kept from telling it too. (libjpeg and libpng write some warnings
# to stderr themselves, past OpenCV.)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class PictureError(Exception):
    """A picture that cannot be used; the message is the reason, for a row of a table."""


@dataclass(frozen=True)
class Decoded:
    """A picture's pixels, and what a person should know about how they came to be (empty for a plain picture)."""

    picture: Picture
    notes: tuple[str, ...] = ()


def decode(data: bytes, limit: int = LIMIT) -> Decoded:
    """Decode a picture file's bytes to uint8 RGB (height, width, 3), upright.

    Greyscale is repeated over the channels, CMYK converted plainly, 16 bits divided by 257, what is transparent shown
    on white, and of several frames or pages the first is taken: each with a note. A palette, an opaque alpha channel
    and a rotation by EXIF need none.

    Args:
        data: the file.
        limit: pixels of the largest picture that is decoded; the size is read from the header first.

    Raises:
        PictureError: it cannot be decoded.
    """
    if not data:
        raise PictureError("empty file")
    try:
        header = headers.read(data)
    except ValueError as error:
        raise PictureError(str(error)) from None
    if header.width < 1 or header.height < 1:
        raise PictureError(headers.CUT)
    if header.width * header.height > limit:
        raise PictureError(f"too large: {header.width} x {header.height} pixels, and {limit:,} are the most")
    if header.alpha:
        picture, clear = _with_alpha(data, header)
    else:
        depth = cv2.IMREAD_ANYDEPTH if header.bits == 16 else 0
        picture, clear = _to_8_bits(_raw(data, cv2.IMREAD_COLOR | depth)), False
    if sorted(picture.shape[:2]) != sorted((header.height, header.width)):
        raise PictureError(headers.CUT)
    picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    return Decoded(picture, _notes(header, clear))


def _notes(header: headers.Header, clear: bool) -> tuple[str, ...]:
    said = {
        "greyscale: the stain's colours are missing": header.colour == "grey",
        "CMYK: the colours are only roughly those of the stain": header.colour == "cmyk",
        "16 bits a channel: scaled to 8": header.bits == 16,
        "transparent in part: shown on white": clear,
        "animated or of several pages: only the first is read": header.frames > 1,
    }
    return tuple(note for note, holds in said.items() if holds)


def _raw(data: bytes, flags: int) -> NDArray[np.generic]:
    """What OpenCV makes of the bytes, in its BGR order."""
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        found = None
    if found is None:
        raise PictureError(headers.CUT)
    return np.asarray(found)


def _to_8_bits(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    if picture.dtype == np.uint16:  # 65535 is 257 times 255
        return np.asarray(cv2.convertScaleAbs(picture, alpha=1 / 257), dtype=np.uint8)
    if picture.dtype != np.uint8:
        raise PictureError(f"samples of type {picture.dtype} are not read")
    return picture.astype(np.uint8, copy=False)


def _with_alpha(data: bytes, header: headers.Header) -> tuple[NDArray[np.uint8], bool]:
    """A picture that may be transparent, on white, in BGR; and whether any of it is transparent."""
    found = _to_8_bits(_raw(data, cv2.IMREAD_UNCHANGED))
    if found.ndim == 2:
        return np.asarray(cv2.cvtColor(found, cv2.COLOR_GRAY2BGR), dtype=np.uint8), False
    colours = np.ascontiguousarray(found[..., :3])
    clear = found.shape[2] == 4 and bool(found[..., 3].min() < 255)
    if clear:
        alpha = found[..., 3:].astype(np.uint16)
        # OpenCV hands 8-bit TIFFs out with their colours multiplied by alpha already.
        over = colours.astype(np.uint16) * (255 if header.kind == "TIFF" and header.bits == 8 else alpha)
        colours = np.minimum((over + 255 * (255 - alpha) + 127) // 255, 255).astype(np.uint8)
    if header.kind in ("PNG", "WebP"):  # whose orientation OpenCV leaves out together with alpha; not so TIFF's
        colours = _upright(colours, header.orientation)
    return colours, clear


def _upright(picture: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn a picture as its EXIF orientation (1 to 8) asks."""
    if orientation >= 5:
        picture = picture.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        picture = picture[:, ::-1]
    if orientation in (3, 4, 7, 8):
        picture = picture[::-1]
    return np.ascontiguousarray(picture)
