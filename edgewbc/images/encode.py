"""Encode pixels as an image file: the inverse of `images.decode`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from edgewbc.pixels import Image


def encode(image: Image, suffix: str, options: Sequence[int] = ()) -> bytes:
    """Return the bytes of an image file; the same pixels give the same bytes.

    Args:
        image: uint8 RGB (height, width, 3).
        suffix: `.jpg` or `.png`.
        options: OpenCV's, such as (cv2.IMWRITE_JPEG_QUALITY, 95).

    Raises:
        ValueError: OpenCV cannot write it.
    """
    done, data = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), list(options))
    if not done:
        raise ValueError(f"an image of shape {image.shape} cannot be written as {suffix}")
    return bytes(data)
