"""Picture files to RGB pixels, or a reason why not."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from edgewbc.pixels import Picture


class PictureError(Exception):
    """A picture that cannot be used; the message is the reason, for a row of a table."""


@dataclass(frozen=True)
class Decoded:
    """A picture's pixels, and what a person should know about how they came to be (empty for a plain picture)."""

    picture: Picture
    notes: tuple[str, ...] = ()


def decode(data: bytes) -> Decoded:
    """Decode a picture file's bytes to uint8 RGB, upright.

    Raises:
        PictureError: it cannot be decoded.
    """
    if not data:
        raise PictureError("empty file")
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise PictureError("not a picture, or damaged")
    return Decoded(np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), dtype=np.uint8))
