"""Decode the pixels of a JPEG with libjpeg-turbo, and keep what it says about damage.

A JPEG has no checksums. Where its data are damaged, libjpeg decodes on and says so in a warning, which OpenCV drops:
then an image whose lower half is noise looks like any other. `simplejpeg` gives the warning.

Faster ways to decode were measured with wbc5-edge on PBC's 1,030 validation images (simplejpeg 1.9, CPU
time of one core, on a busy machine), and none gives the predictions that the networks were trained for:

    decoding                        time   other label   a probability differs by more than 0.01   at most
    as here                         1.00             -                                         -         -
    without smooth chroma           0.77             0                              0.1 % of images      0.034
    fast DCT                        0.89             0                                       1.6 %      0.051
    scaled by 1/2 in the DCT        0.60             3                                       5.0 %       0.48
    scaled by 3/8 in the DCT        0.42             4                                       6.4 %       0.49

(The scaled images were cut at the fractional position of the same crop, and averaged over areas.) A network that is
trained on scaled images could use them; then damage has to be looked for at that scale as well.

Decoding only the 250 x 250 pixels of the crop (`tj3SetCroppingRegion` of libjpeg-turbo 3) gave the same pixels for 400
of 400 PBC images in 0.63 of the time. It is not used: simplejpeg does not offer it, PyTurboJPEG expects the library to
be installed, no maintained wheel carries it, and damage below the crop would go unnoticed.

The pixels are the same as OpenCV's (compared on the 11,526 JPEGs of PBC, and for every subsampling, progressive or
not), in 0.7 of its time.
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
