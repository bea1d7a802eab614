"""Pixels to a picture file's bytes: the other way round than `lab.decode`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2

from edgewbc.pixels import Image


def encode(picture: Image, suffix: str, options: Sequence[int] = ()) -> bytes:
    """A picture as a file; the same pixels give the same bytes.

    Args:
        picture: uint8 RGB (height, width, 3).
        suffix: `.jpg` or `.png`.
        options: OpenCV's, such as (cv2.IMWRITE_JPEG_QUALITY, 95).

    Raises:
        ValueError: OpenCV cannot write it.
    """
    done, data = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), list(options))
    if not done:
        raise ValueError(f"a picture of {picture.shape} cannot be written as {suffix}")
    return bytes(data)
