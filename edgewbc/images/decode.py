"""Decode image files to upright RGB pixels, or say why that is not possible.

Reads JPEG, PNG, BMP, GIF, TIFF and WebP, and applies the EXIF orientation. An image that can be decoded, but is not
what a color camera records of a stained smear, carries a note, and `classify` gives it status `review`. Color profiles
are not applied.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.images import headers, jpeg_pixels
from edgewbc.pixels import Image

LIMIT = 100_000_000
"""Pixels of the largest image that is decoded."""
DAMAGE = "damaged: "
"""How the note on an image begins of which some pixels are wrong; what the decoder said follows."""
TRUNCATED = "possibly truncated: part of the JPEG is missing or empty"
_SMALL = 4_000_000
_MAX_PIXELS_PER_BYTE = 1000
"""Limit for images of more than `_SMALL` pixels. (A photograph has fewer than 50 pixels per byte of its file, a blank
PNG 350. Some formats can declare a million, and decoding then takes as long as for a real image.)"""

# A refused image is reported once, by us: keep OpenCV from reporting it too. (libjpeg and libpng write some warnings to
# stderr directly.)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class ImageError(Exception):
    """An image that cannot be used; the message is the reason, for the `reason` of a result row."""


@dataclass(frozen=True)
class Decoded:
    """A decoded image.

    Attributes:
        image: its pixels.
        notes: why a person should look at it; empty for an ordinary color image.
    """

    image: Image
    notes: tuple[str, ...] = ()


def is_damage(note: str) -> bool:
    """Return whether a note says that pixels are wrong or missing, rather than that the image is of another kind."""
    return note == TRUNCATED or note.startswith(DAMAGE)


def decode(data: bytes, limit: int = LIMIT) -> Decoded:
    """Decode the bytes of an image file to uint8 RGB (height, width, 3), upright.

    Grayscale is repeated over the channels, CMYK is converted without a profile, 16-bit samples are divided by 257,
    transparent pixels are shown on white, and of several frames or pages the first is used: each of these adds a note.
    A palette, an opaque alpha channel and a rotation by EXIF do not.

    Args:
        data: the file.
        limit: pixels of the largest image that is decoded; the size is read from the header first. Images with 16 bits
            per sample, alpha or several frames need more memory and time, and may have half as many.

    Raises:
        ImageError: it cannot be decoded.
    """
    if not data:
        raise ImageError("empty file")
    try:
        header = headers.read(data)
    except ValueError as error:
        raise ImageError(str(error)) from None
    if header.width < 1 or header.height < 1:
        raise ImageError(headers.DAMAGED)
    pixels = header.width * header.height * (2 if header.bits == 16 or header.alpha or header.frames > 1 else 1)
    if pixels > limit:
        raise ImageError(f"too large: {header.width} x {header.height} pixels; the limit is {limit:,}")
    if header.width * header.height > max(_SMALL, _MAX_PIXELS_PER_BYTE * len(data)):
        raise ImageError(f"too large: {header.width} x {header.height} pixels in a file of {len(data):,} bytes")
    if header.next_page is not None:  # otherwise OpenCV looks up every page, and there may be a million
        at, size = header.next_page
        data = data[:at] + bytes(size) + data[at + size :]
    if header.animated:
        data = headers.without_animation(data)
    jpeg, transparent, damage, step = header.kind == "JPEG", False, "", False
    if header.alpha:
        image, transparent = _on_white(data, header)
    elif jpeg:
        image, damage, step = _jpeg(data, header)
    else:
        depth = cv2.IMREAD_ANYDEPTH if header.bits == 16 else 0
        image = _to_8_bits(_decode(data, cv2.IMREAD_COLOR | depth))
    if sorted(image.shape[:2]) != sorted((header.height, header.width)):
        raise ImageError(headers.DAMAGED)
    if not jpeg:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    if header.inverted:
        image = np.asarray(cv2.bitwise_not(image), dtype=np.uint8)
    incomplete = jpeg and (header.incomplete or _has_filled_corner(image))
    return Decoded(image, _notes(header, transparent, incomplete, damage, step))


def _jpeg(data: bytes, header: headers.Header) -> tuple[NDArray[np.uint8], str, bool]:
    """Decode a JPEG to upright RGB; also return what libjpeg said of damage, and whether colors step."""
    found = None if header.color == "cmyk" else jpeg_pixels.decode(data)
    if found is not None:
        image, damage = found
        return _upright(image, header.orientation), damage, not damage and jpeg_pixels.has_step(image)
    return _to_8_bits(_decode(data, cv2.IMREAD_COLOR_RGB)), "", False  # rotated by OpenCV; not reliable for TIFF


_FILL = 128
_CORNER = 8


def _has_filled_corner(image: Image) -> bool:
    """Return whether a corner of a decoded JPEG has the uniform gray with which libjpeg fills missing data.

    libjpeg does so without an error where the file has its end marker. (Any corner: the image is upright by now.)
    """
    bottom, right = image.shape[0] - 1, image.shape[1] - 1
    for row, column in ((0, 0), (0, right), (bottom, 0), (bottom, right)):
        if image[row, column, 0] == _FILL:  # for nearly all images, this is the only check
            rows = slice(-_CORNER, None) if row else slice(_CORNER)
            columns = slice(-_CORNER, None) if column else slice(_CORNER)
            if (image[rows, columns] == _FILL).all():
                return True
    return False


def _notes(header: headers.Header, transparent: bool, incomplete: bool, damage: str, step: bool) -> tuple[str, ...]:
    notes = {
        "grayscale: the stain's colors are missing": header.color == "gray",
        "CMYK: the stain's colors are only approximate": header.color == "cmyk",
        "16 bits per channel: scaled to 8": header.bits == 16,
        "partly transparent: shown on white": transparent,
        "animated or with several pages: only the first is used": header.frames > 1,
        TRUNCATED: incomplete,
        "possibly damaged: brightness or color steps across the JPEG": step and not incomplete,
        f"{DAMAGE}{damage}": bool(damage) and not incomplete,  # one reason is enough
    }
    return tuple(note for note, applies in notes.items() if applies)


def _decode(data: bytes, flags: int) -> NDArray[np.generic]:
    """Decode with OpenCV, in its BGR order unless the flags ask for RGB."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise ImageError(headers.DAMAGED)
    return np.asarray(image)


