"""Picture files to upright RGB pixels, or a reason why not.

JPEG, PNG, BMP, GIF, TIFF and WebP are read. EXIF's orientation is applied. What decodes but is not what a stained smear
under a colour camera gives carries a note, and classify marks it for review. Colour profiles are not applied.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.images import headers
from edgewbc.pixels import Image

LIMIT = 100_000_000
"""Pixels of the largest picture that is decoded."""
_SMALL = 4_000_000
_DENSEST = 1000
"""Pixels a byte of a file, of pictures of more than `_SMALL` pixels. (A photograph has fewer than 50; a blank PNG 350.
Some formats can promise a million, and decoding takes as long as for a real picture.)"""

# A refused picture is told of once, by us: OpenCV is kept from telling it too. (libjpeg and libpng write some warnings
# to stderr themselves, past OpenCV.)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class ImageError(Exception):
    """A picture that cannot be used; the message is the reason, for a row of a table."""


@dataclass(frozen=True)
class Decoded:
    """A picture's pixels, and what a person should know about how they came to be (empty for a plain picture)."""

    picture: Image
    notes: tuple[str, ...] = ()


def decode(data: bytes, limit: int = LIMIT) -> Decoded:
    """Decode a picture file's bytes to uint8 RGB (height, width, 3), upright.

    Greyscale is repeated over the channels, CMYK converted plainly, 16 bits divided by 257, what is transparent shown
    on white, and of several frames or pages the first is taken: each with a note. A palette, an opaque alpha channel
    and a rotation by EXIF need none.

    Args:
        data: the file.
        limit: pixels of the largest picture that is decoded; the size is read from the header first. Pictures of 16
            bits, with alpha or of several frames take more memory and time, and may have half as many.

    Raises:
        PictureError: it cannot be decoded.
    """
    if not data:
        raise ImageError("empty file")
    try:
        header = headers.read(data)
    except ValueError as error:
        raise ImageError(str(error)) from None
    if header.width < 1 or header.height < 1:
        raise ImageError(headers.CUT)
    pixels = header.width * header.height * (2 if header.bits == 16 or header.alpha or header.frames > 1 else 1)
    if pixels > limit:
        raise ImageError(f"too large: {header.width} x {header.height} pixels, and {limit:,} are the most")
    if header.width * header.height > max(_SMALL, _DENSEST * len(data)):
        raise ImageError(f"too large: {header.width} x {header.height} pixels, in a file of {len(data):,} bytes")
    if header.link is not None:  # or every page is looked up, and there may be a million
        at, size = header.link
        data = data[:at] + bytes(size) + data[at + size :]
    if header.animated:
        data = headers.still(data)
    jpeg, clear = header.kind == "JPEG", False  # OpenCV gives its RGB at once; a TIFF's not always rightly
    if header.alpha:
        picture, clear = _with_alpha(data, header)
    elif jpeg:
        picture = _to_8_bits(_raw(data, cv2.IMREAD_COLOR_RGB))
    else:
        depth = cv2.IMREAD_ANYDEPTH if header.bits == 16 else 0
        picture = _to_8_bits(_raw(data, cv2.IMREAD_COLOR | depth))
    if sorted(picture.shape[:2]) != sorted((header.height, header.width)):
        raise ImageError(headers.CUT)
    if not jpeg:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    if header.inverted:
        picture = np.asarray(cv2.bitwise_not(picture), dtype=np.uint8)
    missing = jpeg and (header.incomplete or _ends_in_grey(picture))
    return Decoded(picture, _notes(header, clear, missing))


_GREY = 128
_CORNER = 8


def _ends_in_grey(picture: Image) -> bool:
    """Whether one corner of a decoded JPEG is of the one grey with which libjpeg fills what has not come.

    It does so without a word to us where the file has its end mark. (Any corner: the picture is upright by now.)
    """
    bottom, right = picture.shape[0] - 1, picture.shape[1] - 1
    for row, column in ((0, 0), (0, right), (bottom, 0), (bottom, right)):
        if picture[row, column, 0] == _GREY:  # of nearly all pictures, all that is looked at
            rows = slice(-_CORNER, None) if row else slice(_CORNER)
            columns = slice(-_CORNER, None) if column else slice(_CORNER)
            if (picture[rows, columns] == _GREY).all():
                return True
    return False


def _notes(header: headers.Header, clear: bool, missing: bool) -> tuple[str, ...]:
    said = {
        "greyscale: the stain's colours are missing": header.colour == "grey",
        "CMYK: the colours are only roughly those of the stain": header.colour == "cmyk",
        "16 bits a channel: scaled to 8": header.bits == 16,
        "transparent in part: shown on white": clear,
        "animated or of several pages: only the first is read": header.frames > 1,
        "perhaps cut short: a part of the JPEG is missing or empty": missing,
    }
    return tuple(note for note, holds in said.items() if holds)


def _raw(data: bytes, flags: int) -> NDArray[np.generic]:
    """What OpenCV makes of the bytes; in its BGR order, unless the flags ask for RGB."""
    try:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        found = None
    if found is None:
        raise ImageError(headers.CUT)
    return np.asarray(found)


def _to_8_bits(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    if picture.dtype == np.uint16:  # 65535 is 257 times 255
        return np.asarray(cv2.convertScaleAbs(picture, alpha=1 / 257), dtype=np.uint8)
    if picture.dtype != np.uint8:
        raise ImageError(f"samples of type {picture.dtype} are not read")
    return picture.astype(np.uint8, copy=False)


_STRIP = 64


def _with_alpha(data: bytes, header: headers.Header) -> tuple[NDArray[np.uint8], bool]:
    """A picture that may be transparent, on white, in BGR; and whether any of it is transparent."""
    found = _to_8_bits(_raw(data, cv2.IMREAD_UNCHANGED))
    if found.ndim == 2:
        return np.asarray(cv2.cvtColor(found, cv2.COLOR_GRAY2BGR), dtype=np.uint8), False
    colours = np.ascontiguousarray(found[..., :3])
    clear = found.shape[2] == 4 and bool(found[..., 3].min() < 255)
    if clear:
        for top in range(0, len(colours), _STRIP):  # by strips: sums of 16 bits of a whole picture are large
            strip = colours[top : top + _STRIP]
            alpha = found[top : top + _STRIP, :, 3:].astype(np.uint16)
            over = strip.astype(np.uint16) * (255 if header.multiplied else alpha)
            strip[:] = np.minimum((over + 255 * (255 - alpha) + 127) // 255, 255)
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
