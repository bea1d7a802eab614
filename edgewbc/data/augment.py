"""Training augmentation in one resampling: crop, resize, rotation, flips, scale and shift as one affine map.

The map is applied at an integer multiple of the input size and averaged down, so that downscaling has as little
aliasing as the area averaging of `pixels.prepare`, which evaluation uses; without augmentation the two agree closely.

Stain is varied where it acts, in optical density, as Tellez et al. (2018, IEEE Transactions on Medical Imaging
37:2126-2136) do for hematoxylin and eosin: what differs between laboratories is how much light the stains absorb, not
how bright a pixel is.
"""

from __future__ import annotations

import math
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edgewbc.pixels import Box, Image, PixelSpec, fit_map
from edgewbc.smear import stain
from edgewbc.smear.canonical import View, recolor


class AugmentRanges(Protocol):
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
    def color(self) -> float: ...
    @property
    def blur(self) -> float: ...
    @property
    def density(self) -> float: ...
    @property
    def mixing(self) -> float: ...
    @property
    def gamma(self) -> float: ...
    @property
    def white(self) -> float: ...
    @property
    def sharpen(self) -> float: ...
    @property
    def noise(self) -> float: ...
    @property
    def jpeg(self) -> float: ...
    @property
    def hide(self) -> float: ...


def augment(
    image: Image,
    spec: PixelSpec,
    box: Box | None,
    ranges: AugmentRanges,
    rng: np.random.Generator,
    view: View | None = None,
) -> Image:
    """Return a random variant of the prepared image (`smear.prepare.Preparer`).

    Args:
        image: uint8 RGB, (h, w, 3); with a view, the image without borders that it was located in (`Preparer.source`).
        spec: input size and crop of the network.
        box: of the cell, in pixels of the image; None without one.
        ranges: how far each property may vary; each value is drawn uniformly, blur in half of the images.
        rng: random generator.
        view: of the cell, for the crop `cell`; it takes the place of the box.

    Returns:
        uint8 RGB, (spec.height, spec.width, 3).
    """
    part = spec.rectangle(image.shape[0], image.shape[1], box) if view is None else view.part
    total = _compose(_geometry(spec, ranges, rng), fit_map(spec, part))
    shrink = 1 / math.sqrt(max(1e-9, abs(float(np.linalg.det(total[:, :2])))))
    fine = max(1, math.ceil(shrink))
    finer = np.array([[fine, 0, (fine - 1) / 2], [0, fine, (fine - 1) / 2]])
    size = (spec.width * fine, spec.height * fine)
    border = cv2.BORDER_REFLECT_101 if view is None else cv2.BORDER_CONSTANT
    fill = (0, 0, 0) if view is None else tuple(int(level) for level in view.background)
    drawn = cv2.warpAffine(
        image, _compose(finer, total), size, flags=cv2.INTER_LINEAR, borderMode=border, borderValue=fill
    )
    if fine > 1:
        drawn = cv2.resize(drawn, (spec.width, spec.height), interpolation=cv2.INTER_AREA)
    if ranges.blur and rng.random() < 0.5:
        drawn = cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.05, max(0.06, ranges.blur)))
    colored = np.asarray(drawn, dtype=np.uint8)
    if view is not None and spec.reference is not None:
        colored = recolor(colored, view, spec.reference)
    if ranges.density or ranges.mixing or ranges.gamma or ranges.white or ranges.hide:
        colored = _stain(colored, spec, ranges, rng)
    return _degrade(_colors(colored, ranges, rng), ranges, rng)


