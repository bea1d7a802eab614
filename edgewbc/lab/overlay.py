"""Draw a class activation map over the image that it explains, in colors that color-blind people can tell apart."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.images.encode import encode
from edgewbc.lab.cell_crops import BEYOND
from edgewbc.pixels import Box, Image, cut

MARGIN = 0.15
"""What is shown around the part that the network sees, as a share of its side."""
STRONGEST = 0.6
"""Opacity where the map is highest."""
HALF = 0.5
"""Level of the contour, as a share of the highest value."""


@dataclass(frozen=True, eq=False)
class Overlay:
    """A drawn map.

    Attributes:
        plain: the part of the image that is shown, uint8 RGB (h, w, 3).
        drawn: the same with the map over it.
        highest: the value at full opacity, in logits; 0 where nothing speaks for the label.
    """

    plain: Image
    drawn: Image
    highest: float

    @property
    def png(self) -> bytes:
        """The drawn map as a PNG."""
        return encode(self.drawn, ".png")

    def pair(self, gap: int = 8) -> Image:
        """Return the plain and the drawn image side by side on white, uint8 RGB."""
        between = np.full((len(self.plain), gap, 3), 255, np.uint8)
        return np.hstack([self.plain, between, self.drawn])


def window_of(image: Image, part: Box) -> Box:
    """Return what to show of an image, in whole pixels: a part with a margin around it, the part in the middle.

    At an edge of the image it extends beyond it; where the part covers the image from side to side it does not.
    """
    left, width = _with_margin(part[0], part[2], image.shape[1])
    top, height = _with_margin(part[1], part[3], image.shape[0])
    return left, top, width, height


def _with_margin(start: float, length: float, whole: int) -> tuple[int, int]:
    first, end = round(start - MARGIN * length), round(start + length + MARGIN * length)
    if start <= 0 and start + length >= whole:
        return 0, whole
    return first, max(1, end - first)


def overlay(image: Image, part: Box, evidence: NDArray[np.float64], window: Box, side: int = 320) -> Overlay:
    """Draw what speaks for a label over a window of an image; what speaks against it stays uncolored.

    Args:
        image: uint8 RGB (height, width, 3); never modified.
        part: what the network sees, in pixels of the image; the map covers it.
        evidence: at each place, (h, w), in logits.
        window: what to show, in whole pixels of the image; it may extend beyond it, where it is gray.
        side: longer side of the result in pixels.
    """
    scale = side / max(window[2], window[3])
    width, height = max(1, round(window[2] * scale)), max(1, round(window[3] * scale))
    plain = cut(image, window, height, width, BEYOND)
    highest = float(max(evidence.max(), 0.0))
    values = _placed(evidence / highest if highest else np.zeros_like(evidence), part, window, (height, width))
    colors = cv2.cvtColor(
        cv2.applyColorMap(np.rint(values * 255).astype(np.uint8), cv2.COLORMAP_CIVIDIS), cv2.COLOR_BGR2RGB
    )
    opacity = (STRONGEST * values)[..., None]
    drawn = np.rint(plain * (1 - opacity) + colors * opacity).astype(np.uint8)
    _outline(drawn, part, window, scale)
    if highest:
        lines, _ = cv2.findContours((values > HALF).view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):  # seen on dark and on bright parts
            cv2.drawContours(drawn, lines, -1, color, thickness, cv2.LINE_AA)
    return Overlay(plain, drawn, highest)


def _placed(values: NDArray[np.float64], part: Box, window: Box, size: tuple[int, int]) -> NDArray[np.float64]:
    """Return a map, interpolated and cut to 0 to 1, at each pixel of an image of the window; 0 outside of the part."""
    height, width = size
    x = (np.arange(width) + 0.5) * window[2] / width + window[0] - part[0]
    y = (np.arange(height) + 0.5) * window[3] / height + window[1] - part[1]
    tall, wide = values.shape
    across = (x * wide / part[2] - 0.5).astype(np.float32)
    down = (y * tall / part[3] - 0.5).astype(np.float32)
    columns, rows = np.meshgrid(across, down)
    found = cv2.remap(values.astype(np.float32), columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = ((y >= 0) & (y < part[3]))[:, None] & ((x >= 0) & (x < part[2]))[None]
    return np.asarray(np.clip(found, 0, 1) * inside, dtype=np.float64)


def _outline(drawn: Image, part: Box, window: Box, scale: float) -> None:
    """Draw the edges of what the network sees, in place."""
    left, top = round((part[0] - window[0]) * scale), round((part[1] - window[1]) * scale)
    right, bottom = left + round(part[2] * scale) - 1, top + round(part[3] * scale) - 1
    cv2.rectangle(drawn, (left, top), (right, bottom), (255, 255, 255), 1)
