"""Training augmentation in one resampling: crop, resize, rotation, flips, scale and shift as one affine map.

The map is applied at an integer multiple of the input size and averaged down, so that downscaling has as little
aliasing as the area averaging of `pixels.prepare`, which evaluation uses; without augmentation the two agree closely.
"""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Box, Image, PixelSpec, fit_map


class Ranges(Protocol):
    """Read-only ranges of the augmentation, as in `train.recipe.Augment`, which has the units."""

    @property
    def rotate(self) -> float: ...
    @property
    def flip(self) -> bool: ...
    @property
    def scale(self) -> float: ...
    @property
    def shift(self) -> float: ...
    @property
    def brightness(self) -> float: ...
    @property
    def contrast(self) -> float: ...
    @property
    def saturation(self) -> float: ...
    @property
    def colour(self) -> float: ...
    @property
    def blur(self) -> float: ...


def augment(image: Image, spec: PixelSpec, box: Box | None, ranges: Ranges, rng: np.random.Generator) -> Image:
    """Return a random variant of `pixels.prepare(image, spec, box)`.

    Args:
        image: uint8 RGB, (h, w, 3).
        spec: input size and crop of the network.
        box: of the cell, in pixels of the image; None without one.
        ranges: how far each property may vary; each value is drawn uniformly, blur in half of the images.
        rng: random generator.

    Returns:
        uint8 RGB, (spec.height, spec.width, 3).
    """
    total = _compose(_geometry(spec, ranges, rng), fit_map(spec, image.shape[0], image.shape[1], box))
    shrink = 1 / math.sqrt(max(1e-9, abs(float(np.linalg.det(total[:, :2])))))
    fine = max(1, math.ceil(shrink))
    finer = np.array([[fine, 0, (fine - 1) / 2], [0, fine, (fine - 1) / 2]])
    size = (spec.width * fine, spec.height * fine)
    drawn = cv2.warpAffine(
        image, _compose(finer, total), size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    if fine > 1:
        drawn = cv2.resize(drawn, (spec.width, spec.height), interpolation=cv2.INTER_AREA)
    if ranges.blur and rng.random() < 0.5:
        drawn = cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.05, max(0.06, ranges.blur)))
    return _colors(np.asarray(drawn, dtype=np.uint8), ranges, rng)


def _compose(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 2 x 3 affine map that applies `inner`, then `outer`."""
    full = np.vstack([outer, [0, 0, 1]]) @ np.vstack([inner, [0, 0, 1]])
    return np.asarray(full[:2])


def _geometry(spec: PixelSpec, ranges: Ranges, rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a 2 x 3 affine map of the input's pixel coordinates: flips, rotation and scale about the center, shift."""
    angle = math.radians(rng.uniform(-ranges.rotate, ranges.rotate))
    size = math.exp(rng.uniform(-1, 1) * math.log1p(ranges.scale))
    cos, sin = size * math.cos(angle), size * math.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    if ranges.flip:
        linear = linear @ np.diag(rng.choice([-1.0, 1.0], 2))
    center = np.array([(spec.width - 1) / 2, (spec.height - 1) / 2])
    shift = rng.uniform(-ranges.shift, ranges.shift, 2) * (spec.width, spec.height)
    return np.column_stack([linear, center + shift - linear @ center])


def _colors(image: Image, ranges: Ranges, rng: np.random.Generator) -> Image:
    """Vary the gain of each channel, saturation, contrast and brightness, as one affine map of the colors."""
    gains = np.diag(1 + rng.uniform(-ranges.colour, ranges.colour, 3))
    saturation = 1 + rng.uniform(-ranges.saturation, ranges.saturation)
    gray = np.tile([0.299, 0.587, 0.114], (3, 1))
    contrast = 1 + rng.uniform(-ranges.contrast, ranges.contrast)
    brightness = 255 * rng.uniform(-ranges.brightness, ranges.brightness)
    linear = contrast * (saturation * np.eye(3) + (1 - saturation) * gray) @ gains
    middle = image.reshape(-1, 3).mean(0)
    offset = middle * (1 - contrast) + brightness
    mapped = cv2.transform(image.astype(np.float32), np.column_stack([linear, offset]).astype(np.float32))
    return np.asarray(np.clip(mapped + 0.5, 0, 255), dtype=np.uint8)
