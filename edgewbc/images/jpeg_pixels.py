"""Decode the pixels of a JPEG with libjpeg-turbo, and keep what it says about damage.

A JPEG has no checksums. Where its data are damaged, libjpeg decodes on and says so in a warning, which OpenCV drops:
then an image whose lower half is noise looks like any other. `simplejpeg` gives the warning.

Faster ways to decode, with shortcuts or scaled in the DCT, give other predictions than the pixels that the networks
were trained on: `python -m bench.decoders` measures them (docs/results.md, "Ways to decode a JPEG"). A network that is
trained on scaled images could use them; then damage has to be looked for at that scale as well.

Decoding only the 250 x 250 pixels of the crop (`tj3SetCroppingRegion` of libjpeg-turbo 3) gave the same pixels for 400
of 400 PBC images in 0.63 of the time. It is not used: no maintained wheel offers it (simplejpeg decodes whole images,
PyTurboJPEG expects the library to be installed), and damage below the crop would go unnoticed.

The pixels are the same as OpenCV's (compared on the 11,526 JPEGs of PBC, and for every subsampling, progressive or
not), in less time even with the search for damage.
"""

from __future__ import annotations

import cv2
import numpy as np
import simplejpeg

from edgewbc.pixels import Image


def decode(data: bytes) -> tuple[Image, str] | None:
    """Decode a JPEG with one or three channels to uint8 RGB (height, width, 3), not rotated.

    Args:
        data: of a JPEG whose headers `images.jpeg` has read.

    Returns:
        The pixels, and libjpeg's first warning, empty if there is none; None for the few kinds that this decoder does
        not support, such as unusual subsampling, and for what cannot be decoded at all.
    """
    try:
        return _decode(data, strict=True), ""
    except ValueError as error:
        warning = _words(str(error))
    try:
        return _decode(data, strict=False), warning
    except ValueError:
        return None


_STEP = 10
"""Gray levels between two rows of blocks, on average over half the width, above which `has_step` is true. None of
11,526 PBC images has more; of 17 copies with overwritten bytes in which libjpeg noticed nothing, 16 have."""
_CLIP = 24
_MIN_SIDE = 64
"""Height and width below which there are too few pixels for an average."""


def has_step(image: Image) -> bool:
    """Return whether colors step at a boundary of blocks, over the left or the right half of a decoded JPEG.

    A JPEG stores the mean of each block as the difference from the block before. Where damage changes one mean, all
    blocks after it are too bright or too dark, up to the end of the image, even if libjpeg notices nothing.

    Args:
        image: uint8 RGB (height, width, 3), not rotated.
    """
    height, width = image.shape[:2]
    if min(height, width) < _MIN_SIDE:
        return False
    count = (height - 2) // 8  # boundaries with two rows of pixels on each side
    first, above, below, last = (image[row::8][:count].reshape(count, -1) for row in (6, 7, 8, 9))
    # Twice the step across each boundary, less the mean of the steps on its two sides.
    twice = np.subtract(below, above, dtype=np.int16)
    twice *= 3
    twice += np.subtract(first, last, dtype=np.int16)
    np.clip(twice, -2 * _CLIP, 2 * _CLIP, out=twice)
    steps = twice.reshape(count, width, 3)
    halves = cv2.resize(steps, (2, count), interpolation=cv2.INTER_AREA)  # the mean of each half of the width
    return int(np.abs(halves).max()) > 2 * _STEP


def _decode(data: bytes, *, strict: bool) -> Image:
    return np.asarray(simplejpeg.decode_jpeg(data, "RGB", strict=strict), dtype=np.uint8)


def _words(warning: str) -> str:
    """Return a warning in one line, without libjpeg's general beginning."""
    return " ".join(warning.removeprefix("Corrupt JPEG data:").split())[:100] or "corrupt data"