def _compose(outer: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 2 x 3 affine map that applies `inner`, then `outer`."""
    full = np.vstack([outer, [0, 0, 1]]) @ np.vstack([inner, [0, 0, 1]])
    return np.asarray(full[:2])


def _geometry(spec: PixelSpec, ranges: AugmentRanges, rng: np.random.Generator) -> NDArray[np.float64]:
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


def _colors(image: Image, ranges: AugmentRanges, rng: np.random.Generator) -> Image:
    """Vary the gain of each channel, saturation, contrast and brightness, as one affine map of the colors."""
    gains = np.diag(1 + rng.uniform(-ranges.color, ranges.color, 3))
    saturation = 1 + rng.uniform(-ranges.saturation, ranges.saturation)
    gray = np.tile([0.299, 0.587, 0.114], (3, 1))
    contrast = 1 + rng.uniform(-ranges.contrast, ranges.contrast)
    brightness = 255 * rng.uniform(-ranges.brightness, ranges.brightness)
    linear = contrast * (saturation * np.eye(3) + (1 - saturation) * gray) @ gains
    middle = image.reshape(-1, 3).mean(0)
    offset = middle * (1 - contrast) + brightness
    mapped = cv2.transform(image.astype(np.float32), np.column_stack([linear, offset]).astype(np.float32))
    return np.asarray(np.clip(mapped + 0.5, 0, 255), dtype=np.uint8)


def _stain(image: Image, spec: PixelSpec, ranges: AugmentRanges, rng: np.random.Generator) -> Image:
    """Vary optical density (gain, gamma, mixing of channels) and background; hide the surroundings of some cells."""
    if spec.reference is not None:
        white = np.rint(spec.reference.background).astype(np.uint8)
    else:
        white = stain.background(image)
    density = stain.optical_density(image, white).reshape(-1, 3)
    gains = np.exp(rng.uniform(-ranges.density, ranges.density, 3) + rng.uniform(-0.5, 0.5) * ranges.density)
    gamma = math.exp(rng.uniform(-ranges.gamma, ranges.gamma))
    if gamma != 1:
        density = np.power(density, np.float32(gamma))
    mix = (np.eye(3) + ranges.mixing * rng.standard_normal((3, 3))) * gains
    new_white = np.clip(white + rng.uniform(-ranges.white, ranges.white, 3), 100, 255)
    mixed = np.maximum(density @ mix.T.astype(np.float32), 0).reshape(image.shape)
    if rng.random() < ranges.hide:
        mixed = mixed * _disk(image.shape[0], image.shape[1], rng.uniform(0.5, 1.0))[..., None]
    found = (new_white.astype(np.float32) + 1) * np.exp(-mixed) - 1
    return np.asarray(np.clip(found + 0.5, 0, 255), dtype=np.uint8)


def _disk(height: int, width: int, radius: float) -> NDArray[np.float32]:
    """Return a disk with a soft edge, float32 (height, width), 1 inside; the radius is in halves of the image."""
    y = (np.arange(height, dtype=np.float32) - (height - 1) / 2) / (height / 2)
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / (width / 2)
    distance = np.hypot(y[:, None], x[None])
    return np.asarray(np.clip((np.float32(radius) - distance) * 10 + np.float32(0.5), 0, 1), dtype=np.float32)


def _degrade(image: Image, ranges: AugmentRanges, rng: np.random.Generator) -> Image:
    """Sharpen, add noise and compress, each in half of the images, as cameras and their software do."""
    if ranges.sharpen and rng.random() < 0.5:
        amount = rng.uniform(0, ranges.sharpen)
        soft = cv2.GaussianBlur(image, (0, 0), 1.0)
        image = np.asarray(cv2.addWeighted(image, 1 + amount, soft, -amount, 0), dtype=np.uint8)
    if ranges.noise and rng.random() < 0.5:
        noise = rng.standard_normal(image.shape, dtype=np.float32) * np.float32(rng.uniform(0, ranges.noise))
        image = np.asarray(np.clip(image + noise + np.float32(0.5), 0, 255), dtype=np.uint8)
    if ranges.jpeg and rng.random() < 0.5:
        quality = round(100 - 100 * rng.uniform(0, ranges.jpeg))
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
    return image
