"""Stains and lights in which the tests show the same synthetic smear."""

from __future__ import annotations

import numpy as np

from edgewbc.pixels import Image

STAINS = {
    "as drawn": ((1.0, 1.0, 1.0), (255, 255, 255)),
    "pale": ((0.6, 0.6, 0.6), (250, 248, 245)),
    "dark": ((1.4, 1.4, 1.4), (240, 235, 240)),
    "yellow light": ((1.0, 1.0, 1.0), (255, 255, 172)),
    "violet light": ((1.1, 1.0, 1.0), (225, 215, 235)),
    "gray and dim": ((1.0, 1.0, 1.0), (190, 190, 190)),
}
"""Gain of the optical density per channel, and background."""


def stained(image: Image, gain: tuple[float, float, float], white: tuple[int, int, int]) -> Image:
    """The same smear in another stain and light: optical density times a gain per channel, on another background."""
    density = -np.log((image.astype(np.float64) + 1) / 256)
    return np.asarray(np.clip((np.array(white) + 1) * np.exp(-density * np.array(gain)) - 1, 0, 255), dtype=np.uint8)