def _to_8_bits(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    if image.dtype == np.uint16:  # 65535 is 257 times 255
        return np.asarray(cv2.convertScaleAbs(image, alpha=1 / 257), dtype=np.uint8)
    if image.dtype != np.uint8:
        raise ImageError(f"samples of type {image.dtype} are not supported: save the image with 8 bits per channel")
    return image.astype(np.uint8, copy=False)


_STRIP = 64


def _on_white(data: bytes, header: headers.Header) -> tuple[NDArray[np.uint8], bool]:
    """Decode an image with alpha onto white, in BGR; also return whether any pixel is transparent."""
    decoded = _to_8_bits(_decode(data, cv2.IMREAD_UNCHANGED))
    if decoded.ndim == 2:
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_GRAY2BGR), dtype=np.uint8), False
    colors = np.ascontiguousarray(decoded[..., :3])
    transparent = decoded.shape[2] == 4 and bool(decoded[..., 3].min() < 255)
    if transparent:
        for top in range(0, len(colors), _STRIP):  # in strips: 16-bit sums of a whole image need much memory
            strip = colors[top : top + _STRIP]
            alpha = decoded[top : top + _STRIP, :, 3:].astype(np.uint16)
            over = strip.astype(np.uint16) * (255 if header.premultiplied else alpha)
            strip[:] = np.minimum((over + 255 * (255 - alpha) + 127) // 255, 255)
    if header.kind in ("PNG", "WebP"):  # OpenCV ignores the orientation of these, but not of TIFF, if it keeps alpha
        colors = _upright(colors, header.orientation)
    return colors, transparent


def _upright(image: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Rotate and flip an image according to its EXIF orientation (1 to 8)."""
    if orientation >= 5:
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)
